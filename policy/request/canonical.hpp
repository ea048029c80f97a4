#pragma once
/// The one canonical request (policy.md N1–N17): what router, policy, upstream and journal see, and what
/// suites, explain and the other tools of policy authors compute in the same way. Pure.
#include "policy/request/host.hpp"
#include "policy/request/path.hpp"
#include "policy/request/reject.hpp"

#include <boost/system/result.hpp>

#include <span>
#include <string>
#include <string_view>

namespace tallygate::policy {

inline constexpr std::size_t max_target_bytes = std::size_t{16} * 1024;  ///< C15
inline constexpr std::size_t max_method_bytes = 64;

/// A request as it came. Views live as long as the buffer they point into.
struct RawRequest {
  std::string_view method;
  std::string_view target;
  std::string_view version = "HTTP/1.1";
  std::span<const std::string_view> hosts;  ///< the values of all Host lines, blanks around them removed
};

/// Which options the resources of a policy ask for (policy-details.md C03). Threads: any; implementations are
/// immutable.
class PathOptionsSource {
 public:
  virtual ~PathOptionsSource() = default;
  /// The distinct option sets of all resources, the default set included if a resource has it. At most 16.
  [[nodiscard]] virtual std::span<const PathOptions> option_sets() const noexcept = 0;
  /// Whether a resource of this canonical host that has exactly these options matches the path, read
  /// narrowly, its `except` counted. `path` is canonical under these options.
  [[nodiscard]] virtual bool claims(std::string_view host, const PathOptions& options,
                                    std::string_view path) const noexcept = 0;

 protected:
  PathOptionsSource() = default;
  PathOptionsSource(const PathOptionsSource&) = default;
  PathOptionsSource& operator=(const PathOptionsSource&) = default;
};

/// A request in canonical form.
struct CanonicalRequest {
  std::string method;
  CanonicalHost host;
  PathForms path;     ///< empty if `asterisk`
  std::string query;  ///< as sent, without the `?`; never read by the policy (N2)
  bool has_query = false;
  bool asterisk = false;  ///< `OPTIONS *`: the gateway answers it itself (C12)
  PathOptions options;    ///< the options under which `path` is canonical

  /// Path and query for the upstream's request line, appended to `out`.
  void append_target(std::string& out) const;
};

/// Working space of canonicalise(), kept by the caller so that nothing is allocated once it has grown.
struct CanonicalScratch {
  PathForms path;
  CanonicalHost host;
};

/// Canonicalises a request. `RejectCode::none` and a filled `out`, or the code, with `out` unspecified. Where
/// several things are wrong the code is that of the first in this order: version, method, target, host,
/// agreement of target and host, path. Allocates nothing once `out` and `scratch` have grown to the size of
/// the traffic.
[[nodiscard]] RejectCode canonicalise(const RawRequest& raw, const PathOptionsSource& source,
                                      CanonicalRequest& out, CanonicalScratch& scratch);

/// A request line cut into its three parts.
struct RequestLine {
  std::string_view method;
  std::string_view target;
  std::string_view version;
};

/// Cuts `METHOD SP TARGET SP VERSION`; exactly one space each. False for any other shape (C13).
[[nodiscard]] bool split_request_line(std::string_view line, RequestLine& out) noexcept;

/// A URL cut as policy-details.md C20 says: at the first `/` or `?` after the scheme; nothing is cleaned.
struct UrlParts {
  std::string_view authority;
  std::string_view target;  ///< what follows, possibly empty
};

/// Cuts an `http://` or `https://` URL; false for any other text.
[[nodiscard]] bool split_url(std::string_view url, UrlParts& out) noexcept;

}  // namespace tallygate::policy
