#pragma once
/// The folder of a bundle while it is made.

#include "audit/journal/failure.hpp"
#include "audit/journal/file.hpp"

#include <array>
#include <filesystem>

namespace tallygate::audit {

/// What is in a bundle. The checkpoint comes last: without it nothing in the folder proves anything.
inline constexpr std::array<const char*, 8> bundle_files = {"entries.jsonl",   "path.txt",    "keys.txt",
                                                            "consistency.txt", "bundle.json", "README.md",
                                                            "verify.py",       "checkpoint"};

/// A folder that is made beside its name, as NAME.partial, and renamed when it is whole; removed again unless
/// it is shown. A lock on it tells one that is being made from one that was broken off. One thread.
class BundleFolder {
 public:
  explicit BundleFolder(const std::filesystem::path& name);
  BundleFolder(const BundleFolder&) = delete;
  BundleFolder& operator=(const BundleFolder&) = delete;
  ~BundleFolder();

  /// What an export of this name that was broken off left behind is removed first: the files of a bundle in a
  /// folder of this process's user, where nobody is at it and nothing else lies in it. Errors: exists (the
  /// folder; one that is being made, is somebody else's or holds anything else), unreadable.
  [[nodiscard]] Result<void> make();

  /// Whether make() removed what an earlier export had left.
  [[nodiscard]] bool cleared() const noexcept { return cleared_; }

  /// Removes the files in it, for whoever begins again. Errors: unreadable.
  [[nodiscard]] Result<void> empty() const;

  /// Gives it its name. Where something took the name meanwhile, that stays as it is, but for an empty
  /// folder. Errors: unreadable.
  [[nodiscard]] Result<void> show();

  /// Where it is made.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return partial_; }
  /// What it will be called, without a slash behind it.
  [[nodiscard]] const std::filesystem::path& name() const noexcept { return name_; }

 private:
  [[nodiscard]] Result<void> clear_left() const;
  [[nodiscard]] Failure not_ours() const;

  std::filesystem::path name_;
  std::filesystem::path partial_;
  FileDescriptor lock_;
  bool made_ = false;
  bool cleared_ = false;
};

}  // namespace tallygate::audit
