// Bundles: made beside retirements, and broken off.

#include "audit/search/export.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/journal/journal.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/settled.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace json = boost::json;
using testing::append;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;

constexpr std::chrono::hours day{24};
constexpr std::array all_steps = {ExportStep::entries, ExportStep::proof,      ExportStep::files,
                                  ExportStep::record,  ExportStep::checkpoint, ExportStep::name};

class Export : public ::testing::Test {
 protected:
  Export() {
    open();
    for (int segment = 0; segment < 3; ++segment) {
      grow();
    }
  }

  void open() {
    journal_.reset();
    auto opened = Journal::open(home_.options());
    ASSERT_TRUE(opened) << opened.error().message;
    journal_ = std::move(*opened);
  }

  // A segment with twenty requests, sealed; then time passes.
  void grow() {
    ASSERT_TRUE(append(*journal_, 20));
    ASSERT_TRUE(journal_->seal());
    ASSERT_TRUE(journal_->close());
    home_.time.advance(401 * day);
    open();
  }

  // Retires the oldest segment that is left.
  void retire_one() {
    Custodian custodian(home_.journal(), home_.options().clock,
                        [this](const Custodian::Act& act) { return act(*journal_); });
    const auto done = custodian.handle(
        {{"act", "retire"}, {"apply", true}, {"at_most", 1}, {"rules", {{"keep", 86'400 * 400}}}}, {1000});
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_EQ(why_not_retired(*done), "");
  }

  [[nodiscard]] ExportRequest request() const {
    ExportRequest request{home_.journal(), bundle(), {}, {}};
    return request;
  }

  [[nodiscard]] std::filesystem::path bundle() const { return home_.folder() / "bundle"; }
  [[nodiscard]] std::filesystem::path partial() const { return home_.folder() / "bundle.partial"; }

  static std::string content(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  // Stretches that the bundle lacks and of which no entry in it says that their bodies were retired.
  [[nodiscard]] std::vector<std::string> unexplained() const {
    std::vector<std::pair<std::int64_t, std::int64_t>> retired;
    std::ifstream entries(bundle() / "entries.jsonl");
    for (std::string line; std::getline(entries, line);) {
      const auto entry = json::parse(line).as_object();
      if (entry.at("kind") == "journal.retire") {
        retired.emplace_back(entry.at("first").as_int64(), entry.at("last").as_int64());
      }
    }
    std::vector<std::string> found;
    const auto described = json::parse(content(bundle() / "bundle.json"));
    for (const auto& gap : described.at("gaps").as_array()) {
      const auto first = gap.at(0).as_int64();
      const auto last = gap.at(1).as_int64();
      if (std::none_of(retired.begin(), retired.end(),
                       [&](const auto& one) { return one.first <= first && last <= one.second; })) {
        found.push_back(json::serialize(gap));
      }
    }
    return found;
  }

  Home home_;
  std::unique_ptr<Journal> journal_;
};

TEST_F(Export, ASegmentThatIsRetiredWhileItIsReadLeavesNoQuestion) {
  for (const ExportStep when : {ExportStep::entries, ExportStep::proof, ExportStep::files}) {
    SCOPED_TRACE(static_cast<int>(when));
    std::filesystem::remove_all(bundle());
    ExportRequest asked = request();
    bool done = false;
    asked.at_step = [&](ExportStep step) -> Result<void> {
      if (step == when && !done) {
        done = true;
        retire_one();
      }
      return {};
    };
    const auto made = export_bundle(asked);
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_THAT(unexplained(), IsEmpty());
    EXPECT_EQ(made->size, journal_->size()) << "the size is that of the last reading";
  }
}

TEST_F(Export, WhereSegmentsAreReplacedEachTimeItEndsAndSaysWhatToDo) {
  ExportRequest asked = request();
  int readings = 0;
  asked.at_step = [&](ExportStep step) -> Result<void> {
    if (step == ExportStep::proof) {
      ++readings;
      const auto other = home_.folder() / "other.db";
      std::filesystem::copy_file(home_.segment(), other);
      std::filesystem::rename(other, home_.segment());
    }
    return {};
  };
  const auto made = export_bundle(asked);
  ASSERT_FALSE(made);
  EXPECT_EQ(readings, settled_readings_max);
  EXPECT_THAT(made.error().message, HasSubstr("try again when no retirement is under way"));
  EXPECT_FALSE(std::filesystem::exists(bundle()));
  EXPECT_FALSE(std::filesystem::exists(partial()));
}

TEST_F(Export, WhatFailsAtAnyStepLeavesNothing) {
  for (const ExportStep when : all_steps) {
    ExportRequest asked = request();
    asked.at_step = [when](ExportStep step) -> Result<void> {
      return step == when ? Result<void>(fail(FailureKind::unreadable, "the disk is full")) : Result<void>();
    };
    const auto made = export_bundle(asked);
    ASSERT_FALSE(made);
    EXPECT_EQ(made.error().message, "the disk is full");
    EXPECT_FALSE(std::filesystem::exists(bundle()));
    EXPECT_FALSE(std::filesystem::exists(partial()));
  }
}

TEST_F(Export, WhatIsKilledAtAnyStepBeforeItIsOnRecordProvesNothingAndIsRemovedByTheNext) {
  for (const ExportStep when : all_steps) {
    SCOPED_TRACE(static_cast<int>(when));
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      ExportRequest asked = request();
      bool recorded = false;
      asked.before_shown = [&recorded](const ExportReport&) -> Result<void> {
        recorded = true;
        return {};
      };
      asked.at_step = [&](ExportStep step) -> Result<void> {
        if (step == when) {
          ::_exit(recorded ? 1 : 0);
        }
        return {};
      };
      static_cast<void>(export_bundle(asked));
      ::_exit(2);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    const bool recorded = WEXITSTATUS(status) == 1;
    EXPECT_EQ(recorded, when == ExportStep::checkpoint || when == ExportStep::name);
    EXPECT_TRUE(std::filesystem::exists(partial()));
    EXPECT_EQ(std::filesystem::exists(partial() / "checkpoint"), when == ExportStep::name);
    ExportRequest next = request();
    std::string told;
    next.tell = [&told](const std::string& text) { told = text; };
    EXPECT_TRUE(export_bundle(next));
    EXPECT_THAT(told, HasSubstr("bundle.partial: an export that was broken off had left it"));
    EXPECT_FALSE(std::filesystem::exists(partial()));
    std::filesystem::remove_all(bundle());
  }
}

TEST_F(Export, OnlyWhatAnExportLeftIsRemovedAndOnlyWhereNobodyIsAtIt) {
  std::filesystem::create_directory(partial());
  std::ofstream(partial() / "thesis.txt") << "years of work";
  auto made = export_bundle(request());
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().kind, FailureKind::exists);
  EXPECT_THAT(made.error().message, HasSubstr("it holds files that no export made"));
  EXPECT_EQ(content(partial() / "thesis.txt"), "years of work");
  std::filesystem::remove_all(partial());

  std::filesystem::create_directory(home_.folder() / "elsewhere");
  std::ofstream(home_.folder() / "elsewhere" / "checkpoint") << "another's";
  std::filesystem::create_directory_symlink(home_.folder() / "elsewhere", partial());
  EXPECT_FALSE(export_bundle(request()));
  EXPECT_EQ(content(home_.folder() / "elsewhere" / "checkpoint"), "another's");
  std::filesystem::remove(partial());

  ExportRequest first = request();
  first.before_shown = [&](const ExportReport&) -> Result<void> {
    const auto second = export_bundle(request());
    EXPECT_FALSE(second);
    EXPECT_THAT(second.error().message, HasSubstr("another export is under way"));
    return {};
  };
  EXPECT_TRUE(export_bundle(first));
}

TEST_F(Export, AProofIsMadeOfAnEntryThatIsRetiredMeanwhileOrThereIsNone) {
  ASSERT_TRUE(prove_entry(home_.journal(), 65).value()) << "the index has what was there";
  retire_one();
  EXPECT_FALSE(prove_entry(home_.journal(), 5).value()) << "its body is gone";
  EXPECT_TRUE(prove_entry(home_.journal(), 65).value());
}

}  // namespace
}  // namespace tallygate::audit
