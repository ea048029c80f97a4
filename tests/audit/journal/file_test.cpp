// Files of a journal: whose they are, and how they go.

#include "audit/journal/file.hpp"

#include "audit/journal/lock.hpp"
#include "tests/audit/support/home.hpp"

#include <fcntl.h>
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

TEST(Files, OfOnesOwnAreNoLinksAndNoPipes) {
  const Home home(false);
  const auto victim = home.folder() / "victim";
  ASSERT_TRUE(create_file(victim, "content", 0600));
  const auto link = home.folder() / "link";
  std::filesystem::create_symlink(victim, link);
  EXPECT_EQ(open_own(link, O_RDWR | O_CREAT).error().kind, FailureKind::tampered);
  const auto dangling = home.folder() / "dangling";
  std::filesystem::create_symlink(home.folder() / "nowhere", dangling);
  EXPECT_FALSE(open_own(dangling, O_RDWR | O_CREAT));
  EXPECT_FALSE(std::filesystem::exists(home.folder() / "nowhere"));
  const auto pipe = home.folder() / "pipe";
  ASSERT_EQ(::mkfifo(pipe.c_str(), 0600), 0);
  EXPECT_EQ(open_own(pipe, O_RDWR).error().kind, FailureKind::tampered);
  EXPECT_EQ(open_to_read(pipe).error().kind, FailureKind::unreadable);
  EXPECT_FALSE(shred_file(pipe));
  EXPECT_TRUE(open_to_read(link));
  EXPECT_TRUE(check_regular(home.folder() / "nowhere")) << "what is not there is nothing else either";
}

TEST(Files, TheLockIsNoOtherFile) {
  const Home home;
  const auto victim = home.folder() / "victim";
  ASSERT_TRUE(create_file(victim, "content", 0600));
  const auto lock = home.journal() / "lock";
  std::filesystem::remove(lock);
  std::filesystem::create_symlink(victim, lock);
  const auto refused = Lock::acquire(home.journal());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::tampered);
  EXPECT_EQ(content_of(victim), "content");
}

TEST(Files, LinksAreFollowedWhereRootOrTheirUserMadeThem) {
  const Home home(false);
  const auto file = home.folder() / "file";
  ASSERT_TRUE(create_file(file, "content", 0600));
  const auto link = home.folder() / "link";
  const auto second = home.folder() / "second";
  std::filesystem::create_symlink("file", link);
  std::filesystem::create_symlink(link, second);
  EXPECT_EQ(follow_links(second).value(), file);
  EXPECT_EQ(follow_links(home.folder() / "nowhere").value(), home.folder() / "nowhere");
  if (::geteuid() == 0) {
    ASSERT_EQ(::lchown(link.c_str(), somebody, somebody), 0);
    EXPECT_EQ(follow_links(second).error().kind, FailureKind::tampered);
  }
  std::filesystem::remove(link);
  std::filesystem::create_symlink(second, link);
  EXPECT_FALSE(follow_links(second)) << "in a circle";
}

TEST(Files, RootFollowsNoLinkOfAnotherUserToAHeadOrAKeyring) {
  Home home;
  for (const auto& file : {home.head(), home.keyring()}) {
    const auto moved = home.folder() / "moved";
    std::filesystem::rename(file, moved);
    std::filesystem::create_symlink(moved, file);
    EXPECT_TRUE(Journal::open(home.options())) << "a link of one's own";
    if (::geteuid() == 0) {  // nobody else can make a link another's
      ASSERT_EQ(::lchown(file.c_str(), somebody, somebody), 0);
      EXPECT_FALSE(Journal::open(home.options()));
    }
    std::filesystem::remove(file);
    std::filesystem::rename(moved, file);
  }
}

}  // namespace
}  // namespace tallygate::audit
