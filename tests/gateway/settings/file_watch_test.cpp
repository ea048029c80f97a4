#include "gateway/file_watch.hpp"

#include <gtest/gtest.h>
#include <poll.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace tallygate {
namespace {

namespace fs = std::filesystem;

/// A folder with `real/file`, and `link` that leads to `real`.
class WatchedFiles : public testing::Test {
 protected:
  WatchedFiles() {
    std::string pattern = (fs::temp_directory_path() / "tallygate-watch-XXXXXX").string();
    if (mkdtemp(pattern.data()) == nullptr) {
      ADD_FAILURE() << "no temporary folder";
    }
    folder = pattern;
    fs::create_directories(folder / "real");
    fs::create_directories(folder / "other");
    write("real/file");
    write("other/file");
    fs::create_directory_symlink("real", folder / "link");
  }
  ~WatchedFiles() override { fs::remove_all(folder); }
  WatchedFiles(const WatchedFiles&) = delete;
  WatchedFiles& operator=(const WatchedFiles&) = delete;

  void write(const std::string& name) const { std::ofstream(folder / name) << "text\n"; }

  /// What the kernel says of files it says at once, so nothing has to be waited for.
  [[nodiscard]] FileWatch watch(const std::string& name) const {
    const std::vector<std::string> paths{(folder / name).string()};
    auto opened = FileWatch::open(paths);
    EXPECT_TRUE(opened.has_value());
    return std::move(*opened);
  }

  fs::path folder;
};

TEST_F(WatchedFiles, ThatStayAsTheyAreAreQuiet) {
  FileWatch files = watch("link/file");
  EXPECT_FALSE(files.take_changes());
  const std::ifstream read(folder / "link/file");
  EXPECT_FALSE(files.take_changes());
}

TEST_F(WatchedFiles, ChangeWhenTheyAreWritten) {
  FileWatch files = watch("real/file");
  write("real/file");
  EXPECT_TRUE(files.take_changes());
  EXPECT_FALSE(files.take_changes()) << "each change once";
}

TEST_F(WatchedFiles, DoNotChangeWithTheirNeighbours) {
  FileWatch files = watch("real/file");
  write("real/neighbour");
  fs::remove(folder / "real/neighbour");
  EXPECT_FALSE(files.take_changes());
}

TEST_F(WatchedFiles, ChangeWhenAnotherFileIsRenamedOverThem) {
  FileWatch files = watch("real/file");
  write("real/.new");
  EXPECT_FALSE(files.take_changes());
  fs::rename(folder / "real/.new", folder / "real/file");
  EXPECT_TRUE(files.take_changes());
}

TEST_F(WatchedFiles, ChangeWhenTheyAreRemovedAndWhenTheyAreMade) {
  FileWatch files = watch("real/file");
  fs::remove(folder / "real/file");
  EXPECT_TRUE(files.take_changes());
  FileWatch absent = watch("real/file");
  write("real/file");
  EXPECT_TRUE(absent.take_changes());
}

TEST_F(WatchedFiles, ChangeWhenALinkOnTheWayIsExchanged) {
  FileWatch files = watch("link/file");
  fs::create_directory_symlink("other", folder / "next");
  EXPECT_FALSE(files.take_changes());
  fs::rename(folder / "next", folder / "link");
  EXPECT_TRUE(files.take_changes());
  // Whoever looks again watches what the link leads to now.
  FileWatch now = watch("link/file");
  write("real/file");
  EXPECT_FALSE(now.take_changes());
  write("other/file");
  EXPECT_TRUE(now.take_changes());
}

TEST_F(WatchedFiles, ChangeWhenAFolderOnTheWayIsExchanged) {
  FileWatch files = watch("link/file");
  fs::rename(folder / "real", folder / "old");
  fs::rename(folder / "other", folder / "real");
  EXPECT_TRUE(files.take_changes());
}

TEST_F(WatchedFiles, AreFoundThroughDotsAndAbsoluteLinks) {
  fs::create_symlink(folder / "other/file", folder / "real/absolute");
  FileWatch files = watch("./link/../real/absolute");
  write("other/file");
  EXPECT_TRUE(files.take_changes());
}

TEST_F(WatchedFiles, MayLeadNowhereOrRoundInCircles) {
  fs::create_symlink("b", folder / "a");
  fs::create_symlink("a", folder / "b");
  FileWatch circle = watch("a");
  EXPECT_FALSE(circle.take_changes());
  FileWatch nowhere = watch("none/such/file");
  fs::create_directory(folder / "none");
  EXPECT_TRUE(nowhere.take_changes());
}

TEST_F(WatchedFiles, WakeWhoeverWaitsForThem) {
  FileWatch files = watch("real/file");
  pollfd waiting{files.descriptor(), POLLIN, 0};
  // Every folder on the way is watched, the one for temporary files too, where others make files meanwhile.
  while (::poll(&waiting, 1, 0) == 1) {
    EXPECT_FALSE(files.take_changes());
  }
  write("real/file");
  EXPECT_EQ(::poll(&waiting, 1, 0), 1);
  EXPECT_TRUE(files.take_changes());
}

}  // namespace
}  // namespace tallygate
