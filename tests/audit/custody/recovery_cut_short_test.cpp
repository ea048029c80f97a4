// A process that ends while it goes on after a loss: the grant that it had finishes what is on record.

#include "audit/custody/custodian.hpp"
#include "audit/custody/grant.hpp"
#include "audit/custody/recorded_recovery.hpp"
#include "audit/journal/journal.hpp"
#include "audit/proof/anchors.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/support/home.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
using testing::append;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::IsEmpty;
using namespace std::chrono_literals;

enum class Loss { head, newest_entries };

class RecoveryCutShort : public ::testing::TestWithParam<Loss> {
 protected:
  void record(std::size_t count) {
    auto journal = Journal::open(home_.options()).value();
    ASSERT_TRUE(append(*journal, count));
    ASSERT_TRUE(journal->close());
  }
  [[nodiscard]] Checkpoint newest_of_head() const {
    const auto read = read_head_anchors(home_.head()).value().value();
    return std::max_element(
               read.begin(), read.end(),
               [](const Anchor& a, const Anchor& b) { return a.checkpoint->size < b.checkpoint->size; })
        ->checkpoint.value();
  }
  static json::object named(const Checkpoint& one) {
    return {{"root", base64_encode(one.root)}, {"size", one.size}};
  }

  // Loses something, and has a grant made for exactly that.
  void lose() {
    record(5);
    kept_ = newest_of_head();
    json::object terms{{"kept", named(kept_)}};
    if (GetParam() == Loss::head) {
      fs::remove(home_.head());
    } else {
      const auto copy = home_.folder() / "copy";
      fs::copy(home_.journal(), copy, fs::copy_options::recursive);
      record(3);
      const auto blocks = read_head_anchors(home_.head()).value().value();
      for (const Anchor& block : blocks) {
        abandoned_.push_back(*block.checkpoint);
      }
      std::sort(abandoned_.begin(), abandoned_.end(),
                [](const Checkpoint& a, const Checkpoint& b) { return a.size > b.size; });
      terms["abandoned"] = named(abandoned_.front());
      terms["also"] = json::array{named(abandoned_.back())};
      fs::remove_all(home_.journal());
      fs::rename(copy, home_.journal());
    }
    const auto charter = read_own_charter(home_.journal()).value();
    grant_ = make_grant(home_.root(), {charter.journal, "journal.recover", terms, time_() + 1h}).value();
  }

  // Opens the journal with that grant, as audit recover does. `head_writes` of head succeed.
  Result<std::unique_ptr<Journal>> recover(int head_writes) {
    json::object members = grant_parameters(grant_);
    members["grant"] = grant_.terms;
    members["signature"] = grant_.signature;
    const auto begun = recovery_to_finish(home_.journal(), members, time_());
    if (!begun) {
      return begun.error();
    }
    if (auto good = check_grant(home_.journal(), "journal.recover", members, time_()); !*begun && !good) {
      return good.error();
    }
    JournalOptions options = home_.options();
    options.head_write = [head_writes, write = write_through()](int descriptor, std::span<const char> block,
                                                                std::int64_t offset) mutable {
      return head_writes-- > 0 ? write(descriptor, block, offset) : EIO;
    };
    options.recovery.emplace();
    options.recovery->kept = kept_;
    options.recovery->abandoned = abandoned_;
    options.recovery->recover = GrantMembers{grant_.json, grant_.signature};
    options.recovery->recorded = *begun;
    options.recovery->by = R"({"uid":0})";
    options.recovery->at = time_();
    return Journal::open(options);
  }
  std::vector<std::string> findings() {
    VerifyOptions options{home_.journal(), load_root_key(home_.root().vkey()).value(), {}, {}, {}, {}, 1, {}};
    options.head = home_.head();
    std::vector<std::string> all;
    for (const Finding& one : verify_journal(options).value().findings) {
      all.push_back(one.what + ": " + one.detail);
    }
    return all;
  }

  Home home_;
  Clock time_ = home_.time.clock();
  Checkpoint kept_;
  std::vector<Checkpoint> abandoned_;
  Grant grant_;
};

TEST_P(RecoveryCutShort, IsFinishedByTheGrantThatItWasBegunBy) {
  lose();
  // Before head has anything of it; where two blocks are given up, also between the first and the second.
  const bool two = GetParam() == Loss::newest_entries;
  for (const int writes : two ? std::vector<int>{1, 0, 1, 1, 0} : std::vector<int>{0, 0, 0}) {
    EXPECT_FALSE(recover(writes)) << writes;
    EXPECT_FALSE(Journal::open(home_.options())) << "nothing is taken up before it is finished";
  }
  const auto finished = recover(9);
  ASSERT_TRUE(finished) << finished.error().message;
  ASSERT_TRUE((*finished)->close());
  record(2);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_P(RecoveryCutShort, IsNotFinishedByAGrantThatExpiredMeanwhile) {
  lose();
  EXPECT_FALSE(recover(0));
  home_.time.advance(2h);
  const auto late = recover(9);
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().kind, FailureKind::refused);
  EXPECT_THAT(late.error().message, HasSubstr("expired"));
}

TEST_P(RecoveryCutShort, LetsNothingElseBeLostByTheSameGrant) {
  lose();
  EXPECT_FALSE(recover(0));
  ASSERT_TRUE(recover(9));
  record(4);
  const auto again = recover(9);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, FailureKind::refused);
  EXPECT_THAT(again.error().message, HasSubstr("used before"));
  fs::remove(home_.head());
  EXPECT_FALSE(recover(9)) << "the record went on since";
}

TEST_P(RecoveryCutShort, IsNothingToDoOnceItIsFinished) {
  lose();
  ASSERT_TRUE(recover(9));
  const auto again = recover(9);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().kind, FailureKind::refused);
  EXPECT_THAT(again.error().message, HasSubstr("nothing to do"));
  EXPECT_TRUE(Journal::open(home_.options()));
}

INSTANTIATE_TEST_SUITE_P(Of, RecoveryCutShort, ::testing::Values(Loss::head, Loss::newest_entries),
                         [](const auto& info) {
                           return info.param == Loss::head ? "Head" : "NewestEntries";
                         });

}  // namespace
}  // namespace tallygate::audit
