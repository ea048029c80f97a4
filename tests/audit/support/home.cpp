#include "tests/audit/support/home.hpp"

#include "audit/journal/event.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/uuid.hpp"

#include <boost/json.hpp>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <array>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <stdexcept>

namespace tallygate::audit::testing {
namespace {

Digest sha256(std::string_view bytes) {
  Digest out{};
  unsigned size = 0;
  EVP_Digest(bytes.data(), bytes.size(), out.data(), &size, EVP_sha256(), nullptr);
  return out;
}

std::string text_of(const Digest& digest) {
  return {digest.begin(), digest.end()};
}

// RFC 6962 §2.1 by its recursion, to have nothing in common with the code under test.
Digest merkle(const std::vector<SeenEntry>& entries, std::size_t first, std::size_t count) {
  if (count == 1) {
    return entries[first].leaf;
  }
  std::size_t left = 1;
  while (left * 2 < count) {
    left *= 2;
  }
  return sha256(std::string(1, '\x01') + text_of(merkle(entries, first, left)) +
                text_of(merkle(entries, first + left, count - left)));
}

std::string hex(const Digest& digest) {
  std::string out;
  for (const std::uint8_t byte : digest) {
    constexpr std::string_view digits = "0123456789abcdef";
    out += digits[byte >> 4U];
    out += digits[byte & 15U];
  }
  return out;
}

std::string string_at(const boost::json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->as_string()) : std::string();
}

struct Rows {
  std::vector<SeenEntry> entries;
  std::map<std::uint64_t, std::string> checkpoints;
};

Rows read_rows(const std::filesystem::path& file, std::vector<std::string>& faults) {
  Rows rows;
  sqlite3* connection = nullptr;
  sqlite3_open_v2(file.c_str(), &connection, SQLITE_OPEN_READONLY, nullptr);
  const auto each = [&](const char* sql, const auto& use) {
    sqlite3_stmt* statement = nullptr;
    if (sqlite3_prepare_v2(connection, sql, -1, &statement, nullptr) != SQLITE_OK) {
      faults.push_back(sqlite3_errmsg(connection));
    }
    while (statement != nullptr && sqlite3_step(statement) == SQLITE_ROW) {
      use(static_cast<std::uint64_t>(sqlite3_column_int64(statement, 0)),
          std::string(static_cast<const char*>(sqlite3_column_blob(statement, 1)),
                      static_cast<std::size_t>(sqlite3_column_bytes(statement, 1))));
    }
    sqlite3_finalize(statement);
  };
  each("SELECT seq, body FROM entry ORDER BY seq", [&](std::uint64_t seq, const std::string& body) {
    rows.entries.push_back({seq, {}, body, sha256(std::string(1, '\0') + body)});
  });
  each("SELECT size, note FROM checkpoint",
       [&](std::uint64_t size, const std::string& note) { rows.checkpoints[size] = note; });
  sqlite3_close(connection);
  return rows;
}

// Chain, numbering and members of every entry.
void check_entries(std::vector<SeenEntry>& entries, std::vector<std::string>& faults) {
  std::set<std::string> ids;
  std::string prev(64, '0');
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto fault = [&](const std::string& what) {
      faults.push_back("entry " + std::to_string(i) + ": " + what);
    };
    boost::json::error_code error;
    const auto value = boost::json::parse(entries[i].body, error);
    if (error || !value.is_object()) {
      fault("no JSON object");
      continue;
    }
    const auto& object = value.as_object();
    entries[i].kind = string_at(object, "kind");
    if (entries[i].seq != i || object.at("seq") != i || object.at("v") != 1) {
      fault("wrong seq or v");
    }
    if (string_at(object, "prev") != prev) {
      fault("broken chain");
    }
    if (!ids.insert(string_at(object, "id")).second || !is_uuid7(string_at(object, "id"))) {
      fault("bad id");
    }
    if (!is_kind(entries[i].kind) || string_at(object, "time").size() != 30 ||
        string_at(object, "gateway").empty()) {
      fault("bad kind, time or gateway");
    }
    if (boost::json::serialize(value) != entries[i].body) {
      fault("not compact");
    }
    prev = hex(entries[i].leaf);
  }
}

// The signing key of the charter, once the root key's signature over it holds.
std::optional<VerifyKey> signing_key(const std::vector<SeenEntry>& entries, const VerifyKey& root) {
  const auto first = boost::json::parse(entries.at(0).body).as_object();
  const auto& charter = first.at("charter");
  const std::string signature = string_at(first, "signature");
  const auto raw = base64_decode(signature);
  // Every member of a charter is ASCII and sorted already, so serializing it again gives its canonical form.
  if (!raw || !root.key.verify("tallygate charter v1\n" + boost::json::serialize(charter), *raw)) {
    return std::nullopt;
  }
  const auto key = parse_vkey(string_at(charter.as_object(), "key"));
  return key ? std::optional(*key) : std::nullopt;
}

void check_note(const std::string& bytes, std::uint64_t size, const std::vector<SeenEntry>& entries,
                const VerifyKey& key, std::vector<std::string>& faults) {
  const auto note = parse_note(bytes);
  if (!note || !verify_note(*note, std::span(&key, 1))) {
    faults.push_back("checkpoint " + std::to_string(size) + " is not signed");
    return;
  }
  const auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint || checkpoint->size != size || size > entries.size() || size == 0 ||
      checkpoint->root != merkle(entries, 0, size) || checkpoint->origin != Home::origin) {
    faults.push_back("checkpoint " + std::to_string(size) + " does not fit the entries");
  }
}

}  // namespace

FakeClock::FakeClock() {
  using namespace std::chrono;
  state_->now =
      sys_days{year{2026} / January / 2} + hours{3} + minutes{4} + seconds{5} + nanoseconds{123'456'789};
}

void FakeClock::advance(std::chrono::nanoseconds by) {
  const std::lock_guard lock(state_->mutex);
  state_->now += by;
}

Clock FakeClock::clock() {
  return [state = state_] {
    const std::lock_guard lock(state->mutex);
    return state->now;
  };
}

Home::Home(bool provisioned) {
  std::string pattern = (std::filesystem::temp_directory_path() / "tallygate-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) {
    throw std::runtime_error("no temporary folder");
  }
  folder_ = pattern;
  create_kek_file(kek()).value();
  root_ = generate_root(origin).value();
  if (provisioned) {
    provision(provision_options(), *root_, time.clock()).value();
  }
}

Home::~Home() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

ProvisionOptions Home::provision_options() const {
  ProvisionOptions options;
  options.origin = origin;
  options.journal = journal();
  options.head = head();
  options.keyring = keyring();
  options.kek = {KekSource::Kind::file, kek().string()};
  options.gateway = "gw-1";
  return options;
}

JournalOptions Home::options() {
  JournalOptions options;
  options.journal = journal();
  options.head = head();
  options.keyring = keyring();
  options.kek = {KekSource::Kind::file, kek().string()};
  options.gateway = "gw-1";
  options.clock = time.clock();
  return options;
}

EncodedEvent sample_event(std::string_view text, std::string_view gateway_json) {
  const std::string id = time_uuid(system_clock()()).value();
  const std::string request = R"({"host":"wiki.example.com","method":")" + std::string(text) +
                              R"(","path":"/reports/2026/q1","protocol":"HTTP/1.1"})";
  const std::array<Member, 4> members = {{
      {"actor", R"({"email":"alice@example.com","groups":["engineers"],"subject":"alice"})"},
      {"client", R"({"address":"192.0.2.7","tls":"1.3"})"},
      {"decision", R"({"effect":"allow","micros":3,"mode":"enforce","rule":"engineers-read"})"},
      {"request", request},
  }};
  return encode({"access.allow", id, members}, gateway_json).value();
}

Result<std::vector<Receipt>> append(Journal& journal, std::size_t count) {
  std::vector<EncodedEvent> events;
  std::vector<EncodedEvent*> batch;
  for (std::size_t i = 0; i < count; ++i) {
    events.push_back(sample_event());
  }
  for (EncodedEvent& event : events) {
    batch.push_back(&event);
  }
  std::vector<Receipt> receipts;
  if (auto appended = journal.append(batch, receipts); !appended) {
    return appended.error();
  }
  return receipts;
}

Seen inspect(const Home& home) {
  return inspect(home.segment(), home.head(), home.root().verify_key());
}

Seen inspect(const std::filesystem::path& segment, const std::filesystem::path& head_path,
             const VerifyKey& root) {
  Seen seen;
  Rows rows = read_rows(segment, seen.faults);
  seen.entries = std::move(rows.entries);
  check_entries(seen.entries, seen.faults);
  if (seen.entries.empty() || !rows.checkpoints.contains(seen.entries.size())) {
    seen.faults.push_back("the newest entries are not signed");
    return seen;
  }
  const auto key = signing_key(seen.entries, root);
  if (!key) {
    seen.faults.push_back("the charter is not signed by the root key");
    return seen;
  }
  for (const auto& [size, note] : rows.checkpoints) {
    check_note(note, size, seen.entries, *key, seen.faults);
  }
  std::ifstream file(head_path, std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  const auto head = newest_head(bytes, std::span(&*key, 1));
  if (!head || head->checkpoint.size != seen.entries.size() ||
      head->checkpoint.root != merkle(seen.entries, 0, seen.entries.size())) {
    seen.faults.push_back("head does not acknowledge what is there");
  }
  return seen;
}

bool holds(const Seen& seen, const std::vector<Receipt>& receipts) {
  for (const Receipt& receipt : receipts) {
    if (receipt.seq >= seen.entries.size() || seen.entries[receipt.seq].leaf != receipt.leaf) {
      return false;
    }
  }
  return true;
}

}  // namespace tallygate::audit::testing
