#include "gateway/http2/request_head.hpp"

#include "policy/request/host.hpp"

#include <boost/beast/http/field.hpp>

#include <algorithm>

namespace tallygate::http2 {
namespace {

using boost::beast::http::field;
using http::HeadFault;
using Kind = http::Framing::Kind;

constexpr std::uint16_t https_port = 443;
constexpr std::string_view cookie_name = "cookie";
constexpr std::string_view cookie_separator = "; ";

}  // namespace

void RequestBlock::clear() noexcept {
  FieldBlock::clear();
  pseudo_ = {};
  head_.method = {};
  head_.target = {};
  head_.version = version_number;
  head_.fields.clear();
  rules_ = {};
  length_.reset();
  line_.clear();
}

bool RequestBlock::readable() const noexcept {
  switch (fault()) {
    case HeadFault::none:
    case HeadFault::content_length:
    case HeadFault::expectation:
    case HeadFault::upgrade:
      return true;
    default:
      return false;
  }
}

std::string_view RequestBlock::pseudo(Pseudo which) const noexcept {
  return pseudo_[which] ? text(*pseudo_[which]) : std::string_view();
}

void RequestBlock::add_pseudo(std::string_view name, std::string_view value) {
  static constexpr std::array<std::string_view, pseudo_count> names{"method", "scheme", "authority", "path",
                                                                    "protocol"};
  const auto* const at = std::find(names.begin(), names.end(), name);
  const bool printable = std::all_of(
      value.begin(), value.end(), [](char c) { return static_cast<unsigned char>(c) > 0x20 && c != 0x7F; });
  if (regular() || at == names.end() || !printable) {
    return note(HeadFault::pseudo_field);
  }
  std::optional<Part>& part = pseudo_[static_cast<std::size_t>(at - names.begin())];
  if (part) {
    return note(HeadFault::pseudo_field);
  }
  part = keep(value);
}

void RequestBlock::finish(bool ended) {
  join_cookies();
  build_head();
  judge_pseudo();
  judge_authority();
  rules_ = http::judge_request(head_);
  note(rules_.fault);
  judge_connect(ended);
  judge_body(ended || rules_.websocket);
  rules_.fault = fault();
  line_.assign(head_.method.substr(0, 64)).append(" ").append(head_.target).append(" HTTP/2.0");
}

/// A client may send each cookie as a field of its own, so that the compression finds them again; elsewhere
/// they are one line (RFC 9113 §8.2.3).
void RequestBlock::join_cookies() {
  const auto is_cookie = [this](const Line& line) { return text(line.name) == cookie_name; };
  if (std::count_if(lines().begin(), lines().end(), is_cookie) < 2) {
    return;
  }
  std::string joined;
  for (const Line& line : lines()) {
    if (is_cookie(line)) {
      joined.append(joined.empty() ? std::string_view() : cookie_separator).append(text(line.value));
    }
  }
  const auto first = std::find_if(lines().begin(), lines().end(), is_cookie);
  first->value = keep(joined);
  const auto rest = std::remove_if(first + 1, lines().end(), is_cookie);
  lines().erase(rest, lines().end());
}

void RequestBlock::build_head() {
  head_.method = pseudo(method);
  head_.target = pseudo(path);
  if (pseudo_[authority]) {
    head_.fields.add({"host", pseudo(authority), field::host});
  }
  bool first_host = !pseudo_[authority];
  for (const Line& line : lines()) {
    const std::string_view name = text(line.name);
    const field id = boost::beast::http::string_to_field({name.data(), name.size()});
    if (id == field::host && !first_host) {
      continue;  // judge_authority() looks at it
    }
    first_host = first_host && id != field::host;
    head_.fields.add({name, text(line.value), id});
  }
}

void RequestBlock::judge_pseudo() {
  const bool whole = pseudo_[method] && pseudo_[scheme] && pseudo_[path];
  const std::string_view target = pseudo(path);
  // An authority belongs into its own field: a target that names one could name another.
  const bool asterisk = target == "*" && pseudo(method) == "OPTIONS";
  if (!whole || pseudo(scheme) != "https" || (!target.starts_with('/') && !asterisk)) {
    note(HeadFault::pseudo_field);
  }
}

/// Host may be there beside the authority, and instead of it, but not unlike it, and not twice.
void RequestBlock::judge_authority() {
  std::size_t hosts = 0;
  for (const Line& line : lines()) {
    if (text(line.name) != "host") {
      continue;
    }
    ++hosts;
    policy::CanonicalHost sent;
    policy::CanonicalHost asked;
    const std::string_view first = head_.fields.find(field::host).value_or("");
    const bool readable = policy::canonical_host(text(line.value), sent) == policy::RejectCode::none &&
                          policy::canonical_host(first, asked) == policy::RejectCode::none;
    const bool equal = readable && sent.name == asked.name &&
                       sent.port.value_or(https_port) == asked.port.value_or(https_port);
    if (!equal && text(line.value) != first) {
      note(HeadFault::authority);
    }
  }
  if (hosts > 1) {
    note(HeadFault::authority);
  }
}

/// CONNECT opens a WebSocket or nothing (RFC 8441 §4). What follows is no body, but what the tunnel carries.
void RequestBlock::judge_connect(bool ended) {
  if (!pseudo_[protocol]) {
    return;
  }
  if (head_.method != "CONNECT") {
    return note(HeadFault::pseudo_field);
  }
  const bool asked_well = pseudo(protocol) == "websocket" && !ended &&
                          head_.fields.count(field::sec_websocket_key) == 0 &&
                          head_.fields.count(field::content_length) == 0 &&
                          head_.fields.find(field::sec_websocket_version) == std::string_view("13");
  if (!asked_well) {
    return note(HeadFault::upgrade);
  }
  head_.method = "GET";
  rules_.websocket = true;
}

void RequestBlock::judge_body(bool ended) {
  const bool announced = head_.fields.count(field::content_length) > 0;
  if (announced && fault() == HeadFault::none) {  // what is refused is answered, whatever follows
    length_ = rules_.framing.length;
  }
  if (ended) {
    if (length_.value_or(0) != 0) {
      note(HeadFault::content_length);
    }
    rules_.framing = {};
    rules_.expect_continue = false;
  } else if (!announced) {
    rules_.framing.kind = Kind::chunked;
    rules_.expect_continue = rules_.expect_continue || head_.fields.count(field::expect) > 0;
  }
}

}  // namespace tallygate::http2
