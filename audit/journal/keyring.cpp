#include "audit/journal/keyring.hpp"

#include "audit/journal/file.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t iv_size = 12;
constexpr std::size_t tag_size = 16;
constexpr std::size_t wrapped_size = iv_size + ed25519_size + tag_size;
using Wrapped = std::array<std::uint8_t, wrapped_size>;

constexpr const char* settings = R"(
PRAGMA journal_mode=DELETE;
PRAGMA synchronous=EXTRA;
PRAGMA secure_delete=ON;
PRAGMA trusted_schema=OFF;
)";

constexpr const char* tables = R"(
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE signing_key (vkey TEXT PRIMARY KEY, first INTEGER NOT NULL UNIQUE, created TEXT NOT NULL,
                          wrapped BLOB NOT NULL) STRICT;
)";
constexpr const char* format_row = "INSERT INTO meta VALUES ('format', '1')";

// While a key is destroyed: the keyring without it before it takes its place, and the one before.
constexpr const char* new_suffix = ".new";
constexpr const char* old_suffix = ".old";

std::filesystem::path beside(std::filesystem::path path, const char* suffix) {
  path += suffix;
  return path;
}

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using Cipher = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

// What a crash while a key was destroyed may have left. The old name is one more name of the keyring itself
// where the new one had not taken its place yet.
Result<void> clear_leftovers(const std::filesystem::path& path) {
  const auto old = beside(path, old_suffix);
  std::error_code error;
  if (std::filesystem::equivalent(path, old, error)) {
    std::filesystem::remove(old, error);
  }
  for (const auto& file : {beside(path, new_suffix), old}) {
    if (auto gone = shred_file(file); !gone) {
      return gone.error();
    }
  }
  return {};
}

// What a wrapped key is bound to: it cannot be passed off as another one.
std::string associated(std::string_view vkey) {
  return "tallygate keyring v1\n" + std::string(vkey);
}

const unsigned char* bytes(const std::string& text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

std::optional<Wrapped> wrap(const Seed& seed, const Kek& kek, const std::string& data) {
  Wrapped out{};
  unsigned char* iv = out.data();
  unsigned char* sealed = iv + iv_size;
  const Cipher context(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!context || RAND_bytes(iv, iv_size) != 1 ||
      EVP_EncryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, kek.bytes().data(), iv) != 1 ||
      EVP_EncryptUpdate(context.get(), nullptr, &size, bytes(data), static_cast<int>(data.size())) != 1 ||
      EVP_EncryptUpdate(context.get(), sealed, &size, seed.data(), static_cast<int>(seed.size())) != 1 ||
      EVP_EncryptFinal_ex(context.get(), sealed + size, &size) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_GET_TAG, tag_size, sealed + ed25519_size) != 1) {
    return std::nullopt;
  }
  return out;
}

std::optional<Seed> unwrap(Wrapped wrapped, const Kek& kek, const std::string& data) {
  Seed seed{};
  const unsigned char* iv = wrapped.data();
  unsigned char* sealed = wrapped.data() + iv_size;
  const Cipher context(EVP_CIPHER_CTX_new());
  int size = 0;
  if (!context ||
      EVP_DecryptInit_ex(context.get(), EVP_aes_256_gcm(), nullptr, kek.bytes().data(), iv) != 1 ||
      EVP_DecryptUpdate(context.get(), nullptr, &size, bytes(data), static_cast<int>(data.size())) != 1 ||
      EVP_DecryptUpdate(context.get(), seed.data(), &size, sealed, static_cast<int>(ed25519_size)) != 1 ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, tag_size, sealed + ed25519_size) != 1 ||
      EVP_DecryptFinal_ex(context.get(), seed.data() + size, &size) != 1) {
    OPENSSL_cleanse(seed.data(), seed.size());
    return std::nullopt;
  }
  return seed;
}

}  // namespace

Result<Keyring> Keyring::create(const std::filesystem::path& path, std::string_view origin) {
  if (auto created = create_file(path, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {settings, tables, format_row}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  auto insert = database->prepare("INSERT INTO meta VALUES ('origin', ?)");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, origin);
  if (insert->run() != SQLITE_DONE) {
    return database->failure("cannot name the origin");
  }
  return Keyring(std::move(*database), std::string(origin), path);
}

Result<Keyring> Keyring::open(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                path.string() + ": " + errno_text(errno) + "; this keyring holds the journal's signing key");
  }
  if ((status.st_mode & 077U) != 0) {
    return fail(FailureKind::invalid, path.string() + ": others may read the keyring; run chmod 600 on it");
  }
  if (auto cleared = clear_leftovers(path); !cleared) {
    return cleared.error();
  }
  auto database = Database::open(path, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  if (auto done = database->execute(settings); !done) {
    return done.error();
  }
  const auto format = database->value("SELECT value FROM meta WHERE key = 'format'");
  auto origin = database->value("SELECT value FROM meta WHERE key = 'origin'");
  if (!format || !origin) {
    return format ? origin.error() : format.error();
  }
  if (*format != "1" || origin->empty()) {
    return fail(FailureKind::invalid, path.string() + ": not a keyring of format 1");
  }
  return Keyring(std::move(*database), std::move(*origin), path);
}

Result<void> Keyring::add(const Signer& signer, std::uint64_t first, std::string_view created,
                          const Kek& kek) {
  if (signer.name() != origin_) {
    return fail(FailureKind::invalid, path_.string() + ": a signing key must be named " + origin_);
  }
  auto seed = signer.seed();
  if (!seed) {
    return seed.error();
  }
  const std::string vkey = signer.vkey();
  const auto wrapped = wrap(*seed, kek, associated(vkey));
  OPENSSL_cleanse(seed->data(), seed->size());
  if (!wrapped) {
    return fail(FailureKind::crypto, path_.string() + ": cannot wrap " + vkey);
  }
  auto insert = database_.prepare("INSERT INTO signing_key VALUES (?, ?, ?, ?)");
  if (!insert) {
    return insert.error();
  }
  insert->bind(1, std::string_view(vkey));
  insert->bind(2, static_cast<std::int64_t>(first));
  insert->bind(3, created);
  insert->bind(4, std::span<const std::uint8_t>(*wrapped));
  const int rc = insert->run();
  if (rc != SQLITE_DONE) {
    Failure failure = database_.failure("cannot keep " + vkey);
    failure.kind = (rc & 0xFF) == SQLITE_CONSTRAINT ? FailureKind::exists : failure.kind;
    return failure;
  }
  return {};
}

Result<KeptKey> Keyring::unwrap_row(Statement& row, const Kek& kek) {
  const std::string vkey(row.text(0));
  Wrapped wrapped{};
  const auto stored = row.blob(3);
  std::optional<Seed> seed;
  if (stored.size() == wrapped.size()) {
    std::copy(stored.begin(), stored.end(), wrapped.begin());
    seed = unwrap(wrapped, kek, associated(vkey));
  }
  if (!seed) {
    return fail(FailureKind::crypto, path_.string() + ": the key-encryption key does not open " + vkey +
                                         "; it is another one, or the keyring was altered");
  }
  auto signer = Signer::from_seed(origin_, *seed);
  OPENSSL_cleanse(seed->data(), seed->size());
  if (!signer) {
    return signer.error();
  }
  if (signer->vkey() != vkey) {
    return fail(FailureKind::tampered, path_.string() + ": the private key does not belong to " + vkey);
  }
  return KeptKey{std::move(*signer), static_cast<std::uint64_t>(row.integer(1)), std::string(row.text(2))};
}

Result<std::vector<KeptKey>> Keyring::load(const Kek& kek) {
  auto query = database_.prepare("SELECT vkey, first, created, wrapped FROM signing_key ORDER BY first");
  if (!query) {
    return query.error();
  }
  std::vector<KeptKey> keys;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    auto key = unwrap_row(*query, kek);
    if (!key) {
      return key.error();
    }
    keys.push_back(std::move(*key));
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot read the signing keys");
  }
  if (keys.empty()) {
    return fail(FailureKind::missing, path_.string() + ": it holds no signing key");
  }
  return keys;
}

// Writes what stays into a new file. An UPDATE or DELETE in place would leave a copy in a rollback journal.
Result<void> Keyring::write_without(std::string_view vkey, const std::filesystem::path& fresh) const {
  if (auto created = create_file(fresh, {}, 0600); !created) {
    return created.error();
  }
  auto database = Database::open(fresh, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  for (const char* sql : {settings, tables}) {
    if (auto done = database->execute(sql); !done) {
      return done.error();
    }
  }
  struct Step {
    const char* sql;
    std::string_view value;
  };
  const std::string source = path_.string();
  const std::array<Step, 4> steps = {
      {{"ATTACH DATABASE ?1 AS source", source},
       {"INSERT INTO meta SELECT * FROM source.meta WHERE ?1 <> ''", source},
       {"INSERT INTO signing_key SELECT * FROM source.signing_key WHERE vkey = ?1", vkey},
       {"DETACH DATABASE ?1", "source"}}};
  for (const Step& step : steps) {
    auto statement = database->prepare(step.sql);
    if (!statement) {
      return statement.error();
    }
    statement->bind(1, step.value);
    if (statement->run() != SQLITE_DONE) {
      return database->failure("cannot write the keyring anew");
    }
  }
  const auto kept = database->value("SELECT count(*) FROM signing_key");
  if (!kept) {
    return kept.error();
  }
  return *kept == "1"
             ? Result<void>()
             : fail(FailureKind::missing, path_.string() + ": it does not hold " + std::string(vkey));
}

Result<void> Keyring::keep_only(std::string_view vkey) {
  const auto fresh = beside(path_, new_suffix);
  const auto old = beside(path_, old_suffix);
  if (auto written = write_without(vkey, fresh); !written) {
    if (auto undone = shred_file(fresh); !undone) {
      return undone.error();
    }
    return written.error();
  }
  std::error_code error;
  std::filesystem::create_hard_link(path_, old, error);
  if (!error) {
    std::filesystem::rename(fresh, path_, error);
  }
  if (error) {
    return fail(FailureKind::unreadable,
                path_.string() + ": cannot put the new keyring in place: " + error.message());
  }
  auto database = Database::open(path_, SQLITE_OPEN_READWRITE);
  if (!database) {
    return database.error();
  }
  database_ = std::move(*database);
  if (auto done = database_.execute(settings); !done) {
    return done.error();
  }
  return shred_file(old);  // which makes the new name durable too: both are in one folder
}

Result<std::vector<KeyringEntry>> Keyring::list() {
  auto query = database_.prepare("SELECT vkey, first, created FROM signing_key ORDER BY first");
  if (!query) {
    return query.error();
  }
  std::vector<KeyringEntry> entries;
  int rc = SQLITE_ROW;
  while ((rc = query->step()) == SQLITE_ROW) {
    entries.push_back({std::string(query->text(0)), static_cast<std::uint64_t>(query->integer(1)),
                       std::string(query->text(2))});
  }
  if (rc != SQLITE_DONE) {
    return database_.failure("cannot list the keys");
  }
  return entries;
}

}  // namespace tallygate::audit
