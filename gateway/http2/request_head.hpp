#pragma once
/// The header block of a request. Pure.
#include "gateway/http2/field_block.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::http2 {

/// The views of head() live until clear(). Threads: one.
class RequestBlock final : public FieldBlock {
 public:
  void clear() noexcept override;
  /// Ends the block. `ended`: no body follows. Afterwards the rest can be asked. Source: RFC 9113 §8.2, §8.3;
  /// RFC 8441 §4.
  void finish(bool ended);

  /// The request as the rest of the gateway sees it: the authority is its one Host line, crumbs of cookies
  /// are one line, and a WebSocket is asked for with GET, as it is in HTTP/1.1.
  [[nodiscard]] const http::RequestHead& head() const noexcept { return head_; }
  /// What it asks of its connection, and what is wrong with it. A body of unknown length is `chunked`.
  [[nodiscard]] const http::RequestRules& rules() const noexcept { return rules_; }
  /// False where the block itself is at fault, so that head() is not all that was sent.
  [[nodiscard]] bool readable() const noexcept;
  /// What would be its first line, for the record.
  [[nodiscard]] std::string_view line() const noexcept { return line_; }
  /// The length that was announced, of a body that may follow.
  [[nodiscard]] std::optional<std::uint64_t> length() const noexcept { return length_; }

 private:
  enum Pseudo : std::size_t { method, scheme, authority, path, protocol, pseudo_count };

  void add_pseudo(std::string_view name, std::string_view value) override;
  [[nodiscard]] std::string_view pseudo(Pseudo which) const noexcept;
  void join_cookies();
  void build_head();
  void judge_pseudo();
  void judge_authority();
  void judge_connect(bool ended);
  void judge_body(bool ended);

  std::array<std::optional<Part>, pseudo_count> pseudo_;
  http::RequestHead head_;
  http::RequestRules rules_;
  std::optional<std::uint64_t> length_;
  std::string line_;
};

}  // namespace tallygate::http2
