#pragma once
/// Which journal is read, and how its entries are seen: as recorded, or with persons in the clear.

#include "audit/journal/failure.hpp"
#include "audit/sealing/unsealer.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace CLI {  // NOLINT(readability-identifier-naming): the library's own
class App;
}

namespace tallygate::cli {

/// Where to read; empty: not given.
struct ReadArguments {
  std::string config;
  std::string journal;
  std::string keyring;
  std::string kek;
};

/// Adds `-c` or `--journal` with `--keyring` and `--kek`; one of the first two is needed.
void add_read_options(CLI::App& command, ReadArguments& arguments);

/// Entries as whoever reads them may see them. One thread.
class EntryView {
 public:
  /// With `-c` persons are shown where the keyring can be opened, else stderr says why they are not; with
  /// `--keyring` it must open. Errors: invalid (settings, --kek), and those of Unsealer::open().
  static audit::Result<EntryView> open(const ReadArguments& arguments);

  /// Folder of the journal.
  [[nodiscard]] const std::string& journal() const { return journal_; }

  /// Whether there are keys to open seals with.
  [[nodiscard]] bool has_keys() const { return unsealer_.has_value(); }

  /// From now on no seal is opened.
  void put_keys_away() noexcept {
    unsealer_.reset();
    wanted_.clear();
  }

  /// From now on entries sealed for another person than `user` are left out, if that is the name of a person
  /// with a key: no seal is opened for it. Errors: crypto, unreadable.
  audit::Result<void> look_for(const std::string& user);

  /// The object that was sealed, valid until the next call; nothing where it cannot be opened.
  [[nodiscard]] std::optional<std::string_view> opened(const audit::PersonSeal& seal);

  /// What is to be seen of an entry, valid until the next call; nothing where it is left out.
  [[nodiscard]] std::optional<std::string_view> of(std::string_view body);

 private:
  explicit EntryView(std::string journal) : journal_(std::move(journal)) {}

  std::string journal_;
  std::optional<audit::Unsealer> unsealer_;
  std::string wanted_;  // "subject":UUID
  std::string opened_;
};

}  // namespace tallygate::cli
