#pragma once
/// The keyring's files and what is in them, for the parts of the keyring alone.

#include "audit/journal/failure.hpp"

#include <filesystem>

namespace tallygate::audit {

/// Of every connection that writes but to change keys.
inline constexpr const char* keyring_settings = R"(
PRAGMA journal_mode=DELETE;
PRAGMA synchronous=EXTRA;
PRAGMA secure_delete=ON;
PRAGMA trusted_schema=OFF;
)";

/// As ever.
inline constexpr const char* keyring_tables = R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE signing_key (vkey TEXT PRIMARY KEY, first INTEGER NOT NULL UNIQUE, created TEXT NOT NULL,
                          wrapped BLOB NOT NULL) STRICT;
)";
/// What came later than the keyrings of some journals: the key that waits for a grant, and those of people
/// whose names are sealed.
inline constexpr const char* keyring_later_tables = R"(
CREATE TABLE IF NOT EXISTS next_key (vkey TEXT PRIMARY KEY, created TEXT NOT NULL, wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS index_key (id INTEGER PRIMARY KEY CHECK (id = 1), wrapped BLOB NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS subject_key (uuid TEXT PRIMARY KEY, person BLOB UNIQUE, wrapped BLOB NOT NULL,
                                        created TEXT NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS erasing (uuid TEXT PRIMARY KEY, seq INTEGER NOT NULL) STRICT;
)";

/// While a person's key is destroyed: the keyring without it before it takes its place, and the one before.
inline constexpr const char* new_suffix = ".new";
inline constexpr const char* old_suffix = ".old";

/// A keyring without some people, made while the writer goes on, before it is the writer's turn.
inline constexpr const char* prepared_suffix = ".prepared";

/// Where a keyring's file itself is: names are exchanged beside it, so links are followed once. Errors:
/// tampered, unreadable.
[[nodiscard]] Result<std::filesystem::path> keyring_file(const std::filesystem::path& named);

/// Destroys what a crash while a person's key was destroyed may have left. Errors: unreadable, tampered.
[[nodiscard]] Result<void> clear_keyring_leftovers(const std::filesystem::path& path);

/// Where a rollback journal lies beside the keyring, it is played back if its transaction was not over, and
/// overwritten: SQLite would unlink it as it is, with keys on its pages. Errors: unreadable.
[[nodiscard]] Result<void> settle_keyring_journal(const std::filesystem::path& path);

}  // namespace tallygate::audit
