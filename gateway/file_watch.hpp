#pragma once
/// Waiting for files to change, by inotify.
#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>

#include <map>
#include <set>
#include <span>
#include <string>
#include <string_view>

namespace tallygate {

/// Watches the places that decide what a path leads to: every folder on the way to it, and where a symbolic
/// link stands on the way also those on the way to its target. So it sees a file that is written, replaced by
/// a rename, removed or made again, and a link or a folder that is exchanged. Threads: one. Owns its
/// descriptor.
class FileWatch {
 public:
  /// Watches from now on: what changes afterwards is seen, however late take_changes() is called. A path may
  /// lead nowhere yet. Errors: what the system says, for want of watches for instance.
  [[nodiscard]] static boost::system::result<FileWatch> open(std::span<const std::string> paths);

  ~FileWatch();
  FileWatch(FileWatch&& other) noexcept;
  FileWatch& operator=(FileWatch&& other) noexcept;
  FileWatch(const FileWatch&) = delete;
  FileWatch& operator=(const FileWatch&) = delete;

  /// Becomes readable when something happened in one of the folders, related or not.
  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  /// Reads what has happened so far, without waiting; true if any of the paths may be affected.
  [[nodiscard]] bool take_changes();

 private:
  explicit FileWatch(int descriptor) noexcept : descriptor_(descriptor) {}
  [[nodiscard]] boost::system::error_code add_way(std::string_view path);
  [[nodiscard]] boost::system::error_code add(const std::string& folder, const std::string& name);
  [[nodiscard]] bool concerns(int watch, std::string_view name) const;

  int descriptor_;
  std::map<int, std::set<std::string, std::less<>>>
      names_;  ///< by watch: the names that matter in its folder
};

}  // namespace tallygate
