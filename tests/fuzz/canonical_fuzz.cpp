// Target, host and method from outside: never a crash, and whatever is accepted stays itself when read again.
#include "policy/request/canonical.hpp"
#include "policy/request/pattern.hpp"

#include <array>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace tallygate::policy;

class Claimant final : public PathOptionsSource {
 public:
  explicit Claimant(const PathOptions& options) : sets_{options} {}
  std::span<const PathOptions> option_sets() const noexcept override { return sets_; }
  bool claims(std::string_view, const PathOptions&, std::string_view) const noexcept override { return true; }

 private:
  std::array<PathOptions, 1> sets_;
};

void require(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void check_patterns(const CanonicalRequest& request) {
  const auto pattern = PathPattern::parse(request.path.matched, request.options);
  if (!pattern) {
    return;  // a `*` in the path
  }
  std::string form;
  wide_form(request.path.matched, form);
  require(pattern->matches(form, Reading::wide, false));
  std::string buffer;
  require(pattern->subtree() ||
          pattern->matches(narrow_form(request.path.matched, buffer), Reading::narrow, false));
}

}  // namespace

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  if (size == 0) {
    return 0;
  }
  const unsigned bits = data[0];
  const PathOptions options{(bits & 1U) != 0, (bits & 2U) != 0, (bits & 4U) != 0, (bits & 8U) != 0};
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t end = text.find('\n');
  RequestLine line;
  if (!split_request_line(text.substr(0, end), line)) {
    return 0;
  }
  const std::array hosts{end == std::string_view::npos ? std::string_view("wiki.example.com")
                                                       : text.substr(end + 1)};
  (void)HostPattern::parse(hosts[0]);
  (void)parse_network(hosts[0]);
  const Claimant source(options);
  CanonicalRequest once;
  CanonicalScratch scratch;
  if (canonicalise({line.method, line.target, line.version, hosts}, source, once, scratch) !=
      RejectCode::none) {
    return 0;
  }
  if (once.asterisk) {
    return 0;
  }
  std::string target;
  once.append_target(target);
  const std::array again{std::string_view(once.host.name)};
  CanonicalRequest twice;
  require(canonicalise({once.method, target, "HTTP/1.1", again}, source, twice, scratch) == RejectCode::none);
  require(twice.path.matched == once.path.matched && twice.path.to_forward() == once.path.to_forward());
  require(twice.host.name == once.host.name && twice.query == once.query);
  check_patterns(once);
  return 0;
}
