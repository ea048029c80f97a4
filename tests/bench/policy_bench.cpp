// One policy decision: a thousand rules, the role models that Casbin publishes figures for (small, medium,
// large), and API authorisation in the shape of Open Policy Agent's benchmark. `Full` finds the roles and
// decides; `Cached` decides with the roles of a session at hand.
#include "policy/evaluate/evaluate.hpp"
#include "policy/language/loader.hpp"
#include "policy/program/program.hpp"
#include "policy/request/canonical.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <span>
#include <string>

namespace tallygate::policy {
namespace {

using ProgramPtr = std::shared_ptr<const Program>;

ProgramPtr compile(std::string text) {
  const yaml::SourceFile file{"bench.yaml", std::move(text)};
  return load_program(std::span(&file, 1)).value();
}

CanonicalRequest request(const Program& program, std::string_view method, std::string_view host,
                         std::string_view target) {
  RawRequest raw;
  raw.method = method;
  raw.target = target;
  raw.hosts = std::span(&host, 1);
  CanonicalRequest out;
  CanonicalScratch scratch;
  if (canonicalise(raw, program, out, scratch) != RejectCode::none) {
    std::abort();
  }
  return out;
}

Principal person(std::string user, std::vector<std::string> groups = {}) {
  Principal principal;
  principal.anonymous = false;
  principal.user = std::move(user);
  principal.groups = std::move(groups);
  return principal;
}

void expect(benchmark::State& state, const Decision& decision, Outcome outcome) {
  if (decision.outcome != outcome) {
    state.SkipWithError("the decision is not the one to be measured");
  }
}

void full(benchmark::State& state, const Program& program, const Principal& principal,
          const CanonicalRequest& asked, const Context& context, Outcome outcome) {
  Scratch scratch(program);
  expect(state, evaluate(program, principal, asked, context, scratch), outcome);
  for (auto _ : state) {
    benchmark::DoNotOptimize(evaluate(program, principal, asked, context, scratch));
  }
  state.SetItemsProcessed(state.iterations());
}

void cached(benchmark::State& state, const Program& program, const Principal& principal,
            const CanonicalRequest& asked, const Context& context, Outcome outcome) {
  Scratch scratch(program);
  RoleSet roles;
  resolve(program, principal, context.now, scratch, roles);
  expect(state, evaluate(program, principal, roles, asked, context, scratch), outcome);
  for (auto _ : state) {
    benchmark::DoNotOptimize(evaluate(program, principal, roles, asked, context, scratch));
  }
  state.SetItemsProcessed(state.iterations());
}

/// 1,000 rules over 50 hosts with 20 paths each, 40 roles that include each other in chains of four,
/// conditions on a third of the rules, a deny rule in ten.
std::string thousand_rules() {
  std::string text = "version: 1\npolicy: thousand\nroles:\n";
  for (int i = 0; i < 40; ++i) {
    text += "  role" + std::to_string(i) +
            (i % 4 == 0 ? ": {}\n" : ": {includes: [role" + std::to_string(i - 1) + "]}\n");
  }
  text += "bindings:\n";
  for (int i = 0; i < 40; ++i) {
    text += "  - {role: role" + std::to_string(i) + ", groups: [group" + std::to_string(i) + "]}\n";
  }
  text +=
      "conditions:\n  office: {ip_in: [10.0.0.0/8, 192.168.0.0/16]}\n  mfa: {mfa_within: 15m}\n"
      "  laptop: {device: {managed: true, disk_encrypted: true}}\n  strong: {any: [office, "
      "mfa]}\nresources:\n";
  for (int i = 0; i < 1000; ++i) {
    text += "  res" + std::to_string(i) + ": {hosts: [host" + std::to_string(i / 20) +
            ".example.com], paths: [/app" + std::to_string(i % 20) + "/section/**]}\n";
  }
  text += "rules:\n";
  for (int i = 0; i < 1000; ++i) {
    const bool deny = i % 10 == 9;
    text += "  - {id: rule" + std::to_string(i) + ", effect: " + (deny ? "deny" : "allow") +
            ", roles: [role" + std::to_string(i % 40) + "], resources: [res" + std::to_string(i) +
            (deny ? ", res" + std::to_string(i - 1) : std::string()) + "], methods: [" +
            (i % 2 == 0 ? "read" : "any") + "]" +
            (deny         ? ", unless: [office]"
             : i % 3 == 0 ? ", when: [laptop, strong]"
                          : "") +
            "}\n";
  }
  return text;
}

void thousand(benchmark::State& state, bool with_roles) {
  const ProgramPtr program = compile(thousand_rules());
  // Rule 498 (allow) and rule 499 (deny, lifted in the office) both speak of this path.
  const CanonicalRequest asked = request(*program, "GET", "host24.example.com", "/app18/section/page/7");
  const Principal principal = person("ana@example.com", {"staff", "group18", "group19", "group3"});
  const std::vector<Attribute> device{{"managed", {Value(true)}}, {"disk_encrypted", {Value(true)}}};
  Context context;
  context.client = parse_address("10.1.2.3");
  context.mfa_age = std::chrono::seconds(60);
  context.device = device;
  with_roles ? full(state, *program, principal, asked, context, Outcome::allow)
             : cached(state, *program, principal, asked, context, Outcome::allow);
}
void BM_ThousandRulesFull(benchmark::State& state) {
  thousand(state, true);
}
void BM_ThousandRulesCached(benchmark::State& state) {
  thousand(state, false);
}
BENCHMARK(BM_ThousandRulesFull);
BENCHMARK(BM_ThousandRulesCached);

/// Casbin's role model: role i may read /data<i/10>, user u has role u/10.
ProgramPtr casbin(std::int64_t roles, std::int64_t users) {
  std::string text = "version: 1\npolicy: casbin\nroles:\n";
  for (std::int64_t i = 0; i < roles; ++i) {
    text += "  group" + std::to_string(i) + ": {}\n";
  }
  text += "bindings:\n";
  for (std::int64_t i = 0; i < roles; ++i) {
    text += "  - {role: group" + std::to_string(i) + ", users: [";
    for (std::int64_t user = i * users / roles; user < (i + 1) * users / roles; ++user) {
      text += (user == i * users / roles ? "user" : ", user") + std::to_string(user);
    }
    text += "]}\n";
  }
  text += "resources:\n";
  for (std::int64_t i = 0; i * 10 < roles; ++i) {
    text += "  data" + std::to_string(i) + ": {hosts: [data.example.com], paths: [/data" + std::to_string(i) +
            "]}\n";
  }
  text += "rules:\n";
  for (std::int64_t i = 0; i < roles; ++i) {
    text += "  - {id: p" + std::to_string(i) + ", effect: allow, roles: [group" + std::to_string(i) +
            "], resources: [data" + std::to_string(i / 10) + "], methods: [read]}\n";
  }
  return compile(std::move(text));
}

/// The published request, which nothing allows: user U/2+1 and data R/10-1.
void BM_CasbinDenyFull(benchmark::State& state) {
  const ProgramPtr program = casbin(state.range(0), state.range(1));
  const CanonicalRequest asked =
      request(*program, "GET", "data.example.com", "/data" + std::to_string(state.range(0) / 10 - 1));
  full(state, *program, person("user" + std::to_string(state.range(1) / 2 + 1)), asked, {}, Outcome::deny);
}
/// The same user and the data that is theirs.
void BM_CasbinAllowFull(benchmark::State& state) {
  const ProgramPtr program = casbin(state.range(0), state.range(1));
  const CanonicalRequest asked =
      request(*program, "GET", "data.example.com", "/data" + std::to_string(state.range(0) / 2 / 10));
  full(state, *program, person("user" + std::to_string(state.range(1) / 2 + 1)), asked, {}, Outcome::allow);
}
/// Small, medium and large.
void sizes(benchmark::internal::Benchmark* bench) {
  bench->Args({100, 1'000})->Args({1'000, 10'000})->Args({10'000, 100'000})->ArgNames({"roles", "users"});
}
BENCHMARK(BM_CasbinDenyFull)->Apply(sizes);
BENCHMARK(BM_CasbinAllowFull)->Apply(sizes);

void BM_CasbinLoad(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(casbin(state.range(0), state.range(1)));
  }
}
BENCHMARK(BM_CasbinLoad)->Apply(sizes)->Unit(benchmark::kMillisecond);

/// 10,000 rules and 100,000 bindings, each with a user of its own: from the text of the file to a program.
std::string hundred_thousand_bindings() {
  std::string text = "version: 1\npolicy: big\nroles:\n";
  for (int i = 0; i < 10'000; ++i) {
    text += "  role" + std::to_string(i) + ": {}\n";
  }
  text += "bindings:\n";
  for (int i = 0; i < 100'000; ++i) {
    text += "  - {role: role" + std::to_string(i / 10) + ", users: [user" + std::to_string(i) + "]}\n";
  }
  text += "resources:\n";
  for (int i = 0; i < 1'000; ++i) {
    text += "  data" + std::to_string(i) + ": {hosts: [data.example.com], paths: [/data" + std::to_string(i) +
            "/**]}\n";
  }
  text += "rules:\n";
  for (int i = 0; i < 10'000; ++i) {
    text += "  - {id: p" + std::to_string(i) + ", effect: allow, roles: [role" + std::to_string(i) +
            "], resources: [data" + std::to_string(i / 10) + "], methods: [read]}\n";
  }
  return text;
}

void BM_Load(benchmark::State& state) {
  const std::string text = hundred_thousand_bindings();
  for (auto _ : state) {
    benchmark::DoNotOptimize(compile(text));
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
/// Of that the time that YAML takes.
void BM_LoadYaml(benchmark::State& state) {
  const std::string text = hundred_thousand_bindings();
  for (auto _ : state) {
    benchmark::DoNotOptimize(yaml::parse(text, "bench.yaml").value().root());
  }
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(text.size()));
}
BENCHMARK(BM_Load)->Unit(benchmark::kMillisecond);
BENCHMARK(BM_LoadYaml)->Unit(benchmark::kMillisecond);

/// 1,000 tokens, each of which may GET and POST N of the resource types /api/v1/resourcetype-<i>/*.
ProgramPtr api(std::int64_t profiles) {
  std::string text = "version: 1\npolicy: api\nroles:\n";
  for (int i = 0; i < 1000; ++i) {
    text += "  t" + std::to_string(i) + ": {}\n";
  }
  text += "bindings:\n";
  for (int i = 0; i < 1000; ++i) {
    text += "  - {role: t" + std::to_string(i) + ", users: [token-" + std::to_string(i) + "]}\n";
  }
  text += "resources:\n";
  std::string all;
  for (std::int64_t i = 0; i < profiles; ++i) {
    const std::string number = std::to_string(i);
    text +=
        "  type" + number + ": {hosts: [api.example.com], paths: [/api/v1/resourcetype-" + number + "/*]}\n";
    all += (i == 0 ? "type" : ", type") + number;
  }
  text += "rules:\n";
  for (int i = 0; i < 1000; ++i) {
    text += "  - {id: r" + std::to_string(i) + ", effect: allow, roles: [t" + std::to_string(i) +
            "], resources: [" + all + "], methods: [GET, POST]}\n";
  }
  return compile(std::move(text));
}

void api_case(benchmark::State& state, std::string user, std::string_view method, bool known_path,
              Outcome outcome) {
  const ProgramPtr program = api(state.range(0));
  const std::string type = std::to_string(known_path ? state.range(0) - 1 : state.range(0));
  const CanonicalRequest asked =
      request(*program, method, "api.example.com", "/api/v1/resourcetype-" + type + "/resource-1");
  full(state, *program, person(std::move(user)), asked, {}, outcome);
}
void BM_ApiAllow(benchmark::State& state) {
  api_case(state, "token-999", "POST", true, Outcome::allow);
}
void BM_ApiUnknownIdentity(benchmark::State& state) {
  api_case(state, "nobody", "POST", true, Outcome::deny);
}
void BM_ApiUnknownPath(benchmark::State& state) {
  api_case(state, "token-999", "POST", false, Outcome::deny);
}
void BM_ApiUnknownMethod(benchmark::State& state) {
  api_case(state, "token-999", "DELETE", true, Outcome::deny);
}
BENCHMARK(BM_ApiAllow)->Arg(10)->Arg(100)->Arg(1000);
BENCHMARK(BM_ApiUnknownIdentity)->Arg(1000);
BENCHMARK(BM_ApiUnknownPath)->Arg(1000);
BENCHMARK(BM_ApiUnknownMethod)->Arg(1000);

/// From the bytes of a request line to the decision: the canonical request and the rest.
void BM_CanonicaliseAndDecide(benchmark::State& state) {
  const ProgramPtr program = compile(thousand_rules());
  const Principal principal = person("ana@example.com", {"staff", "group18", "group19", "group3"});
  const std::string_view host = "host24.example.com";
  RawRequest raw;
  raw.method = "GET";
  raw.target = "/app18/section/page/7?q=1";
  raw.hosts = std::span(&host, 1);
  Context context;
  context.client = parse_address("10.1.2.3");
  Scratch scratch(*program);
  CanonicalRequest asked;
  CanonicalScratch canonical;
  for (auto _ : state) {
    if (canonicalise(raw, *program, asked, canonical) != RejectCode::none) {
      state.SkipWithError("refused");
    }
    benchmark::DoNotOptimize(evaluate(*program, principal, asked, context, scratch));
  }
}
BENCHMARK(BM_CanonicaliseAndDecide);

}  // namespace
}  // namespace tallygate::policy

BENCHMARK_MAIN();
