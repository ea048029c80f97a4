#include "tests/audit/proof/reference_support.hpp"

#include <gtest/gtest.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <sqlite3.h>

#include <algorithm>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <fstream>
#include <iterator>
#include <utility>

namespace tallygate::reference {
namespace fs = std::filesystem;

Hash sha256(std::string_view bytes) {
  Hash hash{};
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), hash.data());
  return hash;
}

Hash leaf_hash(std::string_view body) {
  return sha256(std::string(1, '\0') + std::string(body));
}

namespace {

Hash node_hash(const Hash& left, const Hash& right) {
  std::string bytes(1, '\x01');
  bytes.append(left.begin(), left.end());
  bytes.append(right.begin(), right.end());
  return sha256(bytes);
}

Hash subtree(const std::vector<Hash>& leaves, std::size_t first, std::size_t count) {
  if (count == 0) {
    return sha256("");
  }
  if (count == 1) {
    return leaves[first];
  }
  std::size_t left = 1;
  while (left * 2 < count) {
    left *= 2;
  }
  return node_hash(subtree(leaves, first, left), subtree(leaves, first + left, count - left));
}

std::string in_quotes(const std::string& plain) {
  return "\"" + plain + "\"";
}

std::string time_text(std::int64_t seconds) {
  const std::time_t time = seconds;
  std::tm parts{};
  gmtime_r(&time, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000000000Z", &parts);
  return text.data();
}

std::string new_id(std::uint64_t seq, std::int64_t clock_s) {
  std::array<char, 40> text{};
  const std::uint64_t ms = static_cast<std::uint64_t>(clock_s) * 1000;
  std::snprintf(text.data(), text.size(),
                "%08" PRIx64 "-%04" PRIx64 "-7%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64, ms >> 16U,
                ms & 0xFFFFU, seq & 0xFFFU, (seq * 7U) & 0xFFFU, seq);
  return text.data();
}

std::string object(const Members& members) {
  std::string json = "{";
  for (const auto& [name, value] : members) {
    json += (json.size() > 1 ? "," : "") + in_quotes(name) + ":" + value;
  }
  return json + "}";
}

// Replaces the 64 digits of prev.
std::string with_prev(std::string body, const std::string& prev) {
  const std::size_t at = body.find("\"prev\":\"") + 8;
  return body.replace(at, 64, prev);
}

}  // namespace

Hash tree_root(const std::vector<std::string>& bodies, std::size_t size) {
  std::vector<Hash> leaves;
  for (std::size_t i = 0; i < size; ++i) {
    leaves.push_back(leaf_hash(bodies[i]));
  }
  return subtree(leaves, 0, size);
}

std::string hex(const Hash& hash) {
  std::string text;
  std::array<char, 3> two{};
  for (const unsigned char byte : hash) {
    std::snprintf(two.data(), two.size(), "%02x", byte);
    text += two.data();
  }
  return text;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    unsigned group = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      group = group << 8U | (i + j < bytes.size() ? static_cast<unsigned char>(bytes[i + j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      out.push_back(i + j > bytes.size() ? '=' : alphabet[group >> (18U - 6U * j) & 63U]);
    }
  }
  return out;
}

Key::Key(std::string name, std::string_view word) : name_(std::move(name)) {
  const Hash seed = sha256(word);
  key_.reset(EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, seed.data(), seed.size()),
             EVP_PKEY_free);
  raw_.resize(32);
  std::size_t size = raw_.size();
  EVP_PKEY_get_raw_public_key(key_.get(), reinterpret_cast<unsigned char*>(raw_.data()), &size);
}

std::string Key::sign(std::string_view message) const {
  std::string signature(64, '\0');
  std::size_t size = signature.size();
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()), 1);
  EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           reinterpret_cast<const unsigned char*>(message.data()), message.size()),
            1);
  return signature;
}

std::string Key::line(std::string_view text) const {
  const Hash id = sha256(name_ + "\n\x01" + raw_);
  return "\xE2\x80\x94 " + name_ + " " + base64(std::string(id.begin(), id.begin() + 4) + sign(text)) + "\n";
}

std::string Key::vkey() const {
  const Hash id = sha256(name_ + "\n\x01" + raw_);
  return name_ + "+" + hex(id).substr(0, 8) + "+" + base64("\x01" + raw_);
}

std::string Key::pem() const {
  const std::unique_ptr<BIO, decltype(&BIO_free_all)> bio(BIO_new(BIO_s_mem()), BIO_free_all);
  EXPECT_EQ(PEM_write_bio_PUBKEY(bio.get(), key_.get()), 1);
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

Journal::Journal(fs::path in_folder, std::string named)
    : folder(std::move(in_folder)),
      origin(std::move(named)),
      root_(origin + "/root", "the provisioning key"),
      keys_{Key(origin, "the first signing key")} {
  fs::create_directories(folder);
  const std::string charter = object({{"created", in_quotes(time_text(clock_s))},
                                      {"heartbeat", "600"},
                                      {"journal", in_quotes("7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c")},
                                      {"key", in_quotes(keys_[0].vkey())},
                                      {"origin", in_quotes(origin)},
                                      {"retention", in_quotes("400d")},
                                      {"root", in_quotes(root_.vkey())}});
  add("key.provision", {{"charter", charter},
                        {"signature", in_quotes(base64(root_.sign("tallygate charter v1\n" + charter)))}});
  checkpoint();
  add("journal.open");
  checkpoint();
}

std::uint64_t Journal::add(const std::string& kind, Members members) {
  const std::uint64_t seq = bodies.size();
  ++clock_s;
  members["gateway"] = in_quotes("gw-1");
  members["id"] = in_quotes(id_override.empty() ? new_id(seq, clock_s) : std::exchange(id_override, {}));
  members["kind"] = in_quotes(kind);
  members["prev"] = in_quotes(bodies.empty() ? std::string(64, '0') : hex(leaf_hash(bodies.back())));
  members["seq"] = std::to_string(seq);
  members["time"] = in_quotes(time_text(clock_s));
  members["v"] = "1";
  bodies.push_back(object(members));
  return seq;
}

std::string Journal::note(std::uint64_t size, const std::vector<Key>& keys) const {
  const Hash root = tree_root(bodies, size);
  const std::string text = origin + "\n" + std::to_string(size) + "\n" +
                           base64(std::string_view(reinterpret_cast<const char*>(root.data()), root.size())) +
                           "\n";
  std::string bytes = text + "\n";
  for (const Key& key : keys) {
    bytes += key.line(text);
  }
  return bytes;
}

void Journal::checkpoint() {
  notes.push_back({bodies.size(), note(bodies.size(), {keys_.back()})});
}

const Key& Journal::key_at(std::uint64_t size) const {
  std::size_t index = 0;
  while (index + 1 < keys_.size() && key_from_[index + 1] < size) {
    ++index;
  }
  return keys_[index];
}

void Journal::requests(unsigned count, unsigned batch) {
  for (unsigned i = 0; i < count; ++i) {
    add(i % 3 == 2 ? "access.deny" : "access.allow",
        {{"actor", R"({"email":"alice@example.com","groups":["engineers"],"subject":"alice"})"},
         {"client", R"({"peer":"192.0.2.7:50000"})"},
         {"decision",
          R"({"effect":")" + std::string(i % 3 == 2 ? "deny" : "allow") + R"(","rule":"wiki-read"})"},
         {"request",
          R"({"host":"wiki.example.com","method":"GET","path":"/page/)" + std::to_string(i) + "\"}"},
         {"resource", R"({"route":"wiki"})"},
         {"session", in_quotes("s-" + std::to_string(i % 5))}});
    if ((i + 1) % batch == 0 || i + 1 == count) {
      checkpoint();
    }
  }
}

void Journal::rotate(std::string_view word) {
  const Key next(origin, word);
  const std::uint64_t seq =
      add("key.rotate", {{"key", in_quotes(next.vkey())}, {"size", std::to_string(bodies.size() + 1)}});
  notes.push_back({seq + 1, note(seq + 1, {keys_.back(), next})});
  keys_.push_back(next);
  key_from_.push_back(seq + 1);
}

void Journal::rotate_by_grant(std::string_view word, const std::string& nonce) {
  rotate_by_grant(word, nonce, prefix(bodies.size()));
}

std::string Journal::prefix(std::uint64_t size) const {
  const Hash root = tree_root(bodies, size);
  return object(
      {{"root", in_quotes(base64(std::string(root.begin(), root.end())))}, {"size", std::to_string(size)}});
}

void Journal::rotate_by_grant(std::string_view word, const std::string& nonce, const std::string& after) {
  const Key next(origin, word);
  const std::uint64_t size = bodies.size() + 1;
  Members parameters = {{"key", in_quotes(next.vkey())}};
  if (!after.empty()) {
    parameters["after"] = after;
  }
  Members members = grant("key.rotate", parameters, nonce);
  members["size"] = std::to_string(size);
  add("key.rotate", members);
  notes.push_back({size, note(size, {next})});
  keys_.push_back(next);
  key_from_.push_back(size);
}

void Journal::revoke(const std::string& vkey, std::uint64_t size, const std::string& nonce) {
  add("key.revoke", grant("key.revoke", {{"key", in_quotes(vkey)}, {"size", std::to_string(size)}}, nonce));
  checkpoint();
}

Members Journal::grant(const std::string& kind, Members parameters, const std::string& nonce,
                       const std::string& expires) const {
  Members parts = parameters;
  parts["expires"] = in_quotes(expires);
  parts["journal"] = in_quotes("7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c");
  parts["kind"] = in_quotes(kind);
  parts["nonce"] = in_quotes(nonce);
  const std::string json = object(parts);
  parameters["grant"] = json;
  parameters["signature"] = in_quotes(base64(root_.sign("tallygate grant v1\n" + json)));
  return parameters;
}

bool stays(const std::string& body) {
  for (const char* kind : {"journal.", "key.", "policy.", "writer."}) {
    if (body.find(R"("kind":")" + std::string(kind)) != std::string::npos) {
      return true;
    }
  }
  return false;
}

void Journal::seal(bool says_what_stays) {
  const std::uint64_t end = bodies.size();
  write_segment(segment_first_, end, "sealed");
  const auto in_base64 = [](const Hash& hash) {
    return in_quotes(base64(std::string(hash.begin(), hash.end())));
  };
  std::vector<std::string> staying;
  std::copy_if(bodies.begin() + static_cast<std::ptrdiff_t>(segment_first_), bodies.end(),
               std::back_inserter(staying), stays);
  Members members = {{"first", std::to_string(segment_first_)},
                     {"last", std::to_string(end - 1)},
                     {"root", in_base64(tree_root(bodies, end))},
                     {"sha256", in_quotes(hex(sha256(read_file(segment_file(segment_first_)))))}};
  if (says_what_stays) {
    members["stays"] = object(
        {{"count", std::to_string(staying.size())}, {"root", in_base64(tree_root(staying, staying.size()))}});
  }
  add("journal.seal", members);
  checkpoint();
  segment_first_ = end;
}

void Journal::write() {
  write_segment(segment_first_, bodies.size(), "open");
}

void Journal::rewrite_from(std::uint64_t seq, const Key& key) {
  for (std::uint64_t i = seq + 1; i < bodies.size(); ++i) {
    bodies[i] = with_prev(bodies[i], hex(leaf_hash(bodies[i - 1])));
  }
  for (Note& checkpoint : notes) {
    if (checkpoint.size > seq) {
      checkpoint.bytes = note(checkpoint.size, {key});
    }
  }
}

fs::path Journal::segment_file(std::uint64_t first) const {
  std::string digits = std::to_string(first);
  return folder / (std::string(12 - digits.size(), '0') + digits + ".db");
}

void Journal::write_segment(std::uint64_t first, std::uint64_t end, const std::string& state) const {
  const fs::path file = segment_file(first);
  fs::remove(file);
  std::string script = std::string("BEGIN;") + segment_sql();
  script += "INSERT INTO meta VALUES ('format','1'),('origin','" + origin + "'),('first','" +
            std::to_string(first) + "'),('state','" + state + "');";
  for (std::uint64_t seq = first; seq < end; ++seq) {
    script += "INSERT INTO entry VALUES (" + std::to_string(seq) + "," + blob(bodies[seq]) + ");";
  }
  for (const Note& checkpoint : notes) {
    if (checkpoint.size > first && checkpoint.size <= end) {
      script += "INSERT INTO checkpoint VALUES (" + std::to_string(checkpoint.size) + "," +
                blob(checkpoint.bytes) + ");";
    }
  }
  sql(file, script + "COMMIT;");
}

void Journal::write_head(const fs::path& file, std::uint64_t size) const {
  std::string bytes(8192, '\0');
  const std::string newest = note(size, {key_at(size)});
  const std::string older = size > 1 ? note(size - 1, {key_at(size - 1)}) : std::string();
  bytes.replace(0, older.size(), older);
  bytes.replace(4096, newest.size(), newest);
  write_file(file, bytes);
}

const char* segment_sql() {
  return "CREATE TABLE entry      (seq  INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;"
         "CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;"
         "CREATE TABLE leaf       (seq  INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;"
         "CREATE TABLE meta       (key  TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;"
         "CREATE TRIGGER e_u BEFORE UPDATE ON entry BEGIN SELECT RAISE(ABORT, 'kept'); END;"
         "CREATE TRIGGER e_d BEFORE DELETE ON entry BEGIN SELECT RAISE(ABORT, 'kept'); END;"
         "CREATE TRIGGER c_u BEFORE UPDATE ON checkpoint BEGIN SELECT RAISE(ABORT, 'kept'); END;"
         "CREATE TRIGGER c_d BEFORE DELETE ON checkpoint BEGIN SELECT RAISE(ABORT, 'kept'); END;";
}

void sql(const fs::path& file, const std::string& script) {
  sqlite3* database = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &database), SQLITE_OK);
  char* message = nullptr;
  EXPECT_EQ(sqlite3_exec(database, script.c_str(), nullptr, nullptr, &message), SQLITE_OK)
      << (message == nullptr ? "" : message);
  sqlite3_free(message);
  EXPECT_EQ(sqlite3_close(database), SQLITE_OK);
}

void sql_against_triggers(const fs::path& file, const std::string& script) {
  const std::string all = segment_sql();
  sql(file, "DROP TRIGGER e_u; DROP TRIGGER e_d; DROP TRIGGER c_u; DROP TRIGGER c_d;" + script + ";" +
                all.substr(all.find("CREATE TRIGGER")));
}

std::string blob(std::string_view bytes) {
  std::string out = "x'";
  std::array<char, 3> two{};
  for (const char c : bytes) {
    std::snprintf(two.data(), two.size(), "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += two.data();
  }
  return out + "'";
}

std::string body_of(const fs::path& file, std::uint64_t seq) {
  sqlite3* database = nullptr;
  EXPECT_EQ(sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READONLY, nullptr), SQLITE_OK);
  sqlite3_stmt* statement = nullptr;
  EXPECT_EQ(sqlite3_prepare_v2(database, "SELECT body FROM entry WHERE seq = ?", -1, &statement, nullptr),
            SQLITE_OK);
  sqlite3_bind_int64(statement, 1, static_cast<sqlite3_int64>(seq));
  EXPECT_EQ(sqlite3_step(statement), SQLITE_ROW);
  std::string body(static_cast<const char*>(sqlite3_column_blob(statement, 0)),
                   static_cast<std::size_t>(sqlite3_column_bytes(statement, 0)));
  sqlite3_finalize(statement);
  sqlite3_close(database);
  return body;
}

Folder::Folder() {
  std::string name = (fs::temp_directory_path() / "tallygate-test-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  path = name;
}

Folder::~Folder() {
  std::error_code error;
  fs::permissions(path, fs::perms::owner_all, fs::perm_options::add, error);
  fs::remove_all(path, error);
}

std::vector<std::string> traces(const fs::path& folder) {
  std::vector<std::string> all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_regular_file()) {
      const std::string bytes = read_file(entry.path());
      all.push_back(entry.path().filename().string() + " " + std::to_string(bytes.size()) + " " +
                    hex(sha256(bytes)) + " " +
                    std::to_string(entry.last_write_time().time_since_epoch().count()));
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

std::string read_file(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  EXPECT_TRUE(in) << file;
  return {std::istreambuf_iterator<char>(in), {}};
}

void write_file(const fs::path& file, std::string_view bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream out(file, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  EXPECT_TRUE(out) << file;
}

}  // namespace tallygate::reference
