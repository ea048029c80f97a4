#pragma once
/// Leaf hashes of many entries side by side. One SHA-256 waits for itself most of the time; the wide
/// registers of a processor hold sixteen of them.

#include "audit/journal/hash.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

struct IMB_MGR;  // NOLINT(readability-identifier-naming): the library's

namespace tallygate::audit {

/// Collects bodies and hashes them together (RFC 6962 §2.1: SHA-256(0x00 ‖ body)), by Intel's multi-buffer
/// library where it was built in, one after the other by OpenSSL otherwise and for bodies longer than an
/// entry may be. Of use where no body waits for the hash of the one before, so for readers and not for the
/// writer. One thread at a time.
class LeafLanes {
 public:
  /// Throws std::runtime_error where the library gives another hash than OpenSSL for a body of each length up
  /// to three blocks, or cannot be started.
  LeafLanes();
  ~LeafLanes();
  LeafLanes(LeafLanes&&) noexcept;
  LeafLanes& operator=(LeafLanes&&) noexcept;
  LeafLanes(const LeafLanes&) = delete;
  LeafLanes& operator=(const LeafLanes&) = delete;

  /// Copies `body`, whose hash is to stand at `leaf`. It does once finish() has returned; until then `leaf`
  /// has to stay where it is.
  void add(std::string_view body, Digest& leaf);

  /// Hashes what was added and is not hashed yet.
  void finish();

  /// Forgets what was added and is not hashed yet.
  void drop() noexcept;

  /// What does the work, for reports: "ipsec-mb" or "openssl".
  [[nodiscard]] std::string_view engine() const noexcept;

 private:
  struct Pending {
    std::size_t offset = 0;
    std::size_t bytes = 0;
    Digest* leaf = nullptr;
  };
  struct FreeManager {
    void operator()(IMB_MGR* manager) const noexcept;
  };
  void hash_together();
  void check();

  Sha256 sha_;
  std::unique_ptr<IMB_MGR, FreeManager> manager_;  // nothing: OpenSSL alone
  std::string bytes_;                              // 0x00 ‖ body of each that waits
  std::vector<Pending> pending_;
};

}  // namespace tallygate::audit
