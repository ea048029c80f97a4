// The keys of sealed persons in the keyring.

#include "audit/journal/file.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/keyring_wrap.hpp"
#include "audit/journal/uuid.hpp"

#include <openssl/crypto.h>

#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view index_name = "index";

std::string subject_name(std::string_view uuid) {
  return "subject\n" + std::string(uuid);
}

}  // namespace

Result<std::optional<AesKey>> Keyring::index_key(const Kek& kek) {
  const auto tables = database_.value("SELECT count(*) FROM sqlite_schema WHERE name = 'index_key'");
  if (!tables || *tables == "0") {  // an older keyring that was opened to be read
    return tables ? Result<std::optional<AesKey>>(std::optional<AesKey>()) : tables.error();
  }
  auto query = database_.prepare("SELECT wrapped FROM index_key");
  if (!query) {
    return query.error();
  }
  const int rc = query->step();
  if (rc == SQLITE_DONE) {
    return std::optional<AesKey>();
  }
  if (rc != SQLITE_ROW) {
    return database_.failure("cannot read the index key");
  }
  auto key = unwrap_key(query->blob(0), kek, index_name);
  if (!key) {
    return fail(FailureKind::crypto, path_.string() +
                                         ": the key-encryption key does not open the index key; "
                                         "it is another one, or the keyring was altered");
  }
  return key;
}

Result<AesKey> Keyring::make_index_key(const Kek& kek) {
  auto there = index_key(kek);
  if (!there || *there) {
    return there ? Result<AesKey>(std::move(**there)) : there.error();
  }
  auto key = AesKey::random();
  const auto wrapped = key ? wrap(key->bytes(), kek, index_name) : std::nullopt;
  if (!wrapped) {
    return fail(FailureKind::crypto, path_.string() + ": cannot make an index key");
  }
  auto insert = database_.prepare("INSERT INTO index_key VALUES (1, ?)");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, std::span<const std::uint8_t>(*wrapped));
  if (insert->run() != SQLITE_DONE) {
    return database_.failure("cannot keep the index key");
  }
  return std::move(*key);
}

// The row is (uuid, wrapped).
Result<std::optional<SubjectKey>> Keyring::read_subject(Statement& row, const Kek& kek) {
  const int rc = row.step();
  if (rc == SQLITE_DONE) {
    return std::optional<SubjectKey>();
  }
  if (rc != SQLITE_ROW) {
    return database_.failure("cannot read the key of a person");
  }
  std::string uuid(row.text(0));
  auto key = unwrap_key(row.blob(1), kek, subject_name(uuid));
  if (!key) {
    return fail(FailureKind::crypto, path_.string() + ": the key-encryption key does not open subject " +
                                         uuid + "; it is another one, or the keyring was altered");
  }
  return std::optional(SubjectKey{std::move(uuid), std::move(*key)});
}

Result<std::optional<SubjectKey>> Keyring::subject(const BlindPerson& person, const Kek& kek) {
  auto query = database_.prepare("SELECT uuid, wrapped FROM subject_key WHERE person = ?");
  if (!query) {
    return query.error();
  }
  query->bind(1, std::span<const std::uint8_t>(person));
  return read_subject(*query, kek);
}

Result<std::optional<SubjectKey>> Keyring::subject(std::string_view uuid, const Kek& kek) {
  auto query = database_.prepare("SELECT uuid, wrapped FROM subject_key WHERE uuid = ?");
  if (!query) {
    return query.error();
  }
  query->bind(1, uuid);
  return read_subject(*query, kek);
}

Result<void> Keyring::insert_subjects(Database& database, std::span<const BlindPerson> people,
                                      std::string_view created, const Kek& kek,
                                      std::vector<SubjectKey>& keys) {
  auto insert = database.prepare("INSERT INTO subject_key VALUES (?, ?, ?, ?)");
  if (!insert) {
    return insert.error();
  }
  for (const BlindPerson& person : people) {
    auto uuid = random_uuid();
    if (!uuid) {
      return uuid.error();
    }
    auto key = AesKey::random();
    auto wrapped = key ? wrap(key->bytes(), kek, subject_name(*uuid)) : std::nullopt;
    if (!wrapped) {
      return fail(FailureKind::crypto, path_.string() + ": cannot make a key for a person");
    }
    insert->bind(1, std::string_view(*uuid));
    insert->bind(2, std::span<const std::uint8_t>(person));
    insert->bind(3, std::span<const std::uint8_t>(*wrapped));
    insert->bind(4, created);
    const int rc = insert->run();
    // What is left of it when the person is erased would open the key to whoever has the key-encryption key.
    OPENSSL_cleanse(wrapped->data(), wrapped->size());
    if (rc != SQLITE_DONE) {
      return database.failure("cannot keep the key of a person");
    }
    keys.push_back({std::move(*uuid), std::move(*key)});
  }
  return {};
}

Result<std::vector<SubjectKey>> Keyring::subjects(std::span<const BlindPerson> people,
                                                  std::string_view created, const Kek& kek) {
  std::vector<std::optional<SubjectKey>> found;
  std::vector<BlindPerson> fresh;
  for (const BlindPerson& person : people) {
    auto one = subject(person, kek);
    if (!one) {
      return one.error();
    }
    if (!*one) {
      fresh.push_back(person);
    }
    found.push_back(std::move(*one));
  }
  std::vector<SubjectKey> made;
  if (!fresh.empty()) {
    const auto added =
        changing([&](Database& database) { return insert_subjects(database, fresh, created, kek, made); });
    if (!added) {
      return added.error();
    }
  }
  std::vector<SubjectKey> keys;
  keys.reserve(found.size());
  auto next = made.begin();
  for (auto& one : found) {
    keys.push_back(one ? std::move(*one) : std::move(*next++));
  }
  return keys;
}

Result<std::uint64_t> Keyring::subject_count() {
  const auto count = database_.value("SELECT count(*) FROM subject_key");
  return count ? Result<std::uint64_t>(std::stoull(*count)) : count.error();
}

Result<void> Keyring::begin_erasure(std::string_view uuid, std::uint64_t seq) {
  auto insert = database_.prepare("INSERT OR REPLACE INTO erasing VALUES (?, ?)");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, uuid);
  insert->bind(2, static_cast<std::int64_t>(seq));
  return insert->run() == SQLITE_DONE ? Result<void>()
                                      : Result<void>(database_.failure("cannot note an erasure"));
}

Result<std::vector<BegunErasure>> Keyring::begun_erasures() {
  auto query = database_.prepare("SELECT uuid, seq FROM erasing ORDER BY seq, uuid");
  if (!query) {
    return query.error();
  }
  std::vector<BegunErasure> begun;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    begun.push_back({std::string(query->text(0)), static_cast<std::uint64_t>(query->integer(1))});
  }
  return rc == SQLITE_DONE ? Result<std::vector<BegunErasure>>(std::move(begun))
                           : database_.failure("cannot read the erasures that were begun");
}

Result<void> Keyring::abandon_erasure(std::string_view uuid) {
  auto remove = database_.prepare("DELETE FROM erasing WHERE uuid = ?");
  if (!remove) {
    return remove.error();
  }
  remove->bind(1, uuid);
  return remove->run() == SQLITE_DONE ? Result<void>()
                                      : Result<void>(database_.failure("cannot take back an erasure"));
}

}  // namespace tallygate::audit
