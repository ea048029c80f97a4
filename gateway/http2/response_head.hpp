#pragma once
/// The header block of a response. Pure.
#include "gateway/http2/field_block.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

namespace tallygate::http2 {

/// The views of head() live until clear(). Threads: one.
class ResponseBlock final : public FieldBlock {
 public:
  void clear() noexcept override;
  /// Ends the block. `ended`: no body follows; `to_head`: it answers a HEAD. Afterwards the rest can be
  /// asked. Source: RFC 9113 §8.2, §8.3.2, §8.1.1.
  void finish(bool ended, bool to_head);

  /// The response as the rest of the gateway sees it; its version is `version_number`.
  [[nodiscard]] const http::ResponseHead& head() const noexcept { return head_; }
  /// What is wrong with it, and how the body ends: a body of unknown length is `chunked`.
  [[nodiscard]] const http::ResponseRules& rules() const noexcept { return rules_; }
  /// True if another head is to come before the answer itself (1xx).
  [[nodiscard]] bool interim() const noexcept { return head_.status < 200; }
  /// How many bytes the body must have, if that is known.
  [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return length_; }

 private:
  void add_pseudo(std::string_view name, std::string_view value) override;
  void judge(bool ended, bool to_head);

  http::ResponseHead head_;
  http::ResponseRules rules_;
  std::optional<std::uint64_t> length_;
};

}  // namespace tallygate::http2
