#pragma once

#include "audit/journal/failure.hpp"

#include <filesystem>
#include <string_view>

namespace tallygate::cli {

constexpr unsigned private_mode = 0600;
constexpr unsigned public_mode = 0644;

/// A folder that appears whole or not at all: it is filled under a temporary name beside its place, and moved
/// there when it is complete. What was not committed is removed by the destructor.
class SiteFolder {
 public:
  /// Starts one for `target`, which must not exist or be an empty folder. Its parent must exist.
  /// Errors: exists, missing, unreadable.
  static audit::Result<SiteFolder> stage(const std::filesystem::path& target);

  ~SiteFolder();
  SiteFolder(SiteFolder&& other) noexcept;
  SiteFolder& operator=(SiteFolder&& other) = delete;
  SiteFolder(const SiteFolder&) = delete;
  SiteFolder& operator=(const SiteFolder&) = delete;

  /// Where to put things until commit(): absolute, mode 0700.
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return staged_; }

  /// Writes a new file, durably, making its folders (0700) as needed. Errors: exists, unreadable.
  [[nodiscard]] audit::Result<void> write(const std::filesystem::path& name, std::string_view text,
                                          unsigned mode) const;

  /// Moves the folder to its place, durably. Errors: exists (somebody else made it meanwhile), unreadable.
  [[nodiscard]] audit::Result<void> commit();

 private:
  SiteFolder(std::filesystem::path target, std::filesystem::path staged);

  std::filesystem::path target_;
  std::filesystem::path staged_;  ///< empty once committed or moved from
};

/// Writes a new file at `path`, durably: an existing one is never touched. Errors: exists, unreadable.
[[nodiscard]] audit::Result<void> write_new_file(const std::filesystem::path& path, std::string_view text,
                                                 unsigned mode);

/// Puts a file in the place of one that may be there: whoever reads it sees either, whole. Errors: exists
/// (somebody else is at it), unreadable.
[[nodiscard]] audit::Result<void> replace_file(const std::filesystem::path& path, std::string_view text,
                                               unsigned mode);

}  // namespace tallygate::cli
