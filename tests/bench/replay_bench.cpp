// Decisions on record, decided again: from the bytes of an entry to its class, on one core, with everything
// but the reading of files. And what a shadow policy costs beside a decision: the same again, no more.
#include "audit/journal/uuid.hpp"
#include "audit/sealing/sealer.hpp"
#include "audit/sealing/unsealer.hpp"
#include "audit/search/reader.hpp"
#include "gateway/review/decisions_check.hpp"
#include "gateway/review/replay_journal.hpp"
#include "tests/audit/support/collector.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/gateway/review/recorded_support.hpp"

#include <benchmark/benchmark.h>

#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using testing::Gateway;

/// Six applications with a hundred rules and conditions on a third of them.
std::string policy_text() {
  std::string text = "version: 1\npolicy: bench\nroles:\n";
  for (int i = 0; i < 20; ++i) {
    text += "  role" + std::to_string(i) + ": {}\n";
  }
  text += "bindings:\n";
  for (int i = 0; i < 20; ++i) {
    text += "  - {role: role" + std::to_string(i) + ", groups: [group" + std::to_string(i) + "]}\n";
  }
  text += "  - {role: role1, claims: {department: platform}}\nresources:\n";
  for (int i = 0; i < 100; ++i) {
    text += "  r" + std::to_string(i) + ": {hosts: [wiki.example.com], paths: [/p" + std::to_string(i) +
            "/**]}\n";
  }
  text += "conditions:\n  office: {ip_in: [192.0.2.0/24]}\n  fresh: {mfa_within: 15m}\nrules:\n";
  for (int i = 0; i < 100; ++i) {
    text += "  - {id: rule" + std::to_string(i) + ", effect: allow, roles: [role" + std::to_string(i % 20) +
            "], resources: [r" + std::to_string(i) + "], methods: [read]" +
            (i % 3 == 0   ? ", when: [office]}\n"
             : i % 3 == 1 ? ", when: [fresh]}\n"
                          : "}\n");
  }
  return text;
}

/// Asks as 300 people, 2,000 times; `take` writes down what came of it.
template <typename Take>
void for_each_person(Gateway& gateway, Take take) {
  for (int i = 0; i < 2'000; ++i) {
    gateway.who = {};
    gateway.who.method = identity::Method::oidc;
    gateway.who.issuer = "https://id.example.com";
    gateway.who.subject = gateway.who.user = "person" + std::to_string(i % 300);
    gateway.who.email = gateway.who.user + "@example.com";
    gateway.who.groups = {"group" + std::to_string(i % 20), "group" + std::to_string(i % 7), "everybody"};
    gateway.who.claims["department"] = i % 5 == 0 ? "platform" : "research";
    gateway.who.auth_time = gateway.now - std::chrono::seconds(i % 3'000);
    gateway.who.mfa_time = gateway.now - std::chrono::seconds(i % 2'000);
    gateway.who.session = "0123456789abcdef0123456789abcdef";
    gateway.target = "/p" + std::to_string(i % 100) + "/pages/" + std::to_string(i);
    take(i);
  }
}

std::vector<std::string> entries(Gateway& gateway) {
  std::vector<std::string> all;
  for_each_person(gateway, [&](int i) { all.push_back(gateway.entry(static_cast<std::uint64_t>(i))); });
  return all;
}

void replay(benchmark::State& state, const std::string& under) {
  Gateway gateway(policy_text());
  const std::vector<std::string> bodies = entries(gateway);
  const RecordedPolicies policies = RecordedPolicies::of({gateway.program});
  ReplayInput input;
  input.program = testing::program_of(under);
  input.policies = &policies;
  Replayer replayer(input);
  const OpenSeal open = [](const audit::PersonSeal&) { return std::optional<std::string_view>(); };
  std::size_t at = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    const std::string& body = bodies[at++ % bodies.size()];
    replayer.take(body, open);
    bytes += body.size();
  }
  if (replayer.groups().lost() + replayer.groups().unasked() > 0) {
    state.SkipWithError("an entry could not be replayed");
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void replay_under_the_same_policy(benchmark::State& state) {
  replay(state, policy_text());
}
BENCHMARK(replay_under_the_same_policy);

/// A third of the decisions changes, and is grouped.
void replay_under_another(benchmark::State& state) {
  std::string text = policy_text();
  text.replace(text.find("192.0.2.0/24"), 12, "10.0.0.0/8");
  replay(state, text);
}
BENCHMARK(replay_under_another);

/// The decisions of 300 people on disk, each sealed with a key of its own, as they stand in the journal.
std::vector<std::string> sealed_entries(audit::testing::Home& home, Gateway& gateway) {
  std::vector<std::string> all;
  audit::testing::Collector collector;
  {
    auto journal = audit::Journal::open(home.options()).value();
    const std::string origin = journal->origin();
    audit::Writer writer(std::move(journal), audit::WriterOptions{}, collector);
    audit::Sealer sealer(origin, writer, collector, {});
    std::uintptr_t number = 0;
    for_each_person(gateway, [&](int) {
      const auto [kind, members] = gateway.record();
      std::vector<audit::Member> views;
      for (const auto& [name, json] : members) {
        views.push_back({name, json});
      }
      const std::string id = audit::time_uuid(audit::system_clock()()).value();
      if (sealer.submit({kind, id, views}, audit::testing::Collector::ticket(++number), true).value()) {
        throw std::runtime_error("the sealer takes no more");
      }
      collector.wait(number);
    });
  }
  auto reader = audit::JournalReader::open(home.journal()).value();
  const auto read = reader.up(0, reader.end().value(), [&all](std::uint64_t, std::string_view body) {
    if (audit::looks_sealed(body)) {
      all.emplace_back(body);
    }
    return true;
  });
  if (!read) {
    throw std::runtime_error(read.error().message);
  }
  return all;
}

/// With the keyring on disk, as `policy replay -c` reads it.
void replay_of_sealed_people(benchmark::State& state) {
  Gateway gateway(policy_text());
  audit::testing::Home home;
  const std::vector<std::string> bodies = sealed_entries(home, gateway);
  auto unsealer = audit::Unsealer::open(home.keyring(), home.options().kek).value();
  const RecordedPolicies policies = RecordedPolicies::of({gateway.program});
  ReplayInput input;
  input.program = gateway.program;
  input.policies = &policies;
  Replayer replayer(input);
  std::string text;
  const OpenSeal open = [&](const audit::PersonSeal& seal) {
    auto opened = unsealer.opened(seal);
    text = opened ? std::move(*opened) : std::string();
    return opened ? std::optional<std::string_view>(text) : std::nullopt;
  };
  std::size_t at = 0;
  for (auto _ : state) {
    replayer.take(bodies[at++ % bodies.size()], open);
  }
  if (replayer.groups().lost() + replayer.groups().unasked() > 0) {
    state.SkipWithError("an entry could not be replayed");
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(replay_of_sealed_people);

void check_of_a_decision(benchmark::State& state) {
  Gateway gateway(policy_text());
  const std::vector<std::string> bodies = entries(gateway);
  const RecordedPolicies policies = RecordedPolicies::of({gateway.program});
  DecisionsCheck check(policies);
  const OpenSeal open = [](const audit::PersonSeal&) { return std::optional<std::string_view>(); };
  std::size_t at = 0;
  for (auto _ : state) {
    check.take(at, bodies[at % bodies.size()], open);
    ++at;
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(check_of_a_decision);

/// One decision as a session makes it, without (0) and with (1) a shadow beside it.
void decision_beside_a_shadow(benchmark::State& state) {
  const auto program = testing::program_of(policy_text());
  const auto shadow = testing::program_of(policy_text() +
                                          "  - {id: x, effect: deny, roles: [role0], "
                                          "resources: [r7], methods: [any]}\n");
  policy::Principal principal;
  principal.anonymous = false;
  principal.user = "person";
  principal.groups = {"group1", "group7", "everybody"};
  policy::CanonicalRequest request;
  request.method = "GET";
  request.host.name = "wiki.example.com";
  request.path.matched = "/p7/pages/1";
  policy::Context context;
  context.client = policy::parse_address("192.0.2.1");
  policy::Scratch scratch(*program);
  policy::Scratch beside(*shadow);
  policy::RoleSet roles;
  policy::RoleSet shadow_roles;
  policy::resolve(*program, principal, context.now, scratch, roles);
  policy::resolve(*shadow, principal, context.now, beside, shadow_roles);
  for (auto _ : state) {
    const auto decision = policy::evaluate(*program, principal, roles, request, context, scratch);
    benchmark::DoNotOptimize(decision);
    if (state.range(0) == 1) {
      const policy::Answer answer{policy::RejectCode::none, policy::evaluate(*shadow, principal, shadow_roles,
                                                                             request, context, beside)};
      benchmark::DoNotOptimize(policy::change_of(*program, decision, *shadow, answer));
    }
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(decision_beside_a_shadow)->Arg(0)->Arg(1);

}  // namespace
}  // namespace tallygate::review

BENCHMARK_MAIN();
