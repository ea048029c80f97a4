#pragma once

#include "audit/journal/journal.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/signer.hpp"

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace tallygate::audit::testing {

/// A clock that stands still until it is moved. Thread-safe; copies of clock() share it.
class FakeClock {
 public:
  /// 2026-01-02T03:04:05.123456789Z
  FakeClock();
  void advance(std::chrono::nanoseconds by);
  [[nodiscard]] Clock clock();

 private:
  struct State {
    std::mutex mutex;
    Time now;
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

/// A temporary folder with a provisioned journal in it; removed at the end.
class Home {
 public:
  static constexpr const char* origin = "gw.example.com/journal";

  /// Throws where provisioning fails.
  explicit Home(bool provisioned = true);
  ~Home();
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  [[nodiscard]] std::filesystem::path folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path journal() const { return folder_ / "journal"; }
  [[nodiscard]] std::filesystem::path segment() const { return journal() / "000000000000.db"; }
  [[nodiscard]] std::filesystem::path head() const { return folder_ / "companions" / "head"; }
  [[nodiscard]] std::filesystem::path keyring() const { return folder_ / "companions" / "keyring.db"; }
  [[nodiscard]] std::filesystem::path kek() const { return folder_ / "kek"; }
  [[nodiscard]] const Signer& root() const { return *root_; }
  [[nodiscard]] ProvisionOptions provision_options() const;
  [[nodiscard]] JournalOptions options();
  FakeClock time;

 private:
  std::filesystem::path folder_;
  std::optional<Signer> root_;
};

/// An encoded access.allow about as large as a real one, with `text` somewhere in it.
EncodedEvent sample_event(std::string_view text = "GET", std::string_view gateway_json = "\"gw-1\"");

/// Appends `count` sample events as one batch; gives their receipts.
Result<std::vector<Receipt>> append(Journal& journal, std::size_t count);

/// One entry as an independent reader sees it.
struct SeenEntry {
  std::uint64_t seq = 0;
  std::string kind;
  std::string body;
  Digest leaf{};
};

/// What an independent reader with the root key alone makes of a journal that nobody writes.
struct Seen {
  std::vector<SeenEntry> entries;
  std::vector<std::string> faults;  ///< empty where everything holds
};

/// Reads a journal with SQLite, Boost.JSON and OpenSSL only and checks it by journal.md: canonical members,
/// seq, prev, ids, charter, every checkpoint's root and signature, head.
Seen inspect(const Home& home);
/// The same of a segment and a head that stand elsewhere.
Seen inspect(const std::filesystem::path& segment, const std::filesystem::path& head, const VerifyKey& root);

/// Whether every receipt's entry is there with that leaf hash.
bool holds(const Seen& seen, const std::vector<Receipt>& receipts);

}  // namespace tallygate::audit::testing
