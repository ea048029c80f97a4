#include "tests/audit/proof/two_faces_support.hpp"

#include "tests/audit/proof/reference_support.hpp"

#include <gtest/gtest.h>
#include <sqlite3.h>

#include <string_view>

namespace tallygate::reference {
namespace {

std::string big_endian(std::uint64_t value, int bytes) {
  std::string out;
  while (bytes-- > 0) {
    out += static_cast<char>(value >> (8U * static_cast<unsigned>(bytes)) & 0xFFU);
  }
  return out;
}

/// SQLite, "Database File Format" §1.6: seven bits a byte, the last byte without the high bit.
std::string varint(std::uint64_t value) {
  std::string out(1, static_cast<char>(value & 0x7FU));
  for (value >>= 7U; value != 0; value >>= 7U) {
    out.insert(out.begin(), static_cast<char>(0x80U | (value & 0x7FU)));
  }
  return out;
}

/// A row (seq, body) as a cell of a leaf page: the seq is the key, so its column is NULL.
std::string cell(std::uint64_t seq, const std::string& body) {
  const std::string types = varint(0) + varint(body.size() * 2 + 12);
  const std::string payload = varint(types.size() + 1) + types + body;
  return varint(payload.size()) + varint(seq) + payload;
}

std::string page_of(unsigned char kind, const std::vector<std::string>& cells, std::size_t page_bytes,
                    const std::string& right = {}) {
  std::string page(page_bytes, '\0');
  std::size_t end = page_bytes;
  std::string places;
  for (const std::string& one : cells) {
    end -= one.size();
    page.replace(end, one.size(), one);
    places += big_endian(end, 2);
  }
  const std::string head = std::string(1, static_cast<char>(kind)) + big_endian(0, 2) +
                           big_endian(cells.size(), 2) + big_endian(end & 0xFFFFU, 2) + std::string(1, '\0') +
                           right + places;
  EXPECT_LE(head.size(), end);
  return page.replace(0, head.size(), head);
}

/// A database file that pages are added to.
class Pages {
 public:
  explicit Pages(const std::filesystem::path& file) : file_(file), bytes_(read_file(file)) {
    page_bytes_ =
        static_cast<unsigned char>(bytes_[16]) * std::size_t{256} + static_cast<unsigned char>(bytes_[17]);
  }
  [[nodiscard]] std::size_t page_bytes() const { return page_bytes_; }
  std::uint64_t add(const std::string& page) {
    bytes_ += page;
    return bytes_.size() / page_bytes_;
  }
  void put(std::uint64_t number, const std::string& page) {
    bytes_.replace((number - 1) * page_bytes_, page_bytes_, page);
  }
  void write() {
    bytes_.replace(28, 4, big_endian(bytes_.size() / page_bytes_, 4));
    write_file(file_, bytes_);
  }
  /// Leaf pages of rows, each with its last key.
  std::vector<std::pair<std::uint64_t, std::uint64_t>> leaves(const Rows& rows) {
    constexpr unsigned char leaf = 13;
    std::vector<std::pair<std::uint64_t, std::uint64_t>> made;
    std::vector<std::string> cells;
    std::size_t used = 8;
    for (std::size_t at = 0; at < rows.size(); ++at) {
      cells.push_back(cell(rows[at].first, rows[at].second));
      used += cells.back().size() + 2;
      const bool last = at + 1 == rows.size();
      if (last || used + cell(rows[at + 1].first, rows[at + 1].second).size() + 2 > page_bytes_) {
        made.emplace_back(add(page_of(leaf, cells, page_bytes_)), rows[at].first);
        cells.clear();
        used = 8;
      }
    }
    return made;
  }
  std::string interior(const std::vector<std::pair<std::uint64_t, std::uint64_t>>& children,
                       std::uint64_t right) const {
    constexpr unsigned char kind = 5;
    std::vector<std::string> cells;
    for (const auto& [page, key] : children) {
      cells.push_back(big_endian(page, 4) + varint(key));
    }
    return page_of(kind, cells, page_bytes_, big_endian(right, 4));
  }

 private:
  std::filesystem::path file_;
  std::string bytes_;
  std::size_t page_bytes_ = 0;
};

std::uint64_t root_page(const std::filesystem::path& file) {
  sqlite3* connection = nullptr;
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  EXPECT_EQ(sqlite3_prepare_v2(connection, "SELECT rootpage FROM sqlite_schema WHERE name = 'entry'", -1,
                               &statement, nullptr),
            SQLITE_OK);
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  const auto page = static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0));
  sqlite3_finalize(statement);
  sqlite3_close(connection);
  return page;
}

}  // namespace

void give_two_faces(const std::filesystem::path& segment, const Rows& in_order, const Rows& looked_up) {
  constexpr std::uint64_t absurd = 1'000'000;
  const std::uint64_t root = root_page(segment);
  Pages pages(segment);
  // Every page that is read in order stands under key 1, so that nobody who looks for more goes there.
  auto children = pages.leaves(in_order);
  children.push_back(pages.leaves({{absurd, "{}"}}).front());
  for (auto& child : children) {
    child.second = 1;
  }
  auto others = pages.leaves(looked_up);
  std::uint64_t right = others.back().first;
  if (others.size() > 1) {
    others.pop_back();
    right = pages.add(pages.interior(others, right));
  }
  pages.put(root, pages.interior(children, right));
  pages.write();
}

void put_hot_journal(const std::filesystem::path& segment, const std::filesystem::path& before) {
  constexpr std::size_t sector = 512;
  const std::string old = read_file(before);
  const std::size_t page_bytes =
      static_cast<unsigned char>(old[16]) * std::size_t{256} + static_cast<unsigned char>(old[17]);
  const std::size_t count = old.size() / page_bytes;
  std::string journal("\xd9\xd5\x05\xf9\x20\xa1\x63\xd7", 8);
  journal += big_endian(count, 4) + big_endian(0, 4) + big_endian(count, 4) + big_endian(sector, 4) +
             big_endian(page_bytes, 4);
  journal.resize(sector, '\0');
  for (std::size_t number = 1; number <= count; ++number) {
    const std::string page = old.substr((number - 1) * page_bytes, page_bytes);
    std::uint32_t checksum = 0;  // §3: every 200th byte from the end
    for (std::size_t at = page_bytes - 200; at > 0 && at < page_bytes; at -= 200) {
      checksum += static_cast<unsigned char>(page[at]);
    }
    journal += big_endian(number, 4) + page + big_endian(checksum, 4);
  }
  write_file(segment.string() + "-journal", journal);
}

}  // namespace tallygate::reference
