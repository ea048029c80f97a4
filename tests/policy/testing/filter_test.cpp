#include "policy/testing/filter.hpp"

#include <gtest/gtest.h>

namespace tallygate::policy::testing {
namespace {

const CellNames cell{"wiki",           "from home", "ana", "page", "home", {"read-wiki", "edit-wiki"},
                     {"allow", "deny"}};

bool accepts(std::string_view text) {
  return Filter::parse(text)->accepts(cell);
}

TEST(Filter, LetsEverythingThroughWhenEmpty) {
  EXPECT_TRUE(accepts(""));
}

TEST(Filter, ReadsSemicolonsAsAndAndCommasAsOr) {
  EXPECT_TRUE(accepts("principal=ana"));
  EXPECT_TRUE(accepts("principal=bob,ana"));
  EXPECT_FALSE(accepts("principal=bob"));
  EXPECT_TRUE(accepts("principal=ana;request=page,save"));
  EXPECT_FALSE(accepts("principal=ana;request=save"));
  EXPECT_TRUE(accepts(" principal = ana ; test = from home "));
  EXPECT_FALSE(accepts("principal=ana;principal=bob"));
}

TEST(Filter, FindsRulesAndOutcomesThatAreExpectedOrGiven) {
  EXPECT_TRUE(accepts("rule=edit-wiki"));
  EXPECT_FALSE(accepts("rule=admin-pages"));
  EXPECT_TRUE(accepts("outcome=deny"));
  EXPECT_FALSE(accepts("outcome=reject"));
  EXPECT_TRUE(accepts("suite=wiki;context=home"));
}

TEST(Filter, SaysWhatIsWrong) {
  EXPECT_EQ(Filter::parse("principl=ana").error().message,
            "unknown filter key 'principl'; did you mean 'principal'?");
  EXPECT_EQ(Filter::parse("x=ana").error().message,
            "unknown filter key 'x'; there are suite, test, principal, request, context, rule and outcome");
  EXPECT_TRUE(Filter::parse("ana").has_error());
  EXPECT_TRUE(Filter::parse("principal=").has_error());
  EXPECT_TRUE(Filter::parse("principal=ana;").has_error());
  EXPECT_TRUE(Filter::parse("principal=ana,,bob").has_error());
}

}  // namespace
}  // namespace tallygate::policy::testing
