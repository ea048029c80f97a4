// Paths that an application has elsewhere.
#include "gateway/access/rewrite.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::access {
namespace {

policy::CanonicalRequest request(std::string path, std::string forwarded = {}) {
  policy::CanonicalRequest made;
  made.method = "GET";
  made.path.matched = std::move(path);
  made.path.forwarded = std::move(forwarded);
  return made;
}

TEST(RewritePath, PutsOneBeginningInThePlaceOfAnother) {
  EXPECT_EQ(rewrite_path("/wiki/pages/7", {"/wiki", "/"}), "/pages/7");
  EXPECT_EQ(rewrite_path("/wiki/pages/7", {"/wiki/pages", "/v2"}), "/v2/7");
  EXPECT_EQ(rewrite_path("/wiki", {"/wiki", "/"}), "/");
  EXPECT_EQ(rewrite_path("/wiki/", {"/wiki", "/"}), "/");
  EXPECT_EQ(rewrite_path("/wiki", {"/wiki", "/v2"}), "/v2");
  EXPECT_EQ(rewrite_path("/wiki/", {"/wiki", "/v2"}), "/v2/");
}

TEST(RewritePath, LeavesAloneWhatOnlyBeginsLikeIt) {
  EXPECT_EQ(rewrite_path("/wikipedia", {"/wiki", "/"}), std::nullopt);
  EXPECT_EQ(rewrite_path("/wiki%2Fpages", {"/wiki", "/"}), std::nullopt);
  EXPECT_EQ(rewrite_path("/pages/wiki", {"/wiki", "/"}), std::nullopt);
  EXPECT_EQ(rewrite_path("/", {"/wiki", "/"}), std::nullopt);
}

TEST(RewriteRequest, KeepsTheQueryAndRemembersWhatWasAskedFor) {
  policy::CanonicalRequest asked = request("/wiki/pages");
  asked.has_query = true;
  asked.query = "a=/wiki";
  Rewritten made;
  ASSERT_TRUE(rewrite_request(asked, {"/wiki", "/"}, made));
  EXPECT_EQ(made.from, "/wiki/pages");
  EXPECT_EQ(made.target, "/pages?a=/wiki");
  EXPECT_EQ(made.line, "GET /pages?a=/wiki HTTP/1.1");
}

TEST(RewriteRequest, SaysNoWhereParametersStandBetweenTheSegmentsOfThePrefix) {
  Rewritten made;
  made.target = made.line = "of the request before";
  EXPECT_TRUE(rewrite_request(request("/wiki/pages", "/wiki/pages;v=1"), {"/wiki", "/"}, made));
  EXPECT_EQ(made.target, "/pages;v=1");
  EXPECT_FALSE(rewrite_request(request("/wiki/pages", "/wiki;v=1/pages"), {"/wiki", "/"}, made));
  EXPECT_EQ(made.from, "/wiki/pages");
  EXPECT_EQ(made.target + made.line, "");
}

}  // namespace
}  // namespace tallygate::access
