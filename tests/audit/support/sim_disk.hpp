#pragma once

#include "audit/journal/head.hpp"

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit::testing {

/// What an operation on a simulated disk does.
enum class DiskOperation { create, write, truncate, sync, remove };

/// What is to become of the operation that is about to run.
enum class DiskFault {
  none,
  write_error,  ///< nothing happens, EIO
  disk_full,    ///< nothing happens, ENOSPC
  torn_write,   ///< a write does half of its work, then EIO
  sync_error,   ///< a sync fails and drops what it could not keep, as Linux does: readable, never durable
  power_cut,    ///< the operation is under way as the power fails
  halt          ///< it is not begun: whoever used the disk is dead
};

/// One file: what is read back, what is on the platter, and the operations between the two. Pure.
class SimFile {
 public:
  void write(std::string_view bytes, std::uint64_t at);
  void truncate(std::uint64_t size);
  /// All that was written is durable.
  void sync();
  /// A random part of what was not durable has become so, the rest never will; what is read stays.
  void lose(std::mt19937_64& random, std::uint32_t sector);
  /// The power failed: what is read is what the platter kept, a random part of what was not durable, each
  /// sector in any of the states it was in.
  void power_cut(std::mt19937_64& random, std::uint32_t sector);

  [[nodiscard]] const std::string& bytes() const { return seen_; }

  bool there = true;                 ///< has a name
  bool named = true;                 ///< that is durable, as is the lack of one
  std::optional<std::string> ghost;  ///< what had the name before and may come back with it

 private:
  struct Operation {
    std::uint64_t at = 0;  // or the new size
    std::optional<std::string> bytes;
  };
  static void apply(std::string& file, const Operation& operation);
  [[nodiscard]] std::string survivors(std::mt19937_64& random, std::uint32_t sector) const;

  std::string seen_;
  std::string durable_;
  std::vector<Operation> pending_;  // oldest first
};

/// A disk in memory: a SQLite VFS, and the durable writes of `head`. Files that are not SQLite's to open but
/// to stat() stand empty in the file system. For one thread and one connection to a file at a time; may be
/// forked. Registered for as long as the object lives.
class SimDisk {
 public:
  explicit SimDisk(std::uint64_t seed);
  ~SimDisk();
  SimDisk(const SimDisk&) = delete;
  SimDisk& operator=(const SimDisk&) = delete;

  /// The name to open databases with.
  [[nodiscard]] const std::string& name() const { return name_; }
  /// Takes up a file as it stands; all of it is durable.
  void adopt(const std::filesystem::path& file);
  /// Writes the blocks of an adopted head, here and, for its reader, in the file system.
  [[nodiscard]] WriteDurably head_writer(const std::filesystem::path& head);
  /// Copies what is in `from` out to a folder of the file system, for readers that know nothing of this disk.
  void write_out(const std::filesystem::path& from, const std::filesystem::path& to) const;
  /// Writes the bytes of head into its file, where its reader finds them: after a fork's child did so.
  void show_head();

  /// Asked before each operation, which is given its number from 0 on.
  using Plan = std::function<DiskFault(std::uint64_t number, DiskOperation operation)>;
  void set_plan(Plan plan) { plan_ = std::move(plan); }
  [[nodiscard]] std::uint64_t operations() const { return operations_; }
  /// Operations that failed since the last start().
  [[nodiscard]] std::uint64_t failures() const { return failures_; }

  /// Nothing works any more, as after a power_cut or a halt.
  void stop() { off_ = true; }
  /// The power comes back after it was cut: what was not durable is lost or not. Also before start().
  void lose_power();
  /// Works again, without a plan.
  void start();

  [[nodiscard]] std::mt19937_64& random() { return random_; }

  // For the VFS.
  [[nodiscard]] SimFile* find(const std::string& path);
  SimFile& file(const std::string& path) { return files_[path]; }
  /// What is to become of the next operation; `none` or a failure.
  DiskFault next(DiskOperation operation);
  int write(SimFile& file, std::string_view bytes, std::uint64_t at);
  [[nodiscard]] std::uint32_t sector();
  [[nodiscard]] sqlite3_vfs* base() const { return base_; }

 private:
  std::string name_;
  sqlite3_vfs* base_;
  sqlite3_vfs vfs_{};
  std::mt19937_64 random_;
  std::map<std::string, SimFile> files_;
  std::string head_;
  Plan plan_;
  std::uint64_t operations_ = 0;
  std::uint64_t failures_ = 0;
  bool off_ = false;
};

}  // namespace tallygate::audit::testing
