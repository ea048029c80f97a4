// Counts every allocation of this executable, to hold canonicalise() to its promise.
#include "policy/request/canonical.hpp"
#include "tests/support/allocations.hpp"

#include <gtest/gtest.h>

#include <array>

namespace tallygate::policy {
namespace {

using tallygate::testing::allocations;

class Everything final : public PathOptionsSource {
 public:
  std::span<const PathOptions> option_sets() const noexcept override { return sets_; }
  bool claims(std::string_view, const PathOptions& options, std::string_view) const noexcept override {
    return options.ignore_params;
  }

 private:
  std::array<PathOptions, 2> sets_{PathOptions{},
                                   PathOptions{.keep_encoded_slash = true, .ignore_params = true}};
};

TEST(CanonicalRequest, AllocatesNothingOnceItsBuffersHaveGrown) {
  constexpr std::array<std::string_view, 5> targets{
      "/pages/7?x=1", "/a/%2e%2e/a-rather-long-path-that-fits-no-small-string/%c3%a9", "/%zz",
      "https://wiki.example.com/another/long/absolute/form/of/a/target/in/the/list?and=query",
      "/a/rather/long;with=params/and%2fencoded/slashes/../in/it;again=1"};
  const std::array hosts{std::string_view("WIKI.example.com.:8443")};
  const Everything source;
  CanonicalRequest out;
  CanonicalScratch scratch;
  const auto run = [&] {
    int accepted = 0;
    for (const std::string_view target : targets) {
      const RawRequest raw{"GET", target, "HTTP/1.1", hosts};
      accepted += canonicalise(raw, source, out, scratch) == RejectCode::none ? 1 : 0;
    }
    return accepted;
  };
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(run(), 4);
  }
  const std::size_t before = allocations;
  const int accepted = run();
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(accepted, 4);
}

}  // namespace
}  // namespace tallygate::policy
