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

}  // namespace

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
  append_plain(out, "peer", connection.address_text);
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
  const std::optional<policy::Decision>& decision = exchange.decision;
  out += '{';
  append_plain(out, "at", second_.of(exchange.now));
  append_plain(out, "effect", verdict.forward ? "allow" : "deny");
  append_number(out, "microseconds", exchange.microseconds);
  append_plain(out, "mode", "enforce");
  const bool step_up = decision && decision->outcome == policy::Outcome::step_up;
  if (step_up) {
    out += ",\"needs\":[";
    if (decision->login) {
      out += "\"login\"";
    }
    for (const policy::ConditionIndex index : decision->step_up) {
      separate(out);
      append_json_string(out, program.condition(index).name);
    }
    out += ']';
  }
  append_plain(out, "policy", program.digest_hex());
  out += ",\"reasons\":[\"";
  out.append(verdict.reason).append("\"],\"roles\":[");
  for (const policy::RoleIndex role : roles) {
    separate(out);
    append_json_string(out, program.role_name(role));
  }
  out += "],\"rule\":";
  if (!decision) {
    out += "null";
  } else if (decision->rules.empty() || step_up) {
    out += "\"default\"";
  } else {
    append_json_string(out, program.rule(decision->rules.front()).id);
  }
  if (decision && !step_up && decision->rules.size() > 1) {
    out += ",\"rules\":[";
    for (const policy::RuleIndex rule : decision->rules) {
      separate(out);
      append_json_string(out, program.rule(rule).id);
    }
    out += ']';
  }
  out += '}';
}

/// A path over its limit is cut like everything else; what was cut off follows, since the policy read it.
void AccessRecord::append_path(const Exchange& exchange) {
  std::string& out = event_.text();
  const std::string_view path = exchange.target->path.matched;
  append_text(out, "path", path, recorded_path_bytes);
  if (path.size() > recorded_path_bytes) {
    append_text(out, "path_rest", path.substr(cut_length(path, recorded_path_bytes)),
                policy::max_target_bytes);
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
  append_plain(out, "id", text_of(exchange.id));
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
  append_plain(out, "protocol",
               exchange.head != nullptr && exchange.head->version == 10 ? "HTTP/1.0" : "HTTP/1.1");
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
  if (choice.fields.trace && exchange.traceparent.size() > 35) {
    append_plain(out, "trace", std::string_view(exchange.traceparent).substr(3, 32));
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
  return event_.finish(verdict.forward ? "access.allow" : "access.deny", text_of(exchange.id),
                       TG_EVENT_AWAITED);
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
  if (!facts.upstream.empty()) {
    event_.member("upstream");
    append_json_string(out, facts.upstream);
  }
  return event_.finish("access.end", event_id, 0);
}

}  // namespace tallygate::access
