#include "gateway/cli/site_folder.hpp"

#include "gateway/cli/keys_passphrase.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

namespace tallygate::cli {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SiteFolderTest : public testing::Test {
 protected:
  SiteFolderTest() {
    std::string pattern = (fs::temp_directory_path() / "tallygate-site-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    root = pattern;
  }
  ~SiteFolderTest() override { fs::remove_all(root); }

  [[nodiscard]] std::size_t things() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(root), fs::directory_iterator{}));
  }
  static std::string content(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static unsigned mode(const fs::path& path) {
    struct stat status{};
    return ::stat(path.c_str(), &status) == 0 ? status.st_mode & 0777U : 0U;
  }

  fs::path root;
};

TEST_F(SiteFolderTest, AppearsOnlyWhenCommitted) {
  auto folder = SiteFolder::stage(root / "site");
  ASSERT_TRUE(folder.has_value());
  ASSERT_TRUE(folder->write("a/b/secret", "hush", private_mode).has_value());
  ASSERT_TRUE(folder->write("open", "hello", public_mode).has_value());
  EXPECT_FALSE(fs::exists(root / "site"));
  ASSERT_TRUE(folder->commit().has_value());
  EXPECT_EQ(content(root / "site/a/b/secret"), "hush");
  EXPECT_EQ(mode(root / "site/a/b/secret"), 0600U);
  EXPECT_EQ(mode(root / "site/open"), 0644U);
  EXPECT_EQ(mode(root / "site"), 0700U);
  EXPECT_EQ(things(), 1U);
}

TEST_F(SiteFolderTest, LeavesNothingBehindIfNotCommitted) {
  {
    auto folder = SiteFolder::stage(root / "site");
    ASSERT_TRUE(folder.has_value());
    ASSERT_TRUE(folder->write("file", "text", public_mode).has_value());
    EXPECT_EQ(things(), 1U);
  }
  EXPECT_EQ(things(), 0U);
}

TEST_F(SiteFolderTest, TakesAnEmptyFolderAndATrailingSlash) {
  fs::create_directory(root / "site");
  auto folder = SiteFolder::stage((root / "site").string() + "/");
  ASSERT_TRUE(folder.has_value());
  ASSERT_TRUE(folder->write("file", "text", public_mode).has_value());
  ASSERT_TRUE(folder->commit().has_value());
  EXPECT_EQ(content(root / "site/file"), "text");
}

TEST_F(SiteFolderTest, NeverTouchesWhatIsThere) {
  fs::create_directory(root / "site");
  ASSERT_TRUE(write_new_file(root / "site/precious", "mine", public_mode).has_value());
  const auto folder = SiteFolder::stage(root / "site");
  ASSERT_FALSE(folder.has_value());
  EXPECT_EQ(folder.error().kind, audit::FailureKind::exists);
  const auto over = write_new_file(root / "site/precious", "theirs", public_mode);
  ASSERT_FALSE(over.has_value());
  EXPECT_EQ(over.error().kind, audit::FailureKind::exists);
  EXPECT_EQ(content(root / "site/precious"), "mine");
}

TEST_F(SiteFolderTest, WhoeverComesSecondIsRefused) {
  auto first = SiteFolder::stage(root / "site");
  auto second = SiteFolder::stage(root / "site");
  ASSERT_TRUE(first.has_value() && second.has_value());
  ASSERT_TRUE(first->write("by", "first", public_mode).has_value());
  ASSERT_TRUE(second->write("by", "second", public_mode).has_value());
  ASSERT_TRUE(first->commit().has_value());
  const auto late = second->commit();
  ASSERT_FALSE(late.has_value());
  EXPECT_EQ(late.error().kind, audit::FailureKind::exists);
  EXPECT_EQ(content(root / "site/by"), "first");
}

TEST_F(SiteFolderTest, AParentThatIsMissingIsNamed) {
  const auto folder = SiteFolder::stage(root / "no/site");
  ASSERT_FALSE(folder.has_value());
  EXPECT_THAT(folder.error().message, HasSubstr((root / "no").string()));
}

TEST_F(SiteFolderTest, APassphraseIsTheFirstLineOfItsFile) {
  ASSERT_TRUE(write_new_file(root / "p", "correct horse\r\nsecond line\n", private_mode).has_value());
  EXPECT_EQ(read_passphrase(root / "p", PassphraseUse::make).value(), "correct horse");
}

TEST_F(SiteFolderTest, AShortPassphraseMakesNoKeyButMayOpenOne) {
  ASSERT_TRUE(write_new_file(root / "p", "short\n", private_mode).has_value());
  EXPECT_FALSE(read_passphrase(root / "p", PassphraseUse::make).has_value());
  EXPECT_EQ(read_passphrase(root / "p", PassphraseUse::open).value(), "short");
}

TEST_F(SiteFolderTest, APassphraseFileThatIsMissingOrEmptyIsNamed) {
  ASSERT_TRUE(write_new_file(root / "empty", "", private_mode).has_value());
  for (const auto* name : {"missing", "empty"}) {
    const auto passphrase = read_passphrase(root / name, PassphraseUse::open);
    ASSERT_FALSE(passphrase.has_value());
    EXPECT_THAT(passphrase.error().message, HasSubstr((root / name).string()));
  }
}

}  // namespace
}  // namespace tallygate::cli
