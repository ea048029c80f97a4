#pragma once
/// Which route a canonical request takes. Pure; immutable once built, shared by all threads.
#include "gateway/settings.hpp"
#include "policy/request/canonical.hpp"
#include "policy/request/pattern.hpp"

#include <boost/system/result.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::upstream {

/// The routes of gateway.yaml, indexed by host. The most specific match wins: an exact host before a
/// wildcard, a longer wildcard before a shorter one, then the pattern with more segments, with fewer `*`, and
/// exact before `/**`.
class Routes {
 public:
  /// Errors: a sentence that names the route and the host or path that cannot be read.
  [[nodiscard]] static boost::system::result<Routes, std::string> build(std::vector<RouteSettings> routes);

  /// The route of a canonical host and path, or null. Allocates nothing. Threads: any.
  [[nodiscard]] const RouteSettings* find(const policy::CanonicalRequest& request) const;
  /// Whether any route lives on that canonical host.
  [[nodiscard]] bool knows_host(std::string_view host) const;

  [[nodiscard]] const std::vector<RouteSettings>& all() const noexcept { return routes_; }
  /// Position of a route in all().
  [[nodiscard]] std::size_t index_of(const RouteSettings& route) const noexcept {
    return static_cast<std::size_t>(&route - routes_.data());
  }

 private:
  struct Candidate {
    policy::PathPattern pattern;
    std::size_t route = 0;
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  /// What may match on one host. Only patterns that begin as the path does are compared with it, however many
  /// routes there are.
  struct Candidates {
    std::vector<Candidate> all;  ///< the most specific first
    /// Positions in `all` in order, by what stands before the first `*` of a pattern: "", "/a", "/a/b".
    std::unordered_map<std::string, std::vector<std::size_t>, Hash, std::equal_to<>> by_prefix;
    std::size_t longest = 0;  ///< segments in a key of these at most

    void index();
  };
  using ByHost = std::unordered_map<std::string, Candidates, Hash, std::equal_to<>>;

  [[nodiscard]] std::string add(std::size_t index);
  [[nodiscard]] const RouteSettings* match(const Candidates& candidates, std::string_view path) const;

  std::vector<RouteSettings> routes_;
  ByHost exact_;
  ByHost wildcard_;  ///< keyed by the part after `*.`
};

}  // namespace tallygate::upstream
