#include "gateway/access/forward_auth.hpp"

#include "gateway/access/forwarding.hpp"
#include "policy/request/canonical.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>
#include <array>

namespace tallygate::access {
namespace {

using boost::beast::iequals;
using boost::beast::http::field;

/// What a call says of the request it is about.
struct Told {
  std::string_view method;
  std::string_view host;
  std::string_view target;
};

/// Lines that speak of the call and not of the request.
bool is_of_call(const http::Field& line) noexcept {
  constexpr std::array<std::string_view, 6> told{"X-Original-URL",     "X-Original-Method",
                                                 "X-Forwarded-Method", "X-Forwarded-Host",
                                                 "X-Forwarded-Uri",    "X-Forwarded-Proto"};
  switch (line.id) {
    case field::host:
    case field::connection:
    case field::content_length:
    case field::expect:
    case field::te:
    case field::transfer_encoding:
    case field::upgrade:
      return true;
    default:
      return std::any_of(told.begin(), told.end(),
                         [&line](std::string_view name) { return iequals(line.name, name); });
  }
}

/// The value of a line that must be there once.
bool only(const http::Fields& fields, std::string_view name, std::string_view& value) noexcept {
  if (fields.count(name) != 1) {
    return false;
  }
  value = *fields.find(name);
  return !value.empty();
}

bool told_by_original(const http::Fields& fields, Told& told) noexcept {
  std::string_view url;
  policy::UrlParts parts;
  if (!only(fields, "X-Original-Method", told.method) || !only(fields, "X-Original-URL", url) ||
      !policy::split_url(url, parts)) {
    return false;
  }
  told.host = parts.authority;
  told.target = parts.target;
  return true;
}

bool told_by_forwarded(const http::Fields& fields, Told& told) noexcept {
  return only(fields, "X-Forwarded-Method", told.method) && only(fields, "X-Forwarded-Host", told.host) &&
         only(fields, "X-Forwarded-Uri", told.target);
}

bool told_by_path(const http::RequestHead& call, Told& told) noexcept {
  told.method = call.method;
  told.target = call.target.substr(authorize_path.size());
  return only(call.fields, "Host", told.host);
}

bool is_told(const http::RequestHead& call, ForwardAuthCaller caller, Told& told) noexcept {
  // Only whoever puts the request's own path behind it calls a path below; the others call one address.
  const std::string_view behind = call.target.substr(authorize_path.size());
  if (caller != ForwardAuthCaller::path && !behind.empty() && behind.front() == '/') {
    return false;
  }
  switch (caller) {
    case ForwardAuthCaller::original:
      return told_by_original(call.fields, told);
    case ForwardAuthCaller::forwarded:
      return told_by_forwarded(call.fields, told);
    case ForwardAuthCaller::path:
      return told_by_path(call, told);
  }
  return false;
}

bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), http::is_token_byte);
}

}  // namespace

bool asks_for_another(std::string_view target) noexcept {
  if (!target.starts_with(authorize_path)) {
    return false;
  }
  const std::string_view behind = target.substr(authorize_path.size());
  return behind.empty() || behind.front() == '/' || behind.front() == '?';
}

const ForwardAuthSettings* find_caller(const std::vector<ForwardAuthSettings>& callers,
                                       const policy::Address& address) noexcept {
  const auto found = std::find_if(callers.begin(), callers.end(), [&address](const ForwardAuthSettings& one) {
    return std::any_of(one.from.begin(), one.from.end(),
                       [&address](const policy::Network& network) { return network.contains(address); });
  });
  return found == callers.end() ? nullptr : &*found;
}

bool AskedRequest::read(const http::RequestHead& call, ForwardAuthCaller caller) {
  Told told;
  // A blank would end the method, the target or the line early where the line is read again.
  if (!is_told(call, caller, told) || !is_token(told.method) || told.target.empty() ||
      told.target.front() != '/' || told.target.find(' ') != std::string_view::npos) {
    return false;
  }
  line_.clear();
  line_.append(told.method).append(" ").append(told.target).append(" HTTP/1.1");
  head_.method = told.method;
  head_.target = told.target;
  head_.version = call.version;
  head_.fields.clear();
  head_.fields.add({"Host", told.host, field::host});
  for (const http::Field& line : call.fields.all()) {
    if (!is_of_call(line)) {
      head_.fields.add(line);
    }
  }
  return true;
}

identity::PageResponse granted(const identity::Identity& identity, const IdentityHeaders& wanted,
                               std::string_view assertion) {
  const bool known = !identity.anonymous();
  identity::PageResponse answer;
  answer.fields.emplace_back("Cache-Control", "no-store");
  const auto tell = [&answer](const char* name, bool said, std::string_view value) {
    std::string text;
    if (said) {
      append_safe_value(text, value);
    }
    answer.fields.emplace_back(name, std::move(text));
  };
  tell("X-Forwarded-User", known && wanted.user, identity.user);
  tell("X-Forwarded-Email", known && wanted.email, identity.email);
  tell("X-Forwarded-Groups", known && wanted.groups, identity.groups_csv);
  tell("X-Tallygate-Assertion", known && wanted.jwt, assertion);
  return answer;
}

void fit_for_caller(identity::PageResponse& answer, ForwardAuthCaller caller, std::string_view authority) {
  constexpr unsigned ok = 200;
  constexpr unsigned see_other = 303;
  constexpr unsigned unauthorised = 401;
  constexpr unsigned forbidden = 403;
  constexpr unsigned server_error = 500;
  for (auto& [name, value] : answer.fields) {
    if (name == "Location" && value.starts_with('/')) {
      value.insert(0, "https://" + std::string(authority));
    }
  }
  if (caller == ForwardAuthCaller::original && answer.status != ok && answer.status < server_error &&
      answer.status != unauthorised) {
    answer.status = answer.status == see_other ? unauthorised : forbidden;
  }
}

}  // namespace tallygate::access
