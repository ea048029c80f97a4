#include "gateway/http2/response_head.hpp"

#include <boost/beast/http/field.hpp>

#include <algorithm>

namespace tallygate::http2 {
namespace {

using boost::beast::http::field;
using http::HeadFault;
using Kind = http::Framing::Kind;

constexpr std::size_t status_digits = 3;
constexpr char last_class = '5';  // no status is greater than 599 (RFC 9110 §15)
constexpr unsigned switching_protocols = 101;
constexpr unsigned no_content = 204;
constexpr unsigned not_modified = 304;

}  // namespace

void ResponseBlock::clear() noexcept {
  FieldBlock::clear();
  head_.status = 0;
  head_.reason = {};
  head_.version = version_number;
  head_.fields.clear();
  rules_ = {};
  length_.reset();
}

void ResponseBlock::add_pseudo(std::string_view name, std::string_view value) {
  const bool digits = value.size() == status_digits &&
                      std::all_of(value.begin(), value.end(), [](char c) { return c >= '0' && c <= '9'; });
  if (regular() || name != "status" || head_.status != 0 || !digits || value.front() == '0' ||
      value.front() > last_class) {
    return note(HeadFault::pseudo_field);
  }
  for (const char digit : value) {
    head_.status = head_.status * 10 + static_cast<unsigned>(digit - '0');
  }
}

void ResponseBlock::finish(bool ended, bool to_head) {
  for (const Line& line : lines()) {
    const std::string_view name = text(line.name);
    const field id = boost::beast::http::string_to_field({name.data(), name.size()});
    head_.fields.add({name, text(line.value), id});
  }
  // Nothing can be switched to, and an answer that is to be followed by another has no end.
  if (head_.status == 0 || head_.status == switching_protocols || (interim() && ended)) {
    note(HeadFault::pseudo_field);
  }
  judge(ended, to_head);
  rules_.fault = fault();
}

void ResponseBlock::judge(bool ended, bool to_head) {
  rules_ = http::judge_response(head_, to_head);
  note(rules_.fault);
  const bool bodiless = to_head || head_.status == no_content || head_.status == not_modified;
  if (bodiless) {
    length_ = 0;
    rules_.framing = {};
  } else if (ended) {
    if (rules_.framing.kind == Kind::length && rules_.framing.length != 0) {
      note(HeadFault::content_length);
    }
    length_ = 0;
    rules_.framing = {};
  } else if (rules_.framing.kind == Kind::until_close) {
    rules_.framing.kind = Kind::chunked;
  } else {
    length_ = rules_.framing.length;
  }
}

}  // namespace tallygate::http2
