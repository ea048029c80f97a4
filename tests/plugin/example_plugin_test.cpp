/// The example prints what it should and answers when it is printed.
#include "tests/plugin/recording_sink.hpp"

#include <boost/json/parse.hpp>
#include <fcntl.h>
#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace tallygate::plugin {
namespace {

using test::bytes_of;
using test::event_of;
using test::RecordingSink;

/// Standard output goes to `path` while this lives.
class Redirected {
 public:
  explicit Redirected(const std::string& path) : kept_(dup(STDOUT_FILENO)) {
    (void)std::fflush(stdout);
    const int file = open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    EXPECT_GE(file, 0) << path;
    EXPECT_GE(dup2(file, STDOUT_FILENO), 0);
    close(file);
  }
  Redirected(const Redirected&) = delete;
  Redirected& operator=(const Redirected&) = delete;
  ~Redirected() {
    (void)std::fflush(stdout);
    clearerr(stdout);
    dup2(kept_, STDOUT_FILENO);
    close(kept_);
  }

 private:
  int kept_;
};

std::unique_ptr<PluginHost> example() {
  auto host = PluginHost::load(std::filesystem::path(TALLYGATE_BINARY_DIR) / "bin/stdout_plugin.so", "{}",
                               [](tg_log_level, std::string_view) {});
  EXPECT_TRUE(host.has_value()) << host.error().message;
  return std::move(*host);
}

TEST(ExamplePlugin, PrintsOneLineOfJsonForEachEventBeforeItAnswers) {
  const std::string path =
      (std::filesystem::temp_directory_path() / ("tallygate-stdout-" + std::to_string(getpid()))).string();
  RecordingSink sink;
  const tg_member members[] = {{.name = bytes_of("actor"), .json = bytes_of(R"({"subject":"ana"})")},
                               {.name = bytes_of("note\n\"é\""), .json = bytes_of("\"x\"")}};
  tg_event event = event_of("access.allow");
  event.members = members;
  event.member_count = 2;
  {
    const Redirected stdout_to(path);
    auto host = example();
    host->submit(event, sink, 1);
    host->submit(event_of("access.deny"), sink, 2);
    host.reset();  // completes what was accepted
  }
  std::stringstream printed;
  printed << std::ifstream(path).rdbuf();
  std::filesystem::remove(path);

  std::string line;
  ASSERT_TRUE(std::getline(printed, line));
  const auto first = boost::json::parse(line).as_object();
  EXPECT_EQ(first.at("kind").as_string(), "access.allow");
  EXPECT_EQ(first.at("id").as_string(), "019aa3f2-0000-7000-8000-000000000001");
  EXPECT_EQ(first.at("actor").at("subject").as_string(), "ana");
  EXPECT_EQ(first.at("note\n\"é\"").as_string(), "x");
  ASSERT_TRUE(std::getline(printed, line));
  EXPECT_EQ(boost::json::parse(line).at("kind").as_string(), "access.deny");
  EXPECT_FALSE(std::getline(printed, line));

  ASSERT_EQ(sink.answers().size(), 2U);
  EXPECT_EQ(sink.answers()[0].status, TG_OK);
  EXPECT_EQ(sink.answers()[1].seq, 1U);
}

TEST(ExamplePlugin, SaysThatAnEventIsNotKeptWhenItsLineCannotBeWritten) {
  RecordingSink sink;
  {
    const Redirected stdout_to("/dev/full");
    auto host = example();
    host->submit(event_of("access.allow"), sink, 1);
    host.reset();
  }
  ASSERT_EQ(sink.answers().size(), 1U);
  EXPECT_EQ(sink.answers()[0].status, TG_UNWRITABLE);
  EXPECT_EQ(sink.answers()[0].reason, "standard output cannot be written");
}

}  // namespace
}  // namespace tallygate::plugin
