#include "audit/journal/rollback_journal.hpp"

#include "audit/journal/file.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr std::string_view magic("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
constexpr std::size_t head_bytes = 28;                              // magic, then five numbers
constexpr std::size_t journal_bytes_max = std::size_t{256} * 1024;  // a page is 64 KiB at most
constexpr std::size_t database_head_bytes = 100;

/// What of the first page may differ: the mode, and the counters that every change moves.
struct Stretch {
  std::size_t first;
  std::size_t end;
};
constexpr std::array<Stretch, 3> may_differ{{{18, 20}, {24, 28}, {92, 100}}};

std::uint32_t number_at(std::string_view bytes, std::size_t at) {
  std::uint32_t value = 0;
  for (const char c : bytes.substr(at, sizeof value)) {
    value = value << 8U | static_cast<unsigned char>(c);
  }
  return value;
}

/// At most so many bytes from the front of a file.
Result<std::string> read_front(const std::filesystem::path& path, std::size_t most) {
  const auto file = open_to_read(path);
  if (!file) {
    return file.error();
  }
  std::string bytes(most, '\0');
  std::size_t have = 0;
  while (have < most) {
    const ssize_t got = ::read(file->get(), bytes.data() + have, most - have);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail(FailureKind::unreadable,
                  path.string() + ": cannot read: " + std::generic_category().message(errno));
    }
    if (got == 0) {
      break;
    }
    have += static_cast<std::size_t>(got);
  }
  bytes.resize(have);
  return bytes;
}

std::size_t page_bytes_of(std::string_view database) {
  constexpr std::size_t at = 16;
  const std::size_t value = static_cast<unsigned char>(database[at]) * std::size_t{256} +
                            static_cast<unsigned char>(database[at + 1]);
  return value == 1 ? 65'536 : value;
}

std::string without_counters(std::string_view page) {
  std::string plain(page);
  for (const Stretch& stretch : may_differ) {
    std::fill(plain.begin() + static_cast<std::ptrdiff_t>(stretch.first),
              plain.begin() + static_cast<std::ptrdiff_t>(stretch.end), '\0');
  }
  return plain;
}

/// Whether the journal holds the first page and no other, as it stands in the database, and the size that it
/// has.
bool is_harmless(std::string_view journal, std::string_view first_page, std::uint64_t pages) {
  const std::size_t page_bytes = first_page.size();
  const std::uint32_t page_count = number_at(journal, 16);
  const std::size_t sector_bytes = number_at(journal, 20);
  const bool fits = page_count == pages && number_at(journal, 24) == page_bytes &&
                    sector_bytes >= head_bytes && sector_bytes <= 65'536 && journal.size() >= sector_bytes;
  if (!fits) {
    return false;
  }
  constexpr std::size_t around_page = 8;  // its number before, a checksum behind
  journal.remove_prefix(sector_bytes);
  while (journal.size() >= page_bytes + around_page) {
    if (number_at(journal, 0) != 1 ||
        without_counters(journal.substr(4, page_bytes)) != without_counters(first_page)) {
      return false;
    }
    journal.remove_prefix(page_bytes + around_page);
  }
  return true;
}

}  // namespace

Result<void> check_rollback_journal(const std::filesystem::path& segment) {
  std::filesystem::path path = segment;
  path += "-journal";
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(path, error))) {
    return {};
  }
  const auto refuse = [&] {
    return fail(FailureKind::tampered, segment.string() + ": " + path.filename().string() +
                                           " stands beside it, which no writer of the journal left, and "
                                           "opening it would change what is recorded; "
                                           "run tallygate audit verify, then put " +
                                           path.filename().string() + " aside");
  };
  auto journal = read_front(path, journal_bytes_max);
  if (!journal) {
    return journal.error();
  }
  // SQLite writes the first bytes last: a writer that dies before leaves zeros, and that is no journal to it.
  if (journal->empty() || journal->front() == '\0') {
    return {};
  }
  // What ends so names a file that SQLite deletes afterwards, whatever stands before: no writer of ours does
  // it.
  if (!journal->starts_with(magic) || journal->ends_with(magic) || journal->size() < head_bytes ||
      journal->size() == journal_bytes_max) {
    return refuse();
  }
  auto head = read_front(segment, database_head_bytes);
  const auto bytes = std::filesystem::file_size(segment, error);
  if (!head || error) {
    return head ? Result<void>(refuse()) : head.error();
  }
  const std::size_t page_bytes = head->size() == database_head_bytes ? page_bytes_of(*head) : 0;
  if (page_bytes < database_head_bytes) {
    return refuse();
  }
  const auto first_page = read_front(segment, page_bytes);
  if (!first_page) {
    return first_page.error();
  }
  if (first_page->size() != page_bytes || !is_harmless(*journal, *first_page, bytes / page_bytes)) {
    return refuse();
  }
  return {};
}

}  // namespace tallygate::audit
