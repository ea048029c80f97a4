#pragma once
/// A question to a policy as people write it, in suites and on command lines: who, asking for what, under
/// which circumstances. Owns everything, where the types of evaluate() borrow.
#include "policy/evaluate/principal.hpp"
#include "policy/language/printable.hpp"
#include "policy/request/canonical.hpp"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::policy {

/// A request exactly as it would be sent; nothing in it is cleaned.
struct WrittenRequest {
  std::string label;               ///< how reports name it; printable
  std::string line;                ///< `METHOD TARGET VERSION`
  std::vector<std::string> hosts;  ///< the values of the Host lines
  std::string route;               ///< route of gateway.yaml; then there is no host, and `hosts` is empty
};

/// Reads `METHOD URL` (http or https; policy-details.md C20) or `route NAME METHOD PATH` (L21). The label is
/// the text.
[[nodiscard]] ParseResult<WrittenRequest> read_request(std::string_view text);

/// canonicalise() for a written request. `OPTIONS *`, which a gateway answers itself, is `target-form` here
/// (C12).
[[nodiscard]] RejectCode canonicalise(const WrittenRequest& written, const PathOptionsSource& source,
                                      CanonicalRequest& out, CanonicalScratch& scratch);

/// Header lines in the order they are sent.
class HeaderList final : public HeaderSource {
 public:
  void add(std::string name, std::string value) { lines_.emplace_back(std::move(name), std::move(value)); }
  [[nodiscard]] bool empty() const noexcept { return lines_.empty(); }
  void clear() noexcept { lines_.clear(); }
  /// Name and value of each line.
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& lines() const noexcept {
    return lines_;
  }
  [[nodiscard]] std::optional<std::string_view> header(std::string_view name,
                                                       std::size_t index) const noexcept override;

 private:
  std::vector<std::pair<std::string, std::string>> lines_;
};

/// What is known besides the principal and the request. What is not given is unknown.
struct Circumstances {
  std::optional<Address> client;
  std::optional<std::chrono::seconds> mfa_age;
  std::optional<std::chrono::seconds> auth_age;
  std::optional<AuthMethod> auth_method;
  std::optional<std::vector<Attribute>> device;
  HeaderList headers;

  /// The same for evaluate(); borrows from this object and from `route`.
  [[nodiscard]] Context context(TimePoint now, std::string_view route) const;
};

/// The whole question. Borrows.
struct Question {
  const Principal& principal;
  const WrittenRequest& request;
  const Circumstances& circumstances;
  TimePoint now;
};

}  // namespace tallygate::policy
