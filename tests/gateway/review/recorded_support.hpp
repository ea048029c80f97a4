#pragma once
/// Decisions as the gateway records them, for tests that read them.
#include "gateway/access/record.hpp"
#include "policy/evaluate/evaluate.hpp"

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::review::testing {

inline std::shared_ptr<const policy::Program> program_of(const std::string& text) {
  const policy::yaml::SourceFile source{"policy.yaml", text};
  return policy::load_program({&source, 1}).value();
}

class SentHeaders final : public policy::HeaderSource {
 public:
  std::vector<std::pair<std::string, std::string>> lines;
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name,
                                                       std::size_t index) const noexcept override {
    for (const auto& [known, value] : lines) {
      if (known == name && index-- == 0) {
        return value;
      }
    }
    return std::nullopt;
  }
};

/// Asks a policy and writes down what came of it, with the gateway's own recorder.
class Gateway {
 public:
  explicit Gateway(const std::string& policy) : program(program_of(policy)), scratch_(*program) {
    facts_.tls = {"TLSv1.3", "wiki.example.com"};
    facts_.address_text = "198.51.100.1";
    facts_.address = *policy::parse_address(facts_.address_text);
    route.name = "wiki";
    reads = access::policy_reads(program->policy());
  }

  /// A request; change what a test needs before record().
  std::shared_ptr<const policy::Program> program;
  std::shared_ptr<const policy::Program> shadow;
  access::PolicyReads reads;
  RouteSettings route;
  bool routed = true;
  identity::IdentityFacts who;
  std::string method = "GET";
  std::string host = "wiki.example.com";
  std::string target = "/pages/7";
  SentHeaders headers;
  std::string address = "192.0.2.9";
  access::SystemTime now{std::chrono::seconds{1'790'000'000}};

  /// Kind and members, sorted by name, of the event.
  std::pair<std::string, std::vector<std::pair<std::string, std::string>>> record() {
    const identity::IdentityPtr identity =
        who.user.empty() ? identity::anonymous_identity() : identity::make_identity(who);
    http::RequestHead head;
    head.method = method;
    head.target = target;
    for (const auto& [name, value] : headers.lines) {
      head.fields.add({name, value});
    }
    policy::CanonicalRequest request;
    policy::CanonicalScratch canonical;
    const std::string_view host_line = host;
    access::Exchange exchange;
    exchange.target_fault =
        policy::canonicalise({method, target, "HTTP/1.1", {&host_line, 1}}, *program, request, canonical);
    policy::Context context;
    context.now = std::chrono::floor<std::chrono::seconds>(now);
    context.client = policy::parse_address(address);
    context.auth_age = identity->auth_age(context.now);
    context.mfa_age = identity->mfa_age(context.now);
    context.auth_method = identity->auth_method();
    context.headers = &headers;
    context.route = routed ? std::string_view(route.name) : std::string_view();
    exchange.connection = &facts_;
    exchange.client = *context.client;
    exchange.now = now;
    exchange.id = ids_.uuid7(now);
    exchange.head = &head;
    exchange.head_fault = http::HeadFault::none;
    const std::string line = method + " " + target + " HTTP/1.1";
    exchange.line = line;
    exchange.target = &request;
    exchange.host_known = true;
    exchange.same_clients = true;
    exchange.reads = &reads;
    exchange.route = routed && exchange.target_fault == policy::RejectCode::none ? &route : nullptr;
    policy::DecideScratch beside(shadow ? *shadow : *program);
    if (exchange.target_fault == policy::RejectCode::none) {
      exchange.identity = identity;
      exchange.decision = policy::evaluate(*program, identity->principal, request, context, scratch_);
    }
    if (shadow && exchange.decision) {
      access::ShadowAnswer& answer = exchange.shadow.emplace();
      answer.program = shadow.get();
      answer.answer.decision =
          policy::evaluate(*shadow, identity->principal, request, context, beside.evaluation);
      answer.roles = beside.evaluation.roles().held();
    }
    const auto roles = exchange.decision ? scratch_.roles().held() : std::span<const policy::RoleIndex>{};
    const tg_event event = record_.decision(exchange, judge(exchange), *program, roles, "10.0.0.5:80");
    std::pair<std::string, std::vector<std::pair<std::string, std::string>>> out{view(event.kind), {}};
    for (std::size_t at = 0; at < event.member_count; ++at) {
      out.second.emplace_back(view(event.members[at].name), view(event.members[at].json));
    }
    return out;
  }

  /// The whole entry.
  std::string entry(std::uint64_t seq = 7, const std::string& time = "2026-09-21T14:13:20.000000000Z") {
    auto [kind, members] = record();
    members.emplace_back("gateway", "\"gw\"");
    members.emplace_back("id", "\"" + std::string(access::text_of(ids_.uuid7(now))) + "\"");
    members.emplace_back("kind", "\"" + kind + "\"");
    members.emplace_back("prev", "\"" + std::string(64, '0') + "\"");
    members.emplace_back("seq", std::to_string(seq));
    members.emplace_back("time", "\"" + time + "\"");
    members.emplace_back("v", "1");
    std::sort(members.begin(), members.end());
    std::string body = "{";
    for (const auto& [name, json] : members) {
      body.append(body.size() == 1 ? "\"" : ",\"").append(name).append("\":").append(json);
    }
    return body + "}";
  }

 private:
  static std::string view(tg_bytes bytes) { return {reinterpret_cast<const char*>(bytes.data), bytes.size}; }

  access::ConnectionFacts facts_;
  access::IdSource ids_;
  access::AccessRecord record_;
  policy::Scratch scratch_;
};

}  // namespace tallygate::review::testing
