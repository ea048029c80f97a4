#pragma once
// A second writer of the journal format, made from journal.md alone and as plain as it can be: it shares no
// code with the one that ships, computes every root by RFC 6962's recursion, and can be told to do wrong.

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::reference {

using Hash = std::array<unsigned char, 32>;

Hash sha256(std::string_view bytes);
Hash leaf_hash(std::string_view body);
Hash tree_root(const std::vector<std::string>& bodies, std::size_t size);
std::string hex(const Hash& hash);
std::string base64(std::string_view bytes);

/// An Ed25519 key made from a word, so that every run has the same.
class Key {
 public:
  Key(std::string name, std::string_view word);
  [[nodiscard]] std::string sign(std::string_view message) const;
  [[nodiscard]] std::string line(std::string_view text) const;
  [[nodiscard]] std::string vkey() const;
  [[nodiscard]] std::string pem() const;
  [[nodiscard]] const std::string& name() const { return name_; }

 private:
  std::string name_;
  std::shared_ptr<EVP_PKEY> key_;
  std::string raw_;
};

/// Members of an entry beside the common ones: name to JSON, sorted as ASCII names are in canonical form.
using Members = std::map<std::string, std::string>;

struct Note {
  std::uint64_t size = 0;
  std::string bytes;
};

/// The journal in memory, and on disk once write() was called.
class Journal {
 public:
  explicit Journal(std::filesystem::path folder, std::string origin = "gw.example.com/journal");

  /// Adds an entry; time moves on by a second. Returns its seq.
  std::uint64_t add(const std::string& kind, Members members = {});
  /// Ends a batch: a checkpoint over all entries so far.
  void checkpoint();
  /// `count` requests, a checkpoint after every `batch` of them.
  void requests(unsigned count, unsigned batch = 4);
  /// A new signing key, in a batch of its own.
  void rotate(std::string_view word);
  /// The same out of turn: by a grant, and without the old key, which signs up to the entry before.
  void rotate_by_grant(std::string_view word, const std::string& nonce);
  /// The same with another value of `after`; none where it is empty, as grants of an earlier form have none.
  void rotate_by_grant(std::string_view word, const std::string& nonce, const std::string& after);
  /// Size and root of the tree over the first `size` entries, as entries name it.
  [[nodiscard]] std::string prefix(std::uint64_t size) const;
  /// Takes the count from a key's signatures, from `size` on, in a batch of its own.
  void revoke(const std::string& vkey, std::uint64_t size, const std::string& nonce);
  /// Ends the segment, writes its file, begins the next with journal.seal. Seals of earlier versions did not
  /// say which bodies stay where it is retired.
  void seal(bool says_what_stays = true);
  /// A grant of the provisioning key as two members.
  [[nodiscard]] Members grant(const std::string& kind, Members parameters, const std::string& nonce,
                              const std::string& expires = "2030-01-01T00:00:00.000000000Z") const;
  /// Writes the last segment; everything is closed afterwards.
  void write();
  /// Chains entries from `seq` on anew, and computes the texts of checkpoints from there anew, signed by
  /// `key`.
  void rewrite_from(std::uint64_t seq, const Key& key);

  /// A checkpoint note of the first `size` entries signed by `keys`.
  [[nodiscard]] std::string note(std::uint64_t size, const std::vector<Key>& keys) const;
  /// Writes a head file whose newest block is of `size`.
  void write_head(const std::filesystem::path& file, std::uint64_t size) const;

  [[nodiscard]] std::filesystem::path segment_file(std::uint64_t first) const;
  /// First entry of the segment that is not written yet.
  [[nodiscard]] std::uint64_t segment_first() const { return segment_first_; }
  [[nodiscard]] const Key& root() const { return root_; }
  [[nodiscard]] const Key& key() const { return keys_.back(); }
  [[nodiscard]] const Key& key_at(std::uint64_t size) const;

  std::filesystem::path folder;
  std::string origin;
  std::vector<std::string> bodies;
  std::vector<Note> notes;
  std::int64_t clock_s = 1'790'000'000;
  std::string id_override;  ///< the id of the next entry, instead of a new one

 private:
  void write_segment(std::uint64_t first, std::uint64_t end, const std::string& state) const;

  Key root_;
  std::vector<Key> keys_;
  std::vector<std::uint64_t> key_from_ = {1};  // smallest size of each key
  std::uint64_t segment_first_ = 0;
};

/// Whether that body stays where its segment is retired.
bool stays(const std::string& body);

/// Runs SQL on a file, failing the test where SQLite does.
void sql(const std::filesystem::path& file, const std::string& script);
/// The same with the four triggers dropped before and made again after.
void sql_against_triggers(const std::filesystem::path& file, const std::string& script);
/// `x'…'` of bytes.
std::string blob(std::string_view bytes);
std::string body_of(const std::filesystem::path& file, std::uint64_t seq);
/// Tables and triggers of a segment.
const char* segment_sql();

/// A folder of its own for one test, removed afterwards.
class Folder {
 public:
  Folder();
  ~Folder();
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::filesystem::path path;
};

/// Name, size, time of change and hash of everything in a folder.
std::vector<std::string> traces(const std::filesystem::path& folder);

std::string read_file(const std::filesystem::path& file);
void write_file(const std::filesystem::path& file, std::string_view bytes);

}  // namespace tallygate::reference
