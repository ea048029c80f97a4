#pragma once

#include <sqlite3.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

namespace tallygate::audit::testing {

/// A SQLite VFS on top of the default one whose writes, syncs and truncations can be made to fail, counted
/// over all its files. Registered for as long as the object lives.
class FaultVfs {
 public:
  enum class Fault {
    write_error,  ///< nothing is written, EIO
    disk_full,    ///< nothing is written, ENOSPC
    torn_write,   ///< half of the bytes are written, then EIO
    sync_error    ///< writes succeed, a sync fails
  };

  FaultVfs();
  ~FaultVfs();
  FaultVfs(const FaultVfs&) = delete;
  FaultVfs& operator=(const FaultVfs&) = delete;

  /// The name to open databases with.
  [[nodiscard]] const std::string& name() const { return name_; }

  /// Counting from now: the operation number `at` (from 0) that `fault` applies to fails, and every later one
  /// too until heal().
  void fail_from(std::uint64_t at, Fault fault);
  /// The same, for that one operation only.
  void fail_once(std::uint64_t at, Fault fault);
  /// Nothing fails any more.
  void heal();
  /// Whether a failure has been injected since the last call that planned one.
  [[nodiscard]] bool struck() const { return struck_; }
  /// Operations since the last call that planned a failure; a measure for how far a workload goes.
  [[nodiscard]] std::uint64_t operations() const { return operations_; }

  /// For the VFS's own functions: whether this operation is to fail, and how.
  bool strikes(bool sync);
  [[nodiscard]] Fault fault() const { return fault_; }
  [[nodiscard]] sqlite3_vfs* base() const { return base_; }

 private:
  std::string name_;
  sqlite3_vfs* base_;
  sqlite3_vfs vfs_{};
  std::atomic<std::uint64_t> operations_{0};
  std::atomic<bool> armed_{false}, struck_{false};
  std::uint64_t at_ = 0;
  bool once_ = false;
  Fault fault_ = Fault::write_error;
};

}  // namespace tallygate::audit::testing
