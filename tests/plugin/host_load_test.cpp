/// What the host says about plugins it cannot use.
#include "tests/plugin/recording_sink.hpp"

#include <gmock/gmock.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <mutex>

namespace tallygate::plugin {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::filesystem::path support(const std::string& name) {
  return std::filesystem::path(TALLYGATE_BINARY_DIR) / "bin/test-plugins" / (name + ".so");
}

void ignore(tg_log_level, std::string_view) {}

Error fault_of(const std::filesystem::path& path, std::string_view config = "{}") {
  auto host = PluginHost::load(path, config, ignore);
  EXPECT_FALSE(host.has_value()) << path;
  return host.has_value() ? Error{.fault = Fault::no_memory, .message = "it loaded"} : host.error();
}

TEST(PluginLoading, AMissingFileIsNamedAndTheMendIsSaid) {
  const Error error = fault_of(support("not-there"));
  EXPECT_EQ(error.fault, Fault::no_such_file);
  EXPECT_THAT(error.message,
              AllOf(HasSubstr("not-there.so"), HasSubstr("no such file"), HasSubstr("journal")));
}

TEST(PluginLoading, AFolderIsNotAPlugin) {
  EXPECT_EQ(fault_of(std::filesystem::temp_directory_path()).fault, Fault::no_such_file);
}

TEST(PluginLoading, ABareNameIsNeverLookedUpInTheLoadersPath) {
  // libc.so.6 can be found by the loader on every machine that runs this test, and by nobody in this folder.
  EXPECT_EQ(fault_of("libc.so.6").fault, Fault::no_such_file);
}

TEST(PluginLoading, AFileThatIsNoSharedObjectIsRefusedWithTheLoadersReason) {
  const auto path =
      std::filesystem::temp_directory_path() / ("tallygate-not-elf-" + std::to_string(getpid()) + ".so");
  std::ofstream(path) << "#!/bin/sh\n";
  const Error error = fault_of(path);
  std::filesystem::remove(path);
  EXPECT_EQ(error.fault, Fault::not_loadable);
  EXPECT_THAT(error.message, HasSubstr("cannot be loaded"));
}

TEST(PluginLoading, AFunctionThatNobodyDefinesIsFoundAtLoadNotAtTheFirstEvent) {
  const Error error = fault_of(support("undefined"));
  EXPECT_EQ(error.fault, Fault::not_loadable);
  EXPECT_THAT(error.message, HasSubstr("tallygate_table_that_nobody_defines"));
}

TEST(PluginLoading, AMissingSymbolIsNamed) {
  const Error error = fault_of(support("no_symbol"));
  EXPECT_EQ(error.fault, Fault::missing_symbol);
  EXPECT_THAT(error.message, HasSubstr("`tallygate_plugin`"));
}

TEST(PluginLoading, ANullTableMeansNotForThisHost) {
  const Error error = fault_of(support("null_table"));
  EXPECT_EQ(error.fault, Fault::refused_host);
  EXPECT_THAT(error.message, HasSubstr("ABI version 1"));
}

TEST(PluginLoading, AVersionMismatchNamesBothVersions) {
  const Error error = fault_of(support("wrong_abi"));
  EXPECT_EQ(error.fault, Fault::version_mismatch);
  EXPECT_THAT(error.message, AllOf(HasSubstr("version 2"), HasSubstr("version 1")));
}

TEST(PluginLoading, ATableThatEndsBeforeItsFunctionsIsNotReadFurther) {
  EXPECT_EQ(fault_of(support("small_table")).fault, Fault::table_too_small);
  EXPECT_EQ(fault_of(support("no_size")).fault, Fault::table_too_small);
}

TEST(PluginLoading, AMissingFunctionIsNamed) {
  const Error error = fault_of(support("no_functions"));
  EXPECT_EQ(error.fault, Fault::missing_function);
  EXPECT_THAT(error.message, HasSubstr("`open`"));
}

TEST(PluginLoading, ThePluginsOwnMessageIsShownWhenItDoesNotOpen) {
  const Error error = fault_of(support("refuses_open"), R"({"path":"/x"})");
  EXPECT_EQ(error.fault, Fault::open_failed);
  EXPECT_THAT(error.message, AllOf(HasSubstr("refuses_open 2.1 did not open"),
                                   HasSubstr(R"(no such folder, in {"path":"/x"})")));
}

TEST(PluginLoading, AMessageLongerThanItsBufferIsCutAndTerminated) {
  const Error error = fault_of(support("refuses_open"), std::string(5000, 'c'));
  EXPECT_EQ(error.fault, Fault::open_failed);
  EXPECT_LT(error.message.size(), 2000U);
}

TEST(PluginLoading, AnExceptionThatACppPluginThrowsWhileOpeningIsItsMessage) {
  const Error error = fault_of(support("counter"), R"({"a":1})");
  EXPECT_EQ(error.fault, Fault::open_failed);
  EXPECT_THAT(error.message, HasSubstr(R"(counter takes no configuration, it was given {"a":1})"));
}

TEST(PluginLoading, ALinkedInTableIsCheckedAsALoadedOneIs) {
  auto host = PluginHost::attach(nullptr, "{}", ignore);
  ASSERT_FALSE(host.has_value());
  EXPECT_EQ(host.error().fault, Fault::refused_host);
}

TEST(PluginLoading, ALoadedPluginHasItsNameAndVersionAndLogsThroughTheHost) {
  std::vector<std::string> lines;
  auto host =
      PluginHost::load(support("careless"), "{}", [&lines](tg_log_level level, std::string_view line) {
        lines.push_back(std::to_string(level) + " " + std::string(line));
      });
  ASSERT_TRUE(host.has_value()) << host.error().message;
  EXPECT_EQ((*host)->name(), "careless");
  EXPECT_EQ((*host)->version(), "1");
  EXPECT_THAT(lines, ElementsAre("2 careless is open"));
}

}  // namespace
}  // namespace tallygate::plugin
