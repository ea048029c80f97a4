// The audit plugin as a gateway meets it: a shared object, loaded with dlopen, spoken to through the C ABI.

#include "audit/journal/kek.hpp"
#include "audit/journal/provision.hpp"
#include "plugin/journal_config.hpp"
#include "tallygate/plugin.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <string>
#include <vector>

namespace tallygate::plugin {
namespace {

using ::testing::HasSubstr;

constexpr std::string_view id = "01890a5d-ac96-774b-bcce-b302099a8057";
constexpr std::chrono::seconds patience{60};

tg_bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string text_of(tg_bytes view) {
  return {reinterpret_cast<const char*>(view.data), view.size};
}

struct Answer {
  std::mutex mutex;
  std::condition_variable changed;
  int times = 0;
  tg_status status = TG_INVALID;
  tg_receipt receipt{};
  std::string reason;

  static void done(void* token, tg_status status, const tg_receipt* receipt, tg_bytes reason) {
    auto& self = *static_cast<Answer*>(token);
    const std::lock_guard lock(self.mutex);
    self.status = status;
    self.receipt = receipt == nullptr ? tg_receipt{} : *receipt;
    self.reason = text_of(reason);
    ++self.times;
    self.changed.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex);
    changed.wait_for(lock, patience, [&] { return times > 0; });
  }
};

class AuditPlugin : public ::testing::Test {
 protected:
  AuditPlugin() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tallygate-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    audit::create_kek_file(folder_ / "kek").value();
    audit::ProvisionOptions options;
    options.origin = "gw.example.com/journal";
    options.journal = folder_ / "journal";
    options.head = folder_ / "head";
    options.keyring = folder_ / "keyring.db";
    options.kek = {audit::KekSource::Kind::file, (folder_ / "kek").string()};
    options.gateway = "gw-1";
    audit::provision(options, audit::generate_root(options.origin).value()).value();
    library_ = ::dlopen(TALLYGATE_BINARY_DIR "/bin/tallygate-journal.so", RTLD_NOW | RTLD_LOCAL);
    if (library_ != nullptr) {
      entry_ = reinterpret_cast<tg_plugin_entry>(::dlsym(library_, TALLYGATE_PLUGIN_SYMBOL));
    }
  }
  ~AuditPlugin() override {
    if (self_ != nullptr) {
      table_->close(self_);
    }
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }

  void SetUp() override {
    ASSERT_NE(entry_, nullptr) << ::dlerror();  // NOLINT(concurrency-mt-unsafe)
    table_ = entry_(TALLYGATE_PLUGIN_ABI);
    ASSERT_NE(table_, nullptr);
  }

  [[nodiscard]] std::string config(const std::string& more = {}) const {
    const std::string at = folder_.string();
    return R"({"path":")" + at + R"(/journal","head":")" + at + R"(/head","keyring":")" + at +
           R"(/keyring.db","gateway":"gw-1","kek":{"file":")" + at + R"(/kek"})" + more + "}";
  }

  // Opens the plugin; gives its error message, empty where it opened.
  std::string open(const std::string& json) {
    tg_host host{};
    host.size = sizeof host;
    host.abi = TALLYGATE_PLUGIN_ABI;
    host.self = this;
    host.log = [](void* self, tg_log_level, tg_bytes message) {
      auto& test = *static_cast<AuditPlugin*>(self);
      const std::lock_guard lock(test.mutex_);
      test.log_.push_back(text_of(message));
    };
    host_ = host;
    std::array<char, 512> error{};
    status_ = table_->open(&host_, bytes(json), &self_, error.data(), error.size());
    return error.data();
  }

  void submit(Answer& answer, std::string_view kind = "access.allow",
              std::string_view actor = R"({"subject":"alice"})") {
    const tg_member member{bytes("actor"), bytes(actor)};
    tg_event event{};
    event.size = sizeof event;
    event.kind = bytes(kind);
    event.id = bytes(id);
    event.members = &member;
    event.member_count = 1;
    event.flags = TG_EVENT_AWAITED;
    table_->submit(self_, &event, Answer::done, &answer);
    answer.wait();
  }

  std::filesystem::path folder_;
  void* library_ = nullptr;
  tg_plugin_entry entry_ = nullptr;
  const tg_plugin* table_ = nullptr;
  tg_host host_{};
  void* self_ = nullptr;
  tg_status status_ = TG_OK;
  std::mutex mutex_;
  std::vector<std::string> log_;
};

TEST_F(AuditPlugin, IsForHostsOfItsAbiOnly) {
  EXPECT_EQ(table_->abi, TALLYGATE_PLUGIN_ABI);
  EXPECT_EQ(table_->size, sizeof(tg_plugin));
  EXPECT_STREQ(table_->name, "journal");
  EXPECT_EQ(entry_(TALLYGATE_PLUGIN_ABI + 1), nullptr);
  EXPECT_EQ(entry_(0), nullptr);
}

TEST_F(AuditPlugin, AnswersAnEventWithItsPlaceAndLeaf) {
  ASSERT_EQ(open(config()), "");
  Answer answer;
  submit(answer);
  EXPECT_EQ(answer.times, 1);
  EXPECT_EQ(answer.status, TG_OK);
  EXPECT_EQ(answer.receipt.size, sizeof(tg_receipt));
  EXPECT_EQ(answer.receipt.seq, 2U);
  EXPECT_NE(answer.receipt.leaf[0] | answer.receipt.leaf[1] | answer.receipt.leaf[2] | answer.receipt.leaf[3],
            0);
  EXPECT_EQ(answer.reason, "");
}

TEST_F(AuditPlugin, SealsPeopleWhereItIsTold) {
  EXPECT_THAT(open(config(R"(,"seal":1)")), HasSubstr("\"seal\" must be true or false"));
  ASSERT_EQ(open(config(R"(,"seal":true)")), "");
  for (int i = 0; i < 2; ++i) {
    Answer answer;
    submit(answer, "access.allow", R"({"subject":"somebody in particular"})");
    EXPECT_EQ(answer.status, TG_OK) << answer.reason;
  }
  Answer bad;
  submit(bad, "access.allow", "{");
  EXPECT_EQ(bad.status, TG_INVALID);
  table_->close(self_);
  self_ = nullptr;
  std::ifstream in(folder_ / "journal" / "000000000000.db", std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  EXPECT_THAT(bytes, HasSubstr(R"("sealed":{"ct":")"));
  EXPECT_THAT(bytes, ::testing::Not(HasSubstr("somebody in particular")));
}

TEST_F(AuditPlugin, RefusesEventsThatAreNotAcceptableAndSaysWhy) {
  ASSERT_EQ(open(config()), "");
  Answer kind;
  submit(kind, "access.maybe");
  EXPECT_EQ(kind.status, TG_INVALID);
  EXPECT_THAT(kind.reason, HasSubstr("catalogue"));
  Answer json;
  submit(json, "access.deny", "{");
  EXPECT_EQ(json.status, TG_INVALID);
  Answer large;
  submit(large, "access.deny", '"' + std::string(70'000, 'x') + '"');
  EXPECT_EQ(large.status, TG_INVALID);
  EXPECT_THAT(large.reason, HasSubstr("the limit is 65535"));
  Answer old;
  tg_event event{};
  event.size = sizeof(std::size_t);
  table_->submit(self_, &event, Answer::done, &old);
  EXPECT_EQ(old.status, TG_INVALID);
  EXPECT_EQ(old.times, 1);
}

TEST_F(AuditPlugin, TakesMoreMembersThanFitWithoutAnAllocation) {
  ASSERT_EQ(open(config()), "");
  std::vector<std::string> names;
  for (int i = 10; i < 60; ++i) {
    names.push_back("m" + std::to_string(i));
  }
  std::vector<tg_member> members;
  for (const std::string& name : names) {
    members.push_back({bytes(name), bytes("1")});
  }
  tg_event event{};
  event.size = sizeof event;
  event.kind = bytes("session.start");
  event.id = bytes(id);
  event.members = members.data();
  event.member_count = members.size();
  event.flags = TG_EVENT_AWAITED;
  Answer answer;
  table_->submit(self_, &event, Answer::done, &answer);
  answer.wait();
  EXPECT_EQ(answer.status, TG_OK);
}

TEST_F(AuditPlugin, ReportsItsHealthToHostsOfAnyAge) {
  ASSERT_EQ(open(config()), "");
  Answer answer;
  submit(answer);
  tg_health health{};
  health.size = sizeof health;
  table_->health(self_, &health);
  EXPECT_EQ(health.status, TG_OK);
  EXPECT_STREQ(health.reason, "");
  EXPECT_EQ(health.entries, 1U);
  EXPECT_EQ(health.batches, 1U);
  EXPECT_EQ(health.newest_seq, 2U);
  tg_health older{};
  older.size = offsetof(tg_health, queued);
  older.queued = 77;
  table_->health(self_, &older);
  EXPECT_EQ(older.size, offsetof(tg_health, queued));
  EXPECT_EQ(older.queued, 77U) << "nothing is written beyond the size that the host gave";
}

TEST_F(AuditPlugin, AFileTakenAwayRefusesWithTheReasonAndShowsInHealthAndLog) {
  ASSERT_EQ(open(config()), "");
  const auto segment = folder_ / "journal" / "000000000000.db";
  std::filesystem::rename(segment, folder_ / "aside");
  Answer answer;
  submit(answer);
  EXPECT_EQ(answer.status, TG_UNWRITABLE);
  EXPECT_THAT(answer.reason, HasSubstr(segment.string()));
  tg_health health{};
  health.size = sizeof health;
  table_->health(self_, &health);
  EXPECT_EQ(health.status, TG_UNWRITABLE);
  EXPECT_THAT(health.reason, HasSubstr("000000000000.db"));
  const std::lock_guard lock(mutex_);
  ASSERT_FALSE(log_.empty());
  EXPECT_THAT(log_.front(), HasSubstr("the journal failed"));
}

TEST_F(AuditPlugin, TheRecordGoesOnAfterClosingAndOpeningAgain) {
  ASSERT_EQ(open(config()), "");
  table_->close(self_);
  self_ = nullptr;
  ASSERT_EQ(open(config(R"(,"checkpoint":"entry","heartbeat_s":60,"queue_max":100)")), "");
  Answer answer;
  submit(answer);
  EXPECT_EQ(answer.receipt.seq, 3U);
}

TEST_F(AuditPlugin, ASecondOpenIsTurnedAway) {
  ASSERT_EQ(open(config()), "");
  void* first = self_;
  EXPECT_THAT(open(config()), HasSubstr("writes this journal already"));
  EXPECT_EQ(status_, TG_UNWRITABLE);
  self_ = first;
}

TEST_F(AuditPlugin, ABadConfigurationIsNamed) {
  EXPECT_THAT(open("not json"), HasSubstr("one JSON object"));
  EXPECT_EQ(status_, TG_INVALID);
  EXPECT_THAT(open("{}"), HasSubstr("\"path\""));
  EXPECT_THAT(open(config(R"(,"pth":1)")), HasSubstr("\"pth\" is not a key"));
  EXPECT_THAT(open(config(R"(,"checkpoint":"never")")), HasSubstr("\"batch\" or \"entry\""));
  EXPECT_THAT(open(config(R"(,"queue_max":0)")), HasSubstr("\"queue_max\" must be a whole number from 1"));
  EXPECT_THAT(open(config(R"(,"queue_max":1.5)")), HasSubstr("\"queue_max\""));
  EXPECT_THAT(open(config(R"(,"heartbeat_s":601)")), HasSubstr("longer than the charter's"));
  EXPECT_EQ(self_, nullptr);
}

TEST_F(AuditPlugin, AMessageIsCutToTheRoomThatTheHostGives) {
  std::array<char, 8> error;
  error.fill('#');
  EXPECT_EQ(table_->open(nullptr, bytes("nonsense"), &self_, error.data(), 6), TG_INVALID);
  EXPECT_STREQ(error.data(), "journ");
  EXPECT_EQ(error[6], '#');
}

}  // namespace
}  // namespace tallygate::plugin
