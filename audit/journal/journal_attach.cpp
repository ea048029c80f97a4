// How a journal is taken up: at the start, and again after a failure.

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/record_files.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/way_out.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

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

// As an entry names it.
std::string checkpoint_json(const Checkpoint& one) {
  return R"({"root":")" + base64_encode(one.root) + R"(","size":)" + number(one.size) + "}";
}

// A recovery that is on record is gone on with where it was cut short, and nowhere else.
Result<void> check_recorded(std::uint64_t recorded, std::uint64_t size, bool loss) {
  const std::string entry = "entry " + number(recorded) + " records that recovery already, ";
  if (size <= recorded || size - recorded > entries_after_recovery + 1) {
    return fail(FailureKind::refused, entry + "and the record went on since: it needs a new grant");
  }
  return loss ? Result<void>()
              : fail(FailureKind::refused, entry +
                                               "and nothing keeps the journal from being taken up: there is "
                                               "nothing to do");
}

}  // namespace

// A head that is lost is made anew where a grant says so: then nothing tells what was acknowledged.
Result<HeadBlock> Journal::open_head(std::optional<Head>& head, std::span<const VerifyKey> keys) {
  auto opened = Head::open(options_.head, options_.head_write);
  auto newest = opened ? opened->read(keys) : Result<HeadBlock>(opened.error());
  head_lost_ = !newest && newest.error().kind != FailureKind::unreadable;
  if (head_lost_ && recovering()) {
    newest = HeadBlock{0, Checkpoint{keys.front().name, 0, sha_.digest({}), {}}};
  }
  if (opened) {
    head.emplace(std::move(*opened));
  }
  return newest;
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
    return with_way_out(newest.error(), options_);
  }
  auto files = RecordFiles::open(options_.journal, keys.front().name, options_.vfs);
  if (!files) {
    return with_way_out(files.error(), options_);
  }
  const std::span<const Checkpoint> forgiven = options_.recovery
                                                   ? std::span<const Checkpoint>(options_.recovery->abandoned)
                                                   : std::span<const Checkpoint>();
  auto examined = examine(*files, keys, *newest, options_.head, known, forgiven);
  if (!examined) {
    return with_way_out(examined.error(), options_);
  }
  if (auto turn = check_turn(examined->note); !turn) {
    return with_way_out(turn.error(), options_);
  }
  if (auto meant = check_granted_for(*examined); !meant) {
    return meant.error();
  }
  if (auto meant = check_recovery(*examined); !meant) {
    return meant.error();
  }
  if (!head) {  // lost, and a grant that holds says so: one that does not leaves everything as it is
    if (auto created = Head::create(options_.head, {}); !created) {
      return created.error();
    }
    auto opened = Head::open(options_.head, options_.head_write);
    if (!opened) {
      return opened.error();
    }
    head.emplace(std::move(*opened));
  }
  if (examined->standing != Standing::equal) {
    // What lies beyond head can be read, which does not make it durable, nor does another sync what an
    // earlier one failed on: it is written anew before head vouches for it.
    if (auto rewritten = files->make_durable(); !rewritten) {
      return rewritten.error();
    }
  }
  // A loss stays in head until its entry is there, and the one after it.
  const bool unrecorded = recovering() && !options_.recovery->recorded;
  if (examined->standing != Standing::equal && !unrecorded) {
    if (auto written = head->write(examined->note); !written) {
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
  auto segment = files->take();
  if (!segment) {
    return segment.error();
  }
  segment_ = std::make_unique<Segment>(std::move(*segment));
  head_ = std::make_unique<Head>(std::move(*head));
  known_.advance(examined->tip, examined->root);
  if (auto measured = measure_segment(); !measured) {
    return measured.error();
  }
  if (auto settled = settle_erasures(); !settled) {
    return settled.error();
  }
  gives_up_head_ = head_lost_ || examined->abandons;
  return Attached{examined->standing, examined->head_size};
}

// Whether a key of the keyring may go on from the newest checkpoint. Asked before anything is written.
Result<void> Journal::check_turn(std::string_view newest_note) const {
  const auto note = parse_note(newest_note);
  const auto keys = keys_->verify_keys();
  const bool granted = options_.recovery && options_.recovery->rotate;
  if (note && may_go_on(*note, keys)) {
    return granted ? fail(FailureKind::refused,
                          "the keyring's key follows from the record: a grant of the kind key.rotate is not "
                          "needed, and nothing was done")
                   : Result<void>();
  }
  const std::string vkey = keys_->newest_vkey();
  if (!granted || options_.recovery->rotate_key != vkey) {
    return fail(
        FailureKind::tampered,
        "The record's newest checkpoint is not signed by a key of the keyring, whose newest one is " + vkey);
  }
  return {};
}

// No key of the keyring can have signed anything since the grant was made: the record is still the one that
// it names.
Result<void> Journal::check_granted_for(const Examined& examined) const {
  if (!options_.recovery || !options_.recovery->rotate) {
    return {};
  }
  const auto& after = options_.recovery->rotate_after;
  const std::uint64_t size = examined.tip.range.size();
  if (!after) {
    return fail(FailureKind::refused,
                "the grant of the new key does not say after which record it takes over (after=SIZE:ROOT)");
  }
  if (after->size != size || after->root != examined.root) {
    return fail(FailureKind::refused, "the grant of the new key is for a record of " + number(after->size) +
                                          " entries with the root " + base64_encode(after->root) +
                                          ", and this one has " + number(size) + " with the root " +
                                          base64_encode(examined.root) + ": it needs a new grant");
  }
  return {};
}

// A grant is good for the loss that it was made for: for this record as it is, and where something is lost.
Result<void> Journal::check_recovery(const Examined& examined) const {
  if (!recovering()) {
    return {};
  }
  const Recovery& recovery = *options_.recovery;
  const std::uint64_t size = examined.tip.range.size();
  if (!recovery.kept) {
    return fail(FailureKind::refused, "the grant does not say which record is kept (kept=SIZE:ROOT)");
  }
  if (recovery.recorded && head_lost_ && recovery.abandoned.empty() && size != *recovery.recorded + 1) {
    // Head is written before anything follows the recovery: a crash leaves nothing else behind it.
    return fail(FailureKind::refused, "entry " + number(*recovery.recorded) +
                                          " records that recovery already, and the record went on since, so "
                                          "head was lost once more: it needs a new grant");
  }
  if (recovery.recorded && !(head_lost_ && !recovery.abandoned.empty())) {
    return check_recorded(*recovery.recorded, size, head_lost_ || examined.abandons);
  }
  if (recovery.kept->size != size || recovery.kept->root != examined.root) {
    return fail(
        FailureKind::refused,
        "the grant is for a record of " + number(recovery.kept->size) + " entries with the root " +
            base64_encode(recovery.kept->root) + ", and this one has " + number(size) + " with the root " +
            base64_encode(examined.root) +
            (size > recovery.kept->size
                 ? ": it went on since, perhaps as far as a recovery that was cut short; it needs a new grant"
                 : ": something else was lost since it was made; it needs a new grant"));
  }
  if (head_lost_ && !recovery.abandoned.empty()) {
    // Who deletes head would have the grant for one loss allow another, and a grant that was used once more.
    return fail(
        FailureKind::refused,
        "the grant names what head acknowledged, and head is missing: something else was lost since it "
        "was made; it needs a new grant, which tallygate audit recover names");
  }
  if (recovery.abandoned.empty() && !head_lost_) {
    return fail(
        FailureKind::refused,
        "head is there and the record has what it acknowledged: a grant of the kind journal.recover is "
        "not needed, and nothing was done");
  }
  return {};
}

// Lets the keyring's key sign, as a grant allows it: nothing else could be signed before. Where a segment is
// begun as well, its first entry goes into the same batch.
Result<void> Journal::take_turn() {
  const Recovery& recovery = *options_.recovery;
  SealMembers seal;
  if (unsealed_) {
    auto finished = finish_unsealed();
    if (!finished) {
      return finished.error();
    }
    seal = std::move(*finished);
  }
  std::string key;
  static_cast<void>(append_json_string(key, vkey()));
  const std::string covered = number(size() + (unsealed_ ? 2 : 1));
  const std::string signature = '"' + recovery.rotate->signature + '"';
  const std::array<Member, 6> sealed = {{{"first", seal.first},
                                         {"frontier", seal.frontier},
                                         {"last", seal.last},
                                         {"root", seal.root},
                                         {"sha256", seal.sha256},
                                         {"stays", seal.stays}}};
  const std::string after = checkpoint_json(*recovery.rotate_after);
  const std::array<Member, 6> rotated = {{{"after", after},
                                          {"by", recovery.by},
                                          {"grant", recovery.rotate->grant},
                                          {"key", key},
                                          {"signature", signature},
                                          {"size", covered}}};
  const std::array<OwnEntry, 2> entries = {{{"journal.seal", sealed}, {"key.rotate", rotated}}};
  if (auto recorded = append_own(std::span(entries).subspan(unsealed_ ? 0 : 1), recovery.at); !recorded) {
    return recorded.error();
  }
  unsealed_.reset();
  out_of_turn_ = false;
  return {};
}

// What was given up, as the grant names it.
Result<void> Journal::record_grant() {
  const Recovery& recovery = *options_.recovery;
  const bool abandons = !recovery.abandoned.empty();
  const std::string abandoned = abandons ? checkpoint_json(recovery.abandoned.front()) : std::string();
  std::string also;
  for (std::size_t i = 1; i < recovery.abandoned.size(); ++i) {
    also += (i == 1 ? "[" : ",") + checkpoint_json(recovery.abandoned[i]);
  }
  also += also.empty() ? "" : "]";
  const std::string kept = checkpoint_json(*recovery.kept);
  const std::string signature = '"' + recovery.recover->signature + '"';
  const std::array<Member, 8> all = {{{"abandoned", abandoned},
                                      {"action", abandons ? "\"abandon\"" : "\"adopt\""},
                                      {"also", also},
                                      {"anchor", gives_up_head_ ? "\"head\"" : "\"elsewhere\""},
                                      {"by", recovery.by},
                                      {"grant", recovery.recover->grant},
                                      {"kept", kept},
                                      {"signature", signature}}};
  std::vector<Member> members;
  std::copy_if(all.begin(), all.end(), std::back_inserter(members),
               [](const Member& one) { return !one.json.empty(); });
  return append_own("journal.recover", members, recovery.at);
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
                                          std::to_string(parsed->heartbeat.count()) +
                                          " s: set audit.journal.heartbeat to that or less, or leave it out");
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
