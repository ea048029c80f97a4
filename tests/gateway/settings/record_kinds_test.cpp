#include "audit/journal/event.hpp"
#include "gateway/settings_reader.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace tallygate {
namespace {

TEST(RecordKinds, TheSettingsKnowTheJournalsCatalogue) {
  const auto catalogue = audit::kinds();
  EXPECT_THAT(recorded_kinds(), testing::ElementsAreArray(catalogue.begin(), catalogue.end()));
}

TEST(RecordKinds, OnlyTheEndOfAnExchangeIsOptional) {
  for (const std::string_view kind : audit::kinds()) {
    ASSERT_TRUE(why_always_recorded(kind)) << kind;
    EXPECT_EQ(why_always_recorded(kind)->empty(), kind == "access.end") << kind;
  }
  EXPECT_FALSE(why_always_recorded("access.maybe"));
}

}  // namespace
}  // namespace tallygate
