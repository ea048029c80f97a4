#pragma once
/// A header block, gathered field by field and judged as strictly as a head of HTTP/1.1. Pure.
#include "gateway/http/head.hpp"
#include "gateway/http/message.hpp"
#include "gateway/http/strict.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::http2 {

/// HTTP/2's number where HTTP/1.1 is 11 (http::RequestHead::version).
inline constexpr unsigned version_number = 20;

/// Owns the text of the fields. As it is, a block of trailers, in which no pseudo-header field has a place.
/// Its memory is used again. Threads: one.
class FieldBlock {
 public:
  FieldBlock() = default;
  FieldBlock(const FieldBlock&) = default;
  FieldBlock& operator=(const FieldBlock&) = default;
  virtual ~FieldBlock() = default;

  /// Empties it.
  virtual void clear() noexcept;
  /// Empties it, and frees memory that a large one took.
  void give_back() noexcept;
  /// Takes the next field, in the order they came. Beyond the limits nothing is kept any more.
  void add(std::string_view name, std::string_view value, const http::HeadLimits& limits);
  /// Takes the block as the trailers of a message. False, with `out` as it was, where they hold what trailers
  /// may not.
  [[nodiscard]] bool take_trailers(http::Trailers& out) const;
  /// Bytes of all fields so far, those that were not kept too.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 protected:
  /// A part of the text, which may move until it is whole.
  struct Part {
    std::size_t begin = 0;
    std::size_t size = 0;
  };
  struct Line {
    Part name;
    Part value;
  };

  /// Takes a pseudo-header field, whose name is without its colon. None is expected but by who overrides it.
  virtual void add_pseudo(std::string_view name, std::string_view value);
  [[nodiscard]] Part keep(std::string_view text);
  [[nodiscard]] std::string_view text(Part part) const noexcept {
    return std::string_view(text_).substr(part.begin, part.size);
  }
  /// Notes what is wrong; the first fault is the one that counts.
  void note(http::HeadFault fault) noexcept;
  [[nodiscard]] http::HeadFault fault() const noexcept { return fault_; }
  [[nodiscard]] std::vector<Line>& lines() noexcept { return lines_; }
  /// Whether a field that is no pseudo-header field has come.
  [[nodiscard]] bool regular() const noexcept { return regular_; }

 private:
  std::string text_;
  std::vector<Line> lines_;
  std::size_t bytes_ = 0;
  bool regular_ = false;
  http::HeadFault fault_ = http::HeadFault::none;
};

/// What is wrong with a field that is no pseudo-header field, by its bytes and its name.
[[nodiscard]] http::HeadFault judge_field(std::string_view name, std::string_view value) noexcept;

}  // namespace tallygate::http2
