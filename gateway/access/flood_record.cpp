#include "gateway/access/flood_record.hpp"

#include "gateway/access/ids.hpp"
#include "gateway/access/json.hpp"

namespace tallygate::access {
namespace {

void append_number(std::string& out, std::uint64_t value) {
  append_json_integer(out, static_cast<std::int64_t>(value));
}

void append_accounts(EventText& event, const Suppressed& sum) {
  std::string& out = event.text();
  if (!sum.users.empty()) {
    event.member("accounts");
    char before = '[';
    for (const auto& [user, count] : sum.users) {
      out += before;
      out += "{\"count\":";
      append_number(out, count);
      out += ",\"user\":" + user + '}';
      before = ',';
    }
    out += ']';
  }
  if (sum.further_users > 0) {
    event.member("accounts_more");
    append_number(out, sum.further_users);
  }
}

void append_client(EventText& event, const policy::Network& source) {
  event.member("client");
  constexpr std::uint8_t whole = 128;
  if (source.prefix == whole) {
    event.text() += "{\"address\":\"" + policy::to_string(source.address) + "\"}";
  } else {
    event.text() += "{\"network\":\"" + policy::to_string(source) + "\"}";
  }
}

void append_limit(EventText& event, const FloodLimits& limits) {
  event.member("limit");
  event.text() += "{\"entries\":";
  append_number(event.text(), limits.entries);
  event.text() += ",\"milliseconds\":";
  append_json_integer(event.text(), limits.per.count());
  event.text() += '}';
}

void append_reasons(EventText& event, const Suppressed& sum) {
  event.member("reasons");
  std::string& out = event.text();
  char before = '[';
  for (const auto& [key, count] : sum.reasons) {
    out += before;
    out += "{\"count\":";
    append_number(out, count);
    out += ",\"kind\":";
    append_json_string(out, key.first);
    out += ",\"reason\":";
    append_json_string(out, key.second);
    out += '}';
    before = ',';
  }
  out += ']';
}

}  // namespace

void append_suppressed(EventText& event, const Suppressed& sum) {
  std::string& out = event.text();
  SecondText second;
  append_accounts(event, sum);
  if (sum.begins) {
    event.member("begins");
    out += "true";
  }
  if (sum.source) {
    append_client(event, *sum.source);
  }
  event.member("count");
  append_number(out, sum.count);
  event.member("first");
  out.append("\"").append(second.of(sum.first)).append("\"");
  event.member("last");
  out.append("\"").append(second.of(sum.last)).append("\"");
  append_limit(event, sum.limits);
  if (!sum.source) {
    event.member("overflow");
    out += "true";
  }
  append_reasons(event, sum);
}

}  // namespace tallygate::access
