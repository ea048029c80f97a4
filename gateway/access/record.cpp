#include "gateway/access/record.hpp"

#include "gateway/access/json.hpp"
#include "gateway/access/record_headers.hpp"

#include <stdexcept>

namespace tallygate::access {
namespace {

tg_bytes bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// Appends the comma between two parts of an object.
void separate(std::string& out) {
  if (out.back() != '{' && out.back() != '[') {
    out += ',';
  }
}

void append_text(std::string& out, std::string_view name, std::string_view value,
                 std::size_t limit = recorded_header_bytes) {
  separate(out);
  append_json_text(out, name, value, limit);
}

void append_plain(std::string& out, std::string_view name, std::string_view value) {
  separate(out);
  out.append("\"").append(name).append("\":\"").append(value).append("\"");
}

void append_number(std::string& out, std::string_view name, std::uint64_t value) {
  separate(out);
  out.append("\"").append(name).append("\":");
  append_json_integer(out, static_cast<std::int64_t>(value));
}

/// What `decision` and its `shadow` have in common.
struct AnswerText {
  std::string_view effect;
  std::string_view mode;
  std::string_view reason;
  const policy::Decision* decision;  ///< null: the policy was not asked
  std::uint32_t microseconds;
  const policy::Program& program;
  std::span<const policy::RoleIndex> roles;
};

template <typename Indexes, typename Name>
void append_names(std::string& out, const Indexes& indexes, Name name) {
  for (const auto index : indexes) {
    separate(out);
    append_json_string(out, name(index));
  }
  out += ']';
}

void append_answer(std::string& out, const AnswerText& answer) {
  const policy::Program& program = answer.program;
  const policy::Decision* decision = answer.decision;
  const auto rule_id = [&program](policy::RuleIndex rule) { return program.rule(rule).id; };
  append_plain(out, "effect", answer.effect);
  append_number(out, "microseconds", answer.microseconds);
  append_plain(out, "mode", answer.mode);
  const bool step_up = decision != nullptr && decision->outcome == policy::Outcome::step_up;
  if (step_up) {
    out += decision->login ? ",\"needs\":[\"login\"" : ",\"needs\":[";
    append_names(out, decision->step_up,
                 [&program](policy::ConditionIndex index) { return program.condition(index).name; });
  }
  append_plain(out, "policy", program.digest_hex());
  out += ",\"reasons\":[\"";
  out.append(answer.reason).append("\"],\"roles\":[");
  append_names(out, answer.roles, [&program](policy::RoleIndex role) { return program.role_name(role); });
  out += ",\"rule\":";
  if (decision == nullptr) {
    out += "null";
  } else if (decision->rules.empty() || step_up) {
    out += "\"default\"";
  } else {
    append_json_string(out, rule_id(decision->rules.front()));
  }
  if (decision != nullptr && !step_up && decision->rules.size() > 1) {
    out += ",\"rules\":[";
    append_names(out, decision->rules, rule_id);
  }
}

std::string_view protocol_of(const Exchange& exchange) noexcept {
  if (exchange.connection->tls.http2) {
    return "HTTP/2.0";
  }
  return exchange.head != nullptr && exchange.head->version == 10 ? "HTTP/1.0" : "HTTP/1.1";
}

/// Why a policy answers so, in the words of a verdict.
std::string_view reason_of(const policy::Decision& decision) noexcept {
  if (decision.outcome == policy::Outcome::step_up) {
    return decision.login ? "login" : "step-up";
  }
  return decision.rules.empty() ? "default" : "rule";
}

}  // namespace

std::string_view sent_path(std::string_view target) noexcept {
  policy::UrlParts url;
  if (policy::split_url(target, url)) {
    target = url.target;
  }
  const std::string_view path = target.substr(0, target.find('?'));
  return path.empty() ? std::string_view("/") : path;
}

void EventText::member(std::string_view name) {
  if (count_ == members_max) {
    throw std::logic_error("an event has more members than EventText holds");
  }
  members_[count_++] = {name, text_.size()};
}

tg_event EventText::finish(std::string_view kind, std::string_view id, std::uint32_t flags) {
  for (std::size_t at = 0; at < count_; ++at) {
    const std::size_t end = at + 1 < count_ ? members_[at + 1].begin : text_.size();
    views_[at].name = bytes_of(members_[at].name);
    views_[at].json = bytes_of(std::string_view(text_).substr(members_[at].begin, end - members_[at].begin));
  }
  tg_event event{};
  event.size = sizeof event;
  event.kind = bytes_of(kind);
  event.id = bytes_of(id);
  event.members = views_.data();
  event.member_count = count_;
  event.flags = flags;
  return event;
}

const RecordChoice& choice_of(const Exchange& exchange) noexcept {
  static const RecordChoice everything;
  if (exchange.route != nullptr) {
    return exchange.route->record;
  }
  return exchange.recording != nullptr ? *exchange.recording : everything;
}

void AccessRecord::append_actor(const Exchange& exchange) {
  const RecordFields& chosen = choice_of(exchange).fields;
  identity::ActorFields fields;
  fields.email = chosen.email;
  fields.all_claims = chosen.claims == RecordedNames::all;
  fields.all_groups = chosen.groups == RecordedNames::all;
  if (exchange.reads != nullptr) {
    fields.policy_claims = &exchange.reads->claims;
    fields.policy_groups = &exchange.reads->groups;
  }
  identity::append_actor(exchange.identity ? *exchange.identity : *identity::anonymous_identity(),
                         exchange.now, fields, event_.text());
}

void AccessRecord::append_client(const Exchange& exchange) {
  const ConnectionFacts& connection = *exchange.connection;
  const RecordFields& fields = choice_of(exchange).fields;
  std::string& out = event_.text();
  out += '{';
  if (exchange.client == connection.address) {
    append_plain(out, "address", connection.address_text);
  } else {
    append_plain(out, "address", policy::to_string(exchange.client));
  }
  if (connection.certificate) {
    append_plain(out, "certificate", connection.certificate->fingerprint());
  }
  if (exchange.client != connection.address) {
    append_plain(out, "peer", connection.address_text);
  }
  append_number(out, "port", connection.port);
  if (fields.tls && !connection.tls.sni.empty()) {
    append_text(out, "sni", connection.tls.sni);
  }
  if (fields.tls) {
    append_plain(out, "tls", connection.tls.version);
  }
  if (fields.user_agent && exchange.head != nullptr) {
    if (const auto agent = exchange.head->fields.find(boost::beast::http::field::user_agent)) {
      append_text(out, "user_agent", *agent);
    }
  }
  out += '}';
}

void AccessRecord::append_decision(const Exchange& exchange, const Verdict& verdict,
                                   const policy::Program& program, std::span<const policy::RoleIndex> roles) {
  std::string& out = event_.text();
  out += '{';
  append_plain(out, "at", second_.of(exchange.now));
  append_answer(out,
                {verdict.forward ? "allow" : "deny", "enforce", verdict.reason,
                 exchange.decision ? &*exchange.decision : nullptr, exchange.microseconds, program, roles});
  if (exchange.shadow) {
    const ShadowAnswer& shadow = *exchange.shadow;
    const policy::Decision& decision = shadow.answer.decision;
    const bool refused = shadow.answer.code != policy::RejectCode::none;
    out += ",\"shadow\":{";
    append_answer(out, {decision.outcome == policy::Outcome::allow ? "allow" : "deny", "shadow",
                        refused ? to_string(shadow.answer.code) : reason_of(decision),
                        refused ? nullptr : &decision, shadow.microseconds, *shadow.program, shadow.roles});
    out += '}';
  }
  out += '}';
}

/// A path over its limit is cut like everything else; what was cut off follows, since the policy read it. So
/// does the path as it was sent where path options of another policy could read it in another way.
void AccessRecord::append_path(const Exchange& exchange) {
  std::string& out = event_.text();
  const std::string_view path = exchange.target->path.matched;
  append_text(out, "path", path, recorded_path_bytes);
  if (path.size() > recorded_path_bytes) {
    append_text(out, "path_rest", path.substr(cut_length(path, recorded_path_bytes)),
                policy::max_target_bytes);
  }
  std::string_view sent;
  if (exchange.rewritten != nullptr) {
    sent = sent_path(exchange.rewritten->target);
  } else if (exchange.head != nullptr) {
    sent = sent_path(exchange.head->target);
  }
  if (sent != path && policy::depends_on_options(sent)) {
    scratch_.clear();
    append_masked_path(scratch_, sent);
    append_text(out, "path_sent", scratch_, recorded_path_bytes);
  }
}

void AccessRecord::append_query(const Exchange& exchange) {
  static const std::vector<std::string> none;
  const std::vector<std::string>* plain = &none;
  if (exchange.route != nullptr) {
    plain = &exchange.route->query_values;
  } else if (exchange.recording != nullptr) {
    plain = &exchange.recording->query_values;
  }
  scratch_.clear();
  append_masked_query(scratch_, exchange.target->query, *plain);
  append_text(event_.text(), "query", scratch_, recorded_query_bytes);
}

void AccessRecord::append_request(const Exchange& exchange) {
  std::string& out = event_.text();
  const RecordChoice& choice = choice_of(exchange);
  out += '{';
  const bool canonical = exchange.target_fault == policy::RejectCode::none && exchange.target != nullptr;
  if (exchange.head != nullptr) {
    static const PolicyReads nothing;
    append_headers(out, exchange.head->fields, exchange.reads != nullptr ? *exchange.reads : nothing,
                   choice.headers);
  }
  if (canonical) {
    append_text(out, "host", exchange.target->host.name);
  }
  if (!canonical) {
    scratch_.clear();
    append_masked_line(scratch_, exchange.line, choice.fields.query);
    append_text(out, "line", scratch_, recorded_path_bytes);
  }
  if (exchange.head != nullptr) {
    append_text(out, "method", exchange.head->method);
  }
  if (canonical) {
    append_path(exchange);
  }
  append_plain(out, "protocol", protocol_of(exchange));
  if (choice.fields.query && canonical && exchange.target->has_query) {
    append_query(exchange);
  }
  if (choice.fields.referer && exchange.head != nullptr) {
    if (const auto referer = exchange.head->fields.find(boost::beast::http::field::referer)) {
      scratch_.clear();
      append_masked_url(scratch_, *referer, {});
      append_text(out, "referer", scratch_);
    }
  }
  if (exchange.rewritten != nullptr) {
    separate(out);
    out += "\"rewritten\":{";
    append_text(out, "from", exchange.rewritten->from, recorded_path_bytes);
    append_plain(out, "of", text_of(exchange.id));
    out += '}';
  }
  if (choice.fields.trace && exchange.sent_trace) {
    append_plain(out, "trace", std::string_view(exchange.traceparent).substr(3, 32));
  }
  if (exchange.asked) {
    append_plain(out, "via", "forward-auth");
  }
  out += '}';
}

tg_event AccessRecord::decision(const Exchange& exchange, const Verdict& verdict,
                                const policy::Program& program, std::span<const policy::RoleIndex> roles,
                                std::string_view upstream) {
  event_.clear();
  event_.member("actor");
  append_actor(exchange);
  event_.member("client");
  append_client(exchange);
  event_.member("decision");
  append_decision(exchange, verdict, program, roles);
  event_.member("request");
  append_request(exchange);
  if (exchange.route != nullptr) {
    event_.member("resource");
    std::string& out = event_.text();
    out += '{';
    append_text(out, "route", exchange.route->name);
    if (!upstream.empty()) {
      append_text(out, "upstream", upstream);
    }
    out += '}';
  }
  if (exchange.identity && !exchange.identity->session.empty()) {
    event_.member("session");
    event_.text() += '{';
    append_plain(event_.text(), "id", exchange.identity->session);
    event_.text() += '}';
  }
  const UuidText& id = exchange.rewritten != nullptr ? exchange.rewritten->entry : exchange.id;
  return event_.finish(verdict.forward ? "access.allow" : "access.deny", text_of(id), TG_EVENT_AWAITED);
}

tg_event AccessRecord::end(const Exchange& exchange, const EndFacts& facts, std::string_view event_id) {
  event_.clear();
  std::string& out = event_.text();
  event_.member("bytes");
  out += '{';
  append_number(out, "in", facts.bytes_in);
  append_number(out, "out", facts.bytes_out);
  out += '}';
  event_.member("ended");
  append_json_string(out, facts.ended);
  event_.member("milliseconds");
  append_json_integer(out, static_cast<std::int64_t>(facts.milliseconds));
  event_.member("of");
  append_json_integer(out, static_cast<std::int64_t>(facts.of));
  event_.member("request");
  out += '{';
  append_plain(out, "id", text_of(exchange.id));
  out += '}';
  event_.member("status");
  append_json_integer(out, facts.status);
  if (!facts.tried.empty()) {
    event_.member("tried");
    out += '[';
    for (const std::string_view server : facts.tried) {
      separate(out);
      append_json_string(out, server);
    }
    out += ']';
  }
  if (!facts.upstream.empty()) {
    event_.member("upstream");
    append_json_string(out, facts.upstream);
  }
  return event_.finish("access.end", event_id, 0);
}

}  // namespace tallygate::access
