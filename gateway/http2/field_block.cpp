#include "gateway/http2/field_block.hpp"

#include "gateway/http/body.hpp"

#include <algorithm>
#include <array>

namespace tallygate::http2 {
namespace {

using http::HeadFault;

constexpr std::size_t line_overhead = 4;  // what HTTP/1.1 spends on a line beside name and value

HeadFault judge_name(std::string_view name) noexcept {
  if (name.empty()) {
    return HeadFault::name_not_token;
  }
  for (const char byte : name) {
    if (byte >= 'A' && byte <= 'Z') {
      return HeadFault::name_case;
    }
    if (!http::is_token_byte(byte)) {
      return HeadFault::name_not_token;
    }
  }
  return HeadFault::none;
}

bool is_blank(char byte) noexcept {
  return byte == ' ' || byte == '\t';
}

HeadFault judge_value(std::string_view value) noexcept {
  if (!value.empty() && (is_blank(value.front()) || is_blank(value.back()))) {
    return HeadFault::value_blank;
  }
  const bool odd = std::any_of(value.begin(), value.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return (byte < 0x20 && byte != '\t') || byte == 0x7F;
  });
  return odd ? HeadFault::control_byte : HeadFault::none;
}

/// Fields that speak of a connection, which HTTP/2 has other means for (RFC 9113 §8.2.2).
bool is_of_connection(std::string_view name, std::string_view value) noexcept {
  static constexpr std::array<std::string_view, 6> never{
      "connection", "http2-settings", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"};
  return std::find(never.begin(), never.end(), name) != never.end() || (name == "te" && value != "trailers");
}

}  // namespace

HeadFault judge_field(std::string_view name, std::string_view value) noexcept {
  HeadFault fault = judge_name(name);
  if (fault == HeadFault::none) {
    fault = judge_value(value);
  }
  if (fault == HeadFault::none && is_of_connection(name, value)) {
    fault = HeadFault::connection_field;
  }
  return fault;
}

void FieldBlock::clear() noexcept {
  text_.clear();
  lines_.clear();
  bytes_ = 0;
  regular_ = false;
  fault_ = HeadFault::none;
}

void FieldBlock::give_back() noexcept {
  clear();
  constexpr std::size_t text_kept = std::size_t{8} * 1024;
  if (text_.capacity() > text_kept) {
    text_ = {};
  }
}

void FieldBlock::note(HeadFault fault) noexcept {
  fault_ = fault_ == HeadFault::none ? fault : fault_;
}

FieldBlock::Part FieldBlock::keep(std::string_view text) {
  const Part part{text_.size(), text.size()};
  text_.append(text);
  return part;
}

void FieldBlock::add(std::string_view name, std::string_view value, const http::HeadLimits& limits) {
  bytes_ += name.size() + value.size() + line_overhead;
  if (bytes_ > limits.bytes) {
    return note(HeadFault::too_large);
  }
  if (name.starts_with(':')) {
    return add_pseudo(name.substr(1), value);
  }
  regular_ = true;
  if (lines_.size() >= limits.fields) {
    return note(HeadFault::too_many_fields);
  }
  note(judge_field(name, value));
  if (fault_ != HeadFault::none) {
    return;
  }
  const Part kept_name = keep(name);
  lines_.push_back({kept_name, keep(value)});
}

void FieldBlock::add_pseudo(std::string_view /*name*/, std::string_view /*value*/) {
  note(HeadFault::pseudo_field);
}

bool FieldBlock::take_trailers(http::Trailers& out) const {
  const bool forbidden = std::any_of(lines_.begin(), lines_.end(), [this](const Line& line) {
    return http::forbidden_in_trailers(text(line.name));
  });
  if (fault_ != HeadFault::none || forbidden) {
    return false;
  }
  for (const Line& line : lines_) {
    out.emplace_back(text(line.name), text(line.value));
  }
  return true;
}

}  // namespace tallygate::http2
