#include "audit/journal/provision.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/tree.hpp"
#include "audit/journal/uuid.hpp"

#include <sys/stat.h>

#include <array>
#include <functional>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::chrono::seconds heartbeat_max = std::chrono::hours(24);
constexpr mode_t folder_mode = 0750;

// Takes back what was made, newest first, unless everything succeeded.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    std::error_code ignored;  // what cannot be removed is left for a person to see
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
      std::filesystem::remove(*path, ignored);
    }
  }
  void add(std::filesystem::path path) { made_.push_back(std::move(path)); }
  void keep() { made_.clear(); }

 private:
  std::vector<std::filesystem::path> made_;
};

Result<void> check_options(const ProvisionOptions& options, const Signer& root) {
  if (auto good = check_origin(options.origin); !good) {
    return good.error();
  }
  if (root.name() != root_name(options.origin)) {
    return fail(FailureKind::invalid, "the provisioning key must be named " + root_name(options.origin));
  }
  if (options.heartbeat < std::chrono::seconds(1) || options.heartbeat > heartbeat_max) {
    return fail(FailureKind::invalid, "the heartbeat must be between 1 s and 24 h");
  }
  if (!parse_retention(options.retention)) {
    return fail(FailureKind::invalid, "the retention \"" + options.retention +
                                          "\" must be a number of days or years, such as 400d or 7y");
  }
  if (options.gateway.empty()) {
    return fail(FailureKind::invalid, "the name of the gateway must not be empty");
  }
  return {};
}

Result<void> check_free(const ProvisionOptions& options, const std::filesystem::path& head) {
  std::error_code error;
  if (std::filesystem::exists(options.journal, error) && !std::filesystem::is_empty(options.journal, error)) {
    return fail(FailureKind::exists,
                options.journal.string() + ": the folder is not empty; nothing was changed");
  }
  for (const auto& path : {options.keyring, head}) {
    if (std::filesystem::exists(path, error)) {
      return fail(FailureKind::exists, path.string() + ": it exists already; nothing was changed");
    }
  }
  return {};
}

// Makes the missing folders of a path, each private to its owner and group.
Result<void> make_folders(const std::filesystem::path& folder, Undo& undo) {
  std::error_code error;
  if (folder.empty() || std::filesystem::is_directory(folder, error)) {
    return {};
  }
  if (auto parent = make_folders(folder.parent_path(), undo); !parent) {
    return parent.error();
  }
  if (folder.filename().empty()) {  // "journal/" is made by its parent path already
    return {};
  }
  if (::mkdir(folder.c_str(), folder_mode) != 0) {
    return fail(FailureKind::unreadable, folder.string() + ": cannot make the folder: " + errno_text(errno));
  }
  undo.add(folder);
  return {};
}

struct FirstEntry {
  EncodedEvent event;
  std::string time;
  Charter charter;
};

Result<FirstEntry> first_entry(const ProvisionOptions& options, const Signer& root, const Signer& signer,
                               Time now) {
  FirstEntry first;
  std::array<char, time_text_size> time{};
  write_time(now, time);
  first.time.assign(time.begin(), time.end());
  auto journal = random_uuid();
  const auto id = time_uuid(now);
  if (!journal || !id) {
    return journal ? id.error() : journal.error();
  }
  first.charter = {std::move(*journal), options.origin,    first.time,       root.vkey(),
                   signer.vkey(),       options.heartbeat, options.retention};
  const auto charter = charter_json(first.charter);
  if (!charter) {
    return charter.error();
  }
  const auto signature = sign_charter(root, *charter);
  if (!signature) {
    return signature.error();
  }
  std::string gateway;
  if (!append_json_string(gateway, options.gateway)) {
    return fail(FailureKind::invalid, "the name of the gateway is not UTF-8");
  }
  const std::string signature_json = '"' + *signature + '"';
  const std::array<Member, 2> members = {{{"charter", *charter}, {"signature", signature_json}}};
  auto event = encode(Event{"key.provision", *id, members}, gateway);
  if (!event) {
    return event.error();
  }
  first.event = std::move(*event);
  return first;
}

// Writes entry 0 with its checkpoint and gives the checkpoint.
Result<std::string> write_first(const std::filesystem::path& file, FirstEntry& first, const Signer& signer) {
  auto segment = Segment::open(file, signer.name());
  if (!segment) {
    return segment.error();
  }
  const std::string zeros(hash_hex_size, '0');
  const std::string_view body = first.event.complete(0, zeros, first.time);
  Sha256 sha;
  const Digest leaf = sha.leaf(body);
  std::string note = checkpoint_text(signer.name(), 1, leaf);
  const auto signature = signer.sign(note);
  if (!signature) {
    return signature.error();
  }
  note += '\n';
  note += signature_line(signer.name(), signer.key_id(), *signature);
  const std::array<std::function<Result<void>()>, 5> steps = {
      [&] { return segment->begin(); }, [&] { return segment->insert(0, body); },
      [&] { return segment->insert_checkpoint(1, note); }, [&] { return segment->commit(); },
      [&] { return segment->close(); }};
  for (const auto& step : steps) {
    if (auto done = step(); !done) {
      return done.error();
    }
  }
  return note;
}

}  // namespace

Result<void> check_origin(std::string_view origin) {
  if (!is_note_name(origin)) {
    return fail(FailureKind::invalid, "the origin \"" + std::string(origin) +
                                          "\" must not be empty nor hold spaces, control characters or '+'");
  }
  if (origin.find("://") != std::string_view::npos) {
    return fail(FailureKind::invalid,
                "the origin \"" + std::string(origin) +
                    "\" must be a URL without its scheme, such as gateway.example.com/journal");
  }
  return {};
}

Result<Signer> generate_root(std::string_view origin) {
  if (auto good = check_origin(origin); !good) {
    return good.error();
  }
  return Signer::generate(root_name(origin));
}

std::filesystem::path head_file(const std::filesystem::path& path) {
  std::error_code error;
  return path.filename().empty() || std::filesystem::is_directory(path, error) ? path / "head" : path;
}

Result<Provisioned> provision(const ProvisionOptions& options, const Signer& root, const Clock& clock) {
  const auto head = head_file(options.head);
  if (auto good = check_options(options, root); !good) {
    return good.error();
  }
  if (auto free = check_free(options, head); !free) {
    return free.error();
  }
  const auto kek = load_kek(options.kek);
  if (!kek) {
    return kek.error();
  }
  const auto signer = Signer::generate(options.origin);
  if (!signer) {
    return signer.error();
  }
  auto first = first_entry(options, root, *signer, clock());
  if (!first) {
    return first.error();
  }
  Undo undo;
  for (const auto& folder : {options.journal, head.parent_path(), options.keyring.parent_path()}) {
    if (auto made = make_folders(folder, undo); !made) {
      return made.error();
    }
  }
  auto keyring = Keyring::create(options.keyring, options.origin);
  if (keyring || keyring.error().kind != FailureKind::exists) {  // another's file is not ours to remove
    undo.add(options.keyring);
  }
  if (!keyring) {
    return keyring.error();
  }
  if (auto added = keyring->add(*signer, 0, first->charter.created, *kek); !added) {
    return added.error();
  }
  const auto file = options.journal / segment_name(0);
  for (const char* suffix : {"", "-wal", "-shm"}) {
    undo.add(file.string() + suffix);
  }
  if (auto created = Segment::create(file, options.origin, 0); !created) {
    return created.error();
  }
  const auto note = write_first(file, *first, *signer);
  if (!note) {
    return note.error();
  }
  if (auto created = Head::create(head, *note); !created) {
    return created.error();
  }
  undo.keep();
  return Provisioned{first->charter.journal, root.vkey(), signer->vkey(), fingerprint(root.public_key())};
}

}  // namespace tallygate::audit
