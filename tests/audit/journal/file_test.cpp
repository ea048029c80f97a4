// Files of a journal: whose they are, and how they go.

#include "audit/journal/file.hpp"

#include "tests/audit/support/home.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>
#include <string>

namespace tallygate::audit {
namespace {

using testing::Home;

constexpr uid_t somebody = 12'345;

std::string content_of(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(Files, WhatRootMakesBelongsToWhomTheFolderBelongsTo) {
  const Home home(false);
  const bool root = ::geteuid() == 0;
  if (root) {
    ASSERT_EQ(::chown(home.folder().c_str(), somebody, somebody), 0);
  }
  ASSERT_TRUE(create_file(home.folder() / "made", "content", 0600));
  struct stat status{};
  ASSERT_EQ(::stat((home.folder() / "made").c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, root ? somebody : ::geteuid());
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Files, AreNeverOverwrittenWhenTheyAreMade) {
  const Home home(false);
  const auto file = home.folder() / "made";
  ASSERT_TRUE(create_file(file, "first", 0600));
  EXPECT_EQ(create_file(file, "second", 0600).error().kind, FailureKind::exists);
  EXPECT_EQ(content_of(file), "first");
}

TEST(Files, AreOverwrittenBeforeTheyGo) {
  const Home home(false);
  const auto file = home.folder() / "secret";
  const auto other_name = home.folder() / "other-name";
  ASSERT_TRUE(create_file(file, "secret", 0600));
  std::filesystem::create_hard_link(file, other_name);
  ASSERT_TRUE(shred_file(file));
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(content_of(other_name), std::string(6, '\0'));
  EXPECT_TRUE(shred_file(file)) << "what is not there needs no shredding";
}

TEST(Files, ALinkIsNotFollowedToWhatItLeadsTo) {
  const Home home(false);
  ASSERT_TRUE(create_file(home.folder() / "kept", "kept", 0600));
  std::filesystem::create_symlink(home.folder() / "kept", home.folder() / "link");
  EXPECT_FALSE(shred_file(home.folder() / "link"));
  EXPECT_EQ(content_of(home.folder() / "kept"), "kept");
}

}  // namespace
}  // namespace tallygate::audit
