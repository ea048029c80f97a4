#include "gateway/http/message.hpp"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>

#include <charconv>
#include <limits>

namespace tallygate::http {
namespace beast = boost::beast;

template <bool isRequest>
MessageParser<isRequest>::MessageParser() {
  // Limits are the strict layer's and the relay's; Beast's own would count again what they have counted.
  this->body_limit(boost::none);
  this->header_limit(std::numeric_limits<std::uint32_t>::max());
}

template <bool isRequest>
boost::system::error_code MessageParser<isRequest>::parse_head(std::string_view head) {
  error_code error;
  this->put(boost::asio::const_buffer(head.data(), head.size()), error);
  if (error == beast::http::error::need_more) {
    error = {};
  }
  if (!error && !this->is_header_done()) {
    error = beast::http::error::partial_message;
  }
  in_body_ = true;
  return error;
}

template <bool isRequest>
typename MessageParser<isRequest>::Piece MessageParser<isRequest>::decode_chunked(std::string_view input) {
  Piece result;
  piece_ = {};
  if (input.empty()) {
    result.need_more = true;
    return result;
  }
  error_code error;
  result.consumed = this->put(boost::asio::const_buffer(input.data(), input.size()), error);
  result.data = piece_;
  if (error == beast::http::error::need_more) {
    result.need_more = result.consumed == 0;
  } else if (error) {
    result.error = error;
  }
  result.done = this->is_done();
  return result;
}

template <bool isRequest>
void MessageParser<isRequest>::on_request_impl(beast::http::verb, string_view method, string_view target,
                                               int version, error_code& error) {
  if constexpr (isRequest) {
    if (version != 10 && version != 11) {
      error = beast::http::error::bad_version;
      return;
    }
    head_.method = {method.data(), method.size()};
    head_.target = {target.data(), target.size()};
    head_.version = static_cast<unsigned>(version);
  }
}

template <bool isRequest>
void MessageParser<isRequest>::on_response_impl(int status, string_view reason, int version,
                                                error_code& error) {
  if constexpr (!isRequest) {
    if (version != 10 && version != 11) {
      error = beast::http::error::bad_version;
      return;
    }
    if (status < 100 || status > 599) {
      error = beast::http::error::bad_status;
      return;
    }
    head_.status = static_cast<unsigned>(status);
    head_.reason = {reason.data(), reason.size()};
    head_.version = static_cast<unsigned>(version);
  }
}

template <bool isRequest>
void MessageParser<isRequest>::on_field_impl(beast::http::field id, string_view name, string_view value,
                                             error_code&) {
  if (in_body_) {
    trailers_.emplace_back(std::string(name), std::string(value));
    return;
  }
  head_.fields.add({{name.data(), name.size()}, {value.data(), value.size()}, id});
}

template <bool isRequest>
void MessageParser<isRequest>::on_header_impl(error_code&) {}

template <bool isRequest>
void MessageParser<isRequest>::on_body_init_impl(const boost::optional<std::uint64_t>&, error_code&) {}

template <bool isRequest>
std::size_t MessageParser<isRequest>::on_body_impl(string_view body, error_code&) {
  return body.size();
}

template <bool isRequest>
void MessageParser<isRequest>::on_chunk_header_impl(std::uint64_t, string_view, error_code&) {}

template <bool isRequest>
std::size_t MessageParser<isRequest>::on_chunk_body_impl(std::uint64_t, string_view body, error_code&) {
  piece_ = {body.data(), body.size()};
  return body.size();
}

template <bool isRequest>
void MessageParser<isRequest>::on_finish_impl(error_code&) {}

template class MessageParser<true>;
template class MessageParser<false>;

namespace {

using Kind = Framing::Kind;
using beast::http::field;

/// Walks the elements of a comma-separated list, blanks around them removed.
template <class Visit>
void for_each_element(std::string_view list, Visit visit) {
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    std::string_view element = list.substr(0, comma);
    while (!element.empty() && (element.front() == ' ' || element.front() == '\t')) {
      element.remove_prefix(1);
    }
    while (!element.empty() && (element.back() == ' ' || element.back() == '\t')) {
      element.remove_suffix(1);
    }
    visit(element);
    if (comma == std::string_view::npos) {
      return;
    }
    list.remove_prefix(comma + 1);
  }
}

bool equal(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && beast::iequals(a, b);
}

/// Content-Length as RFC 9110 §8.6 writes it, without the leading zeros that other readers take for octal.
bool parse_length(std::string_view text, std::uint64_t& length) noexcept {
  constexpr std::size_t digits_max = 18;  // below 2^63 whatever they are
  if (text.empty() || text.size() > digits_max || (text.size() > 1 && text.front() == '0')) {
    return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), length);
  return error == std::errc{} && end == text.data() + text.size() && text.front() != '-' &&
         text.front() != '+';
}

struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

/// One pass over the fields that frame a message or rule its connection.
struct Control {
  ConnectionOptions connection;
  std::size_t lengths = 0;
  std::size_t codings = 0;
  std::size_t expectations = 0;
  std::size_t upgrades = 0;
  std::string_view length;
  std::string_view coding;
  std::string_view expectation;
  std::string_view upgrade;
};

Control control_fields(const Fields& fields) {
  Control found;
  for (const Field& line : fields.all()) {
    switch (line.id) {
      case field::content_length:
        ++found.lengths;
        found.length = line.value;
        break;
      case field::transfer_encoding:
        ++found.codings;
        found.coding = line.value;
        break;
      case field::expect:
        ++found.expectations;
        found.expectation = line.value;
        break;
      case field::upgrade:
        ++found.upgrades;
        found.upgrade = line.value;
        break;
      case field::connection:
        for_each_element(line.value, [&](std::string_view option) {
          found.connection.close = found.connection.close || equal(option, "close");
          found.connection.keep_alive = found.connection.keep_alive || equal(option, "keep-alive");
          found.connection.upgrade = found.connection.upgrade || equal(option, "upgrade");
        });
        break;
      default:
        break;
    }
  }
  return found;
}

HeadFault frame(const Control& control, unsigned version, Framing& framing) noexcept {
  if (control.codings > 0) {
    if (control.codings > 1 || control.lengths > 0 || version == 10 || !equal(control.coding, "chunked")) {
      return HeadFault::transfer_encoding;
    }
    framing.kind = Kind::chunked;
    return HeadFault::none;
  }
  if (control.lengths == 0) {
    return HeadFault::none;
  }
  if (control.lengths > 1 || !parse_length(control.length, framing.length)) {
    return HeadFault::content_length;
  }
  framing.kind = framing.length == 0 ? Kind::none : Kind::length;
  return HeadFault::none;
}

bool keeps_alive(const ConnectionOptions& connection, unsigned version) noexcept {
  return !connection.close && (version == 11 || connection.keep_alive);
}

/// Where an upgrade is asked for, it is a well-formed one to websocket, alone (RFC 6455 §4.1).
HeadFault judge_upgrade(const RequestHead& head, const Control& control, RequestRules& rules) noexcept {
  if (!control.connection.upgrade) {
    return HeadFault::none;  // an Upgrade alone means nothing and is not forwarded
  }
  if (control.upgrades != 1 || !equal(control.upgrade, "websocket")) {
    return HeadFault::upgrade;
  }
  const bool asked_well = head.method == "GET" && head.version == 11 && rules.framing.kind == Kind::none &&
                          head.fields.count(field::sec_websocket_key) == 1 &&
                          head.fields.find(field::sec_websocket_version) == std::string_view("13");
  if (!asked_well) {
    return HeadFault::upgrade;
  }
  rules.websocket = true;
  return HeadFault::none;
}

}  // namespace

RequestRules judge_request(const RequestHead& head) noexcept {
  RequestRules rules;
  const Control control = control_fields(head.fields);
  rules.fault = frame(control, head.version, rules.framing);
  rules.keep_alive = keeps_alive(control.connection, head.version);
  if (rules.fault != HeadFault::none) {
    return rules;
  }
  if (control.expectations > 0) {
    if (control.expectations > 1 || !equal(control.expectation, "100-continue")) {
      rules.fault = HeadFault::expectation;
      return rules;
    }
    rules.expect_continue = head.version >= 11 && rules.framing.kind != Kind::none;
  }
  rules.fault = judge_upgrade(head, control, rules);
  return rules;
}

ResponseRules judge_response(const ResponseHead& head, bool to_head_request) noexcept {
  ResponseRules rules;
  const Control control = control_fields(head.fields);
  rules.keep_alive = keeps_alive(control.connection, head.version);
  rules.fault = frame(control, head.version, rules.framing);
  if (rules.fault != HeadFault::none) {
    return rules;
  }
  if (head.status < 200 || head.status == 204 || head.status == 304 || to_head_request) {
    rules.framing.kind = Kind::none;
    return rules;
  }
  if (control.codings == 0 && control.lengths == 0) {
    rules.framing.kind = Kind::until_close;
    rules.keep_alive = false;
  }
  return rules;
}

bool has_token(const Fields& fields, beast::http::field name, std::string_view token) noexcept {
  bool found = false;
  for (const Field& line : fields.all()) {
    if (line.id != name) {
      continue;
    }
    for_each_element(line.value, [&](std::string_view element) { found = found || equal(element, token); });
  }
  return found;
}

}  // namespace tallygate::http
