// How a journal is taken up: at the start, and again after a failure.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/record_files.hpp"
#include "audit/journal/seal.hpp"

#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

// A cause holds paths and system messages: bytes beyond ASCII and controls are shown as '?', and it is kept
// short.
std::string printable(std::string_view cause) {
  constexpr std::size_t cause_size_max = 1024;
  std::string text(cause.substr(0, cause_size_max));
  for (char& c : text) {
    if (c < ' ' || c > '~') {
      c = '?';
    }
  }
  return text;
}

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

}  // namespace

// A head that is lost is made anew where a grant says so: then nothing tells what was acknowledged.
Result<HeadBlock> Journal::open_head(std::optional<Head>& head, std::span<const VerifyKey> keys) {
  auto opened = Head::open(options_.head, options_.head_write);
  auto newest = opened ? opened->read(keys) : Result<HeadBlock>(opened.error());
  const bool lost = !newest && newest.error().kind != FailureKind::unreadable;
  const bool forgiven = options_.recovery && options_.recovery->recover && !options_.recovery->abandoned;
  if (lost && forgiven) {
    if (!opened) {
      if (auto created = Head::create(options_.head, {}); !created) {
        return created.error();
      }
      opened = Head::open(options_.head, options_.head_write);
    }
    newest = HeadBlock{0, Checkpoint{keys.front().name, 0, sha_.digest({}), {}}};
  }
  if (opened) {
    head.emplace(std::move(*opened));
  }
  return opened || !newest ? newest : Result<HeadBlock>(opened.error());
}

// Rolls head forward to the newest checkpoint; where it is given up, in both blocks, since the larger one
// counts.
Result<void> Journal::rewrite_head(Head& head, const Examined& examined) {
  const int blocks = examined.abandons ? static_cast<int>(head_blocks) : 1;
  for (int i = 0; i < blocks; ++i) {
    if (auto written = head.write(examined.note); !written) {
      return written.error();
    }
  }
  return {};
}

Result<Journal::Attached> Journal::attach(const std::optional<Known>& known) {
  segment_.reset();
  head_.reset();
  auto keys = keys_->verify_keys();
  if (options_.recovery) {
    keys.insert(keys.begin(), options_.recovery->record_keys.begin(), options_.recovery->record_keys.end());
  }
  std::optional<Head> head;
  const auto newest = open_head(head, keys);
  if (!newest) {
    return newest.error();
  }
  auto files = RecordFiles::open(options_.journal, keys.front().name, options_.vfs);
  if (!files) {
    return files.error();
  }
  auto examined = examine(*files, keys, *newest, options_.head, known,
                          options_.recovery ? options_.recovery->abandoned : std::nullopt);
  if (!examined) {
    return examined.error();
  }
  if (auto turn = check_turn(examined->note); !turn) {
    return turn.error();
  }
  if (examined->standing != Standing::equal) {
    // What lies beyond head can be read, which does not make it durable, nor does another sync what an
    // earlier one failed on: it is written anew before head vouches for it.
    if (auto rewritten = files->make_durable(); !rewritten) {
      return rewritten.error();
    }
    if (auto written = rewrite_head(*head, *examined); !written) {
      return written.error();
    }
  }
  // Only now is nothing left that the old key alone had signed.
  const auto in_turn = settle_keys(examined->note);
  if (!in_turn) {
    return in_turn.error();
  }
  out_of_turn_ = !*in_turn;
  if (auto charter = read_charter(*files); !charter) {
    return charter.error();
  }
  unsealed_ = files->unsealed();
  segment_first_ = files->open_first();
  segment_ = std::make_unique<Segment>(files->take());
  head_ = std::make_unique<Head>(std::move(*head));
  known_.advance(examined->tip, examined->root);
  if (auto measured = measure_segment(); !measured) {
    return measured.error();
  }
  if (auto settled = settle_erasures(); !settled) {
    return settled.error();
  }
  return Attached{examined->standing, examined->head_size, examined->abandons};
}

// Whether a key of the keyring may go on from the newest checkpoint. Asked before anything is written.
Result<void> Journal::check_turn(std::string_view newest_note) const {
  const auto note = parse_note(newest_note);
  const auto keys = keys_->verify_keys();
  if (note && verify_note(*note, keys)) {
    return {};
  }
  const std::string vkey = keys_->newest_vkey();
  if (!options_.recovery || !options_.recovery->rotate || options_.recovery->rotate_key != vkey) {
    return fail(FailureKind::tampered,
                "The record's newest checkpoint is not signed by a key of the keyring: a grant of the kind "
                "key.rotate "
                "must name " +
                    vkey);
  }
  return {};
}

// What the grants allow, each as an entry: first the key, without which nothing else could be signed.
Result<void> Journal::record_grants() {
  const Recovery& recovery = *options_.recovery;
  if (out_of_turn_) {
    std::string key;
    static_cast<void>(append_json_string(key, vkey()));
    const std::string covered = number(size() + 1);
    const std::string signature = '"' + recovery.rotate->signature + '"';
    const std::array<Member, 5> members = {{{"by", recovery.by},
                                            {"grant", recovery.rotate->grant},
                                            {"key", key},
                                            {"signature", signature},
                                            {"size", covered}}};
    if (auto recorded = append_own("key.rotate", members, recovery.at); !recorded) {
      return recorded.error();
    }
    out_of_turn_ = false;
  }
  if (!recovery.recover) {
    return {};
  }
  std::string abandoned;
  if (recovery.abandoned) {
    abandoned = R"({"root":")" + base64_encode(recovery.abandoned->root) + R"(","size":)" +
                number(recovery.abandoned->size) + "}";
  }
  const std::string signature = '"' + recovery.recover->signature + '"';
  const std::array<Member, 6> members = {{{"abandoned", abandoned},
                                          {"action", recovery.abandoned ? "\"abandon\"" : "\"adopt\""},
                                          {"anchor", "\"head\""},
                                          {"by", recovery.by},
                                          {"grant", recovery.recover->grant},
                                          {"signature", signature}}};
  return append_own("journal.recover", std::span(members).subspan(recovery.abandoned ? 0 : 1), recovery.at);
}

// Entries beyond head were never acknowledged to anybody; they stay, and the record says so.
Result<void> Journal::record_recovery(const Attached& attached, std::string_view cause) {
  std::string cause_json;
  if (!append_json_string(cause_json, printable(cause))) {
    return fail(FailureKind::invalid, "a cause is not UTF-8");
  }
  const std::string first = number(attached.head_size);
  const std::string last = number(size() - 1);
  const std::array<Member, 5> members = {{{"action", "\"roll-forward\""},
                                          {"anchor", "\"head\""},
                                          {"cause", cause_json},
                                          {"first", first},
                                          {"last", last}}};
  if (attached.standing == Standing::ahead) {
    return append_own("journal.recover", members);
  }
  const std::array<Member, 2> reopened = {{{"action", "\"reopen\""}, {"cause", cause_json}}};
  return append_own("journal.recover", reopened);
}

Result<void> Journal::reopen(std::string_view cause) {
  failed_ = true;
  if (!lock_ || !lock_->check_in_place()) {
    lock_.reset();
    auto lock = Lock::acquire(options_.journal);
    if (!lock) {
      return lock.error();
    }
    lock_ = std::make_unique<Lock>(std::move(*lock));
  }
  if (auto room = check_room(); !room) {
    return room.error();
  }
  const auto attached = attach(known_);
  if (!attached) {
    return attached.error();
  }
  failed_ = false;
  if (auto begun = begin_segment(); !begun) {
    return begun.error();
  }
  return record_recovery(*attached, cause);
}

Result<void> Journal::read_charter(RecordFiles& files) {
  const auto body = files.charter_entry();
  if (!body) {
    return body.error();
  }
  std::array<WantedMember, 1> wanted = {{{"charter", {}}}};
  if (check_canonical_object(*body, wanted) || wanted[0].json.empty()) {
    return fail(FailureKind::tampered, "entry 0 of the journal carries no charter");
  }
  const auto parsed = parse_charter(wanted[0].json);
  if (!parsed) {
    return parsed.error();
  }
  if (options_.heartbeat > parsed->heartbeat) {
    return fail(FailureKind::invalid, "the heartbeat of " + std::to_string(options_.heartbeat.count()) +
                                          " s is longer than the charter's " +
                                          std::to_string(parsed->heartbeat.count()) + " s");
  }
  heartbeat_ = options_.heartbeat.count() > 0 ? options_.heartbeat : parsed->heartbeat;
  return {};
}

// Which key is in force shows by the newest checkpoint; a rotation that a crash cut short is finished, or as
// if it had never begun. False where none of the keyring's keys signed it.
Result<bool> Journal::settle_keys(std::string_view newest_note) {
  const auto note = parse_note(newest_note);
  if (!note) {
    return fail(FailureKind::tampered, note.error().message);
  }
  const bool in_turn = keys_->resolve(*note);
  if (auto completed = keys_->complete(); !completed) {
    return completed.error();
  }
  const auto begun = parse_entry_time(keys_->created());
  epoch_begun_ = begun ? std::optional(Time(std::chrono::nanoseconds(*begun))) : std::nullopt;
  return in_turn;
}

// How much the open segment holds, and since when.
Result<void> Journal::measure_segment() {
  segment_bytes_ = 0;
  segment_begun_.reset();
  if (size() == segment_first_) {
    return {};
  }
  const auto first = segment_->body(segment_first_);
  const auto bytes = segment_->body_bytes();
  if (!first || !bytes) {
    return first ? bytes.error() : first.error();
  }
  segment_bytes_ = *bytes;
  std::array<WantedMember, 1> time = {{{"time", {}}}};
  static_cast<void>(check_canonical_object(*first, time));
  const auto ns = parse_entry_time(json_string(time[0].json).value_or(std::string()));
  segment_begun_ = ns ? std::optional(Time(std::chrono::nanoseconds(*ns))) : std::nullopt;
  return {};
}

}  // namespace tallygate::audit
