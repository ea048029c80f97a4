#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// Bytes of a page of a new segment. Entries have some 800: a small page wastes a fifth of itself on them,
/// and a batch costs two writes a page. Part of each file: a reader takes whatever size it finds.
inline constexpr int segment_page_bytes = 16 * 1024;

/// One object of a segment's schema, as sqlite_schema shows it.
struct SchemaObject {
  std::string_view name;
  std::string_view sql;
};

/// Everything that sqlite_schema of a segment may hold besides SQLite's own indexes (journal.md §1, §10), in
/// the order in which it is created. `leaf` has no triggers: it is derived.
inline constexpr std::array<SchemaObject, 8> segment_schema = {{
    {"entry", "CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT"},
    {"checkpoint", "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT"},
    {"leaf", "CREATE TABLE leaf (seq INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT"},
    {"meta", "CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT"},
    {"entry_update",
     "CREATE TRIGGER entry_update BEFORE UPDATE ON entry BEGIN "
     "SELECT RAISE(ABORT, 'the record is append-only'); END"},
    {"entry_delete",
     "CREATE TRIGGER entry_delete BEFORE DELETE ON entry BEGIN "
     "SELECT RAISE(ABORT, 'the record is append-only'); END"},
    {"checkpoint_update",
     "CREATE TRIGGER checkpoint_update BEFORE UPDATE ON checkpoint BEGIN "
     "SELECT RAISE(ABORT, 'the record is append-only'); END"},
    {"checkpoint_delete",
     "CREATE TRIGGER checkpoint_delete BEFORE DELETE ON checkpoint BEGIN "
     "SELECT RAISE(ABORT, 'the record is append-only'); END"},
}};

/// `NNNNNNNNNNNN.db`: the name of the segment whose first entry is `first`.
std::string segment_name(std::uint64_t first);

}  // namespace tallygate::audit
