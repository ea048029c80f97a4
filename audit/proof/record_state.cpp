#include "audit/proof/record_state.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/seal.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/key_entries.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t remarks_max = 100;
// A heartbeat is due when the promised time is over, and is recorded a commit later.
constexpr std::int64_t heartbeat_grace_ns = 5'000'000'000;

std::string seconds(std::int64_t ns) {
  return std::to_string(ns / 1'000'000'000) + " s";
}

std::string member_text(std::string_view body, std::string_view name) {
  std::array<WantedMember, 1> member = {WantedMember{name, {}}};
  static_cast<void>(check_canonical_object(body, member));
  return json_string(member[0].json).value_or(std::string());
}

std::optional<std::uint64_t> member_size(std::string_view body, std::string_view name) {
  std::array<WantedMember, 1> member = {WantedMember{name, {}}};
  static_cast<void>(check_canonical_object(body, member));
  const auto value = json_integer(member[0].json);
  return value && *value >= 0 ? std::optional(static_cast<std::uint64_t>(*value)) : std::nullopt;
}

bool has_member(std::string_view body, std::string_view name) {
  std::array<WantedMember, 1> member = {WantedMember{name, {}}};
  return !check_canonical_object(body, member) && !member[0].json.empty();
}

// The objects of a canonical array of flat ones: no string in them holds a brace.
std::vector<std::string_view> objects_in(std::string_view array) {
  std::vector<std::string_view> objects;
  for (std::size_t begin = array.find('{'); begin != std::string_view::npos; begin = array.find('{', begin)) {
    const std::size_t end = array.find('}', begin);
    if (end == std::string_view::npos) {
      break;
    }
    objects.push_back(array.substr(begin, end + 1 - begin));
    begin = end;
  }
  return objects;
}

// A hash as a checkpoint writes it or in hex.
std::optional<Digest> digest_of(const std::string& text) {
  if (auto hex = digest_from_hex(text)) {
    return hex;
  }
  const auto raw = base64_decode(text);
  if (!raw || raw->size() != sizeof(Digest)) {
    return std::nullopt;
  }
  Digest digest;
  std::copy(raw->begin(), raw->end(), digest.begin());
  return digest;
}

}  // namespace

void RecordState::take(const ChunkFacts& chunk, const Fetch& fetch) {
  auto next = chunk.noted.begin();
  for (std::size_t i = 0; i < chunk.times_ns.size(); ++i) {
    const std::uint64_t seq = chunk.first + i;
    const bool is_noted = next != chunk.noted.end() && next->seq == seq;
    if (chunk.times_ns[i] != no_time && chunk.settled) {
      settled_clock(chunk.times_ns[i], is_noted ? next->role : Role::ordinary);
    } else if (chunk.times_ns[i] != no_time) {
      clock(seq, chunk.times_ns[i], is_noted ? next->role : Role::ordinary, fetch);
    } else {
      report_gaps();
      last_ns_ = no_time;  // what is not there may have been recorded at any time
    }
    const Role role = is_noted ? next->role : Role::ordinary;
    if (is_noted) {
      noted(*next, chunk.times_ns[i], fetch);
      ++next;
    }
    if (role != Role::seal && role != Role::rotate) {
      turn_begun_ = seq + 1;
    }
  }
}

// Of a settled chunk few times are known: they tell what is due afterwards, and no gap.
void RecordState::settled_clock(std::int64_t time_ns, Role role) {
  beating_ = role == Role::open || (beating_ && role != Role::stop);
  newest_ns_ = std::max(newest_ns_, time_ns);
  last_ns_ = no_time;
}

void RecordState::clock(std::uint64_t seq, std::int64_t time_ns, Role role, const Fetch& fetch) {
  if (newest_ns_ != no_time && time_ns < newest_ns_ - clock_back_max_ns) {
    findings_.add(seq, "time-backward",
                  "entry " + std::to_string(seq) + " is " + seconds(newest_ns_ - time_ns) +
                      " older than an entry before it");
  }
  const std::int64_t limit = terms_.heartbeat_ns + heartbeat_grace_ns + terms_.heartbeat_ns / 10;
  if (beating_ && terms_.heartbeat_ns > 0 && last_ns_ != no_time && time_ns - last_ns_ > limit) {
    gaps_.push_back(
        {seq, seconds(time_ns - last_ns_) + " without an entry before entry " + std::to_string(seq)});
  }
  if (!gaps_.empty() && (role == Role::open || role == Role::recover)) {
    forgive_gaps();
  } else if (!gaps_.empty() && !may_begin(seq, role, fetch)) {
    report_gaps();
  }
  beating_ = role == Role::open || (beating_ && role != Role::stop);
  newest_ns_ = std::max(newest_ns_, time_ns);
  last_ns_ = time_ns;
}

// Whether a writer may record that before it says that it took the journal up: that the segment before was
// sealed, which a crash had cut short, and the key that a grant lets sign.
bool RecordState::may_begin(std::uint64_t seq, Role role, const Fetch& fetch) const {
  if (role != Role::rotate) {
    return role == Role::seal;
  }
  const auto body = fetch(seq);
  return body && has_member(*body, "grant");
}

void RecordState::forgive_gaps() {
  for (const Gap& gap : std::exchange(gaps_, {})) {
    remark(gap.text + ": the writer ended without gateway.stop");
  }
}

void RecordState::report_gaps() {
  for (const Gap& gap : std::exchange(gaps_, {})) {
    findings_.add(gap.seq, "heartbeat-gap",
                  gap.text + "; the charter promises one every " + seconds(terms_.heartbeat_ns));
  }
}

// Where the record ends between these entries, its writer ended once more, and that is no other matter.
void RecordState::finish() {
  forgive_gaps();
}

void RecordState::noted(const NotedEntry& entry, std::int64_t time_ns, const Fetch& fetch) {
  if (entry.role == Role::open || entry.role == Role::stop) {
    return;
  }
  if (entry.role == Role::provision) {
    if (entry.seq != 0) {
      findings_.add(entry.seq, "charter-forged", "a journal has one charter, in entry 0");
    }
    return;
  }
  const auto body = fetch(entry.seq);
  if (!body) {
    findings_.add(entry.seq, "segment-unreadable",
                  "entry " + std::to_string(entry.seq) + " cannot be read again");
    return;
  }
  switch (entry.role) {
    case Role::rotate:
      rotate(entry.seq, time_ns, *body);
      break;
    case Role::revoke:
      revoke(entry.seq, time_ns, *body);
      break;
    case Role::seal:
      seal(entry.seq, time_ns, *body);
      break;
    case Role::hold:
      hold(entry.seq, *body);
      break;
    case Role::release:
      release(entry.seq, time_ns, *body);
      break;
    case Role::retire:
      retire(entry.seq, time_ns, *body);
      break;
    case Role::recover:
      recover(entry.seq, time_ns, *body);
      break;
    default:
      act(entry.seq, time_ns, *body);
  }
}

bool RecordState::granted(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  if (!terms_.grants) {
    return false;  // without a charter there is nothing to hold a grant against; that is a finding already
  }
  const auto used = terms_.grants->use(body, member_text(body, "kind"), time_ns);
  if (!used) {
    findings_.add(seq, used.error().what, "entry " + std::to_string(seq) + ": " + used.error().detail);
  }
  return static_cast<bool>(used);
}

// An enrolment that was not allowed gives no right to write; a revocation takes it in any case, as the
// gateway does.
void RecordState::act(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const bool allowed = granted(seq, time_ns, body);
  const std::string kind = member_text(body, "kind");
  if (kind == "journal.erase") {
    erase(seq, body);
  }
  if (kind != "writer.revoke" && !(kind == "writer.enrol" && allowed)) {
    return;
  }
  WriterKeys next = *writers_;
  if (allowed && kind == "writer.enrol") {
    next.enrol(member_text(body, "writer"), member_text(body, "key"), seq);
  } else {
    next.revoke(member_text(body, "writer"), seq, time_ns);
  }
  writers_ = std::make_shared<const WriterKeys>(std::move(next));
}

// The key is gone whether a grant allowed it or not; whose entries are under it shows when they are read.
void RecordState::erase(std::uint64_t seq, const std::string& body) {
  const auto subject = uuid_of(member_text(body, "subject"));
  if (!subject || holds_.empty()) {
    return;
  }
  ErasureClaim claim{seq, *subject, {}};
  for (const auto& [name, held] : holds_) {
    claim.holds.push_back({name, held.first, held.last});
  }
  erasures_.push_back(std::move(claim));
}

void RecordState::rotate(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const RotationEntry rotation = read_rotation(body);
  const auto& key = rotation.key;
  if (!key || key->name != terms_.origin || rotation.size != seq + 1) {
    findings_.add(seq, "rotation-invalid",
                  "entry " + std::to_string(seq) + " does not name a key of the journal and the size " +
                      std::to_string(seq + 1));
    return;
  }
  if (!rotation.is_sound()) {
    findings_.add(seq, "rotation-invalid",
                  "entry " + std::to_string(seq) +
                      " does not name the size and root, of what is before it, that its grant is for");
    return;
  }
  const bool out_of_turn = rotation.carries_grant && granted(seq, time_ns, body);
  KeyRanges next = *keys_;
  if (!next.rotate(*key, seq + 1, out_of_turn, out_of_turn ? rotation.after : std::nullopt)) {
    findings_.add(seq, "rotation-invalid",
                  "entry " + std::to_string(seq) + " brings back a key that served before");
    return;
  }
  keys_ = std::make_shared<const KeyRanges>(std::move(next));
  required_.push_back({seq + 1, "the signing key changes there"});
  if (out_of_turn && rotation.after) {
    granted_for_.push_back({seq, rotation.after->size, rotation.after->root});
  } else if (out_of_turn) {
    remark(
        "the key of entry " + std::to_string(seq) +
        " took over by a grant that does not say after which record, as an earlier version made them: that "
        "what was recorded before is what it was, that key alone vouches for");
  }
}

// A grant that names the key alone would let whoever has that key make all of the record anew.
void RecordState::refuse_rotation(std::uint64_t seq) {
  findings_.add(seq, "rotation-invalid",
                "entry " + std::to_string(seq) +
                    " lets a key take over after another record than the one that its grant names");
  KeyRanges next = *keys_;
  next.disown(seq + 1);
  keys_ = std::make_shared<const KeyRanges>(std::move(next));
}

void RecordState::revoke(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const auto& [vkey, size] = read_revocation(body);
  if (!granted(seq, time_ns, body)) {
    return;  // a revocation that was not allowed takes nothing away
  }
  KeyRanges next = *keys_;
  if (!size || !next.revoke(vkey, *size, seq)) {
    findings_.add(seq, "rotation-invalid",
                  "entry " + std::to_string(seq) + " does not name a key of the journal and a size");
    return;
  }
  keys_ = std::make_shared<const KeyRanges>(std::move(next));
}

void RecordState::seal(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const auto first = member_size(body, "first");
  const auto last = member_size(body, "last");
  const auto root = digest_of(member_text(body, "root"));
  const auto sha256 = digest_of(member_text(body, "sha256"));
  std::array<WantedMember, 1> stays = {WantedMember{"stays", {}}};
  static_cast<void>(check_canonical_object(body, stays));
  const auto staying = parse_stays(stays[0].json);
  const bool says_what_stays = staying.has_value() == !stays[0].json.empty();
  if (!first || !last || !root || !sha256 || *last + 1 != seq || *first > *last || !says_what_stays) {
    findings_.add(seq, "seal-invalid",
                  "entry " + std::to_string(seq) +
                      " does not name the segment before it (first, last, root, sha256, stays)");
    return;
  }
  sealed_ns_[*last] = time_ns;
  seals_.push_back({seq, *first, *last, *root, *sha256, staying});
}

void RecordState::remark(std::string text) {
  if (remarks_.size() < remarks_max) {
    remarks_.push_back(std::move(text));
  }
}

void RecordState::fault_recovery(std::uint64_t seq, const char* why) {
  findings_.add(seq, "recovery-invalid", "entry " + std::to_string(seq) + " " + why);
}

// Going on after a crash needs no grant; giving up what an anchor had acknowledged does, and carries one. It
// says which record is kept: or the grant would be good for losing more than the one who made it knew of.
void RecordState::recover(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const bool says_what =
      has_member(body, "abandoned") || has_member(body, "kept") || has_member(body, "also");
  if ((!says_what && !has_member(body, "grant")) || !granted(seq, time_ns, body)) {
    return;
  }
  std::array<WantedMember, 1> kept = {WantedMember{"kept", {}}};
  static_cast<void>(check_canonical_object(body, kept));
  if (kept[0].json.empty()) {
    remark("entry " + std::to_string(seq) +
           " goes on after a loss by a grant that does not say which record is kept, as an earlier version "
           "made them: how much was lost, the provisioning key did not confirm");
    give_up(seq, body);
    return;
  }
  const auto size = member_size(kept[0].json, "size");
  const auto root = digest_of(member_text(kept[0].json, "root"));
  if (!size || !root) {
    fault_recovery(seq, "does not name the size and root that are kept");
    return;
  }
  // The key that signs it and the segment it stands in may have had to come before it, and nothing else.
  if (*size > seq || seq - *size > entries_before_recovery || *size < turn_begun_) {
    fault_recovery(seq, "goes on from another place than the one that its grant names");
    return;
  }
  kept_.push_back({seq, *size, *root});
  give_up(seq, body);
}

void RecordState::give_up(std::uint64_t seq, const std::string& body) {
  std::array<WantedMember, 3> members = {WantedMember{"abandoned", {}}, WantedMember{"also", {}},
                                         WantedMember{"kept", {}}};
  static_cast<void>(check_canonical_object(body, members));
  const auto kept = member_size(members[2].json, "size");
  const auto take = [&](std::string_view json) {
    const auto size = member_size(json, "size");
    const auto root = digest_of(member_text(json, "root"));
    if (!size || !root) {
      fault_recovery(seq, "does not name the size and root that it gives up");
      return;
    }
    abandoned_.push_back({*size, *root, seq, kept.value_or(*size)});
  };
  if (!members[0].json.empty()) {
    take(members[0].json);
  }
  for (const std::string_view one : objects_in(members[1].json)) {
    take(one);
  }
}

void RecordState::refuse_recovery(std::uint64_t seq) {
  fault_recovery(seq, "goes on from another record than the one that its grant names");
  std::erase_if(abandoned_, [seq](const Abandoned& one) { return one.seq == seq; });
}

void RecordState::hold(std::uint64_t seq, const std::string& body) {
  const std::string name = member_text(body, "hold");
  const auto first = member_size(body, "first");
  const auto last = member_size(body, "last");
  if (name.empty() || !first || !last || *first > *last) {
    findings_.add(seq, "hold-invalid",
                  "entry " + std::to_string(seq) +
                      " does not name a hold and the entries it covers (hold, first, last)");
    return;
  }
  if (holds_.contains(name)) {  // the one before stays, or a hold could be narrowed without a grant
    findings_.add(seq, "hold-invalid", "entry " + std::to_string(seq) + " repeats the hold " + name);
  }
  holds_.emplace(name, Held{*first, *last});
}

// Without a charter no grant can be judged, which is a finding; that every release was forged would not
// follow.
void RecordState::release(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  if (granted(seq, time_ns, body) || !terms_.grants) {
    holds_.erase(member_text(body, "hold"));
  }
}

void RecordState::retire(std::uint64_t seq, std::int64_t time_ns, const std::string& body) {
  const auto first = member_size(body, "first");
  const auto last = member_size(body, "last");
  const auto stub = digest_of(member_text(body, "stub"));
  if (!first || !last || !stub || *first > *last || *last >= seq) {
    findings_.add(
        seq, "retire-invalid",
        "entry " + std::to_string(seq) +
            " does not name a segment before it and the stub that took its place (first, last, stub)");
    return;
  }
  for (const auto& [name, held] : holds_) {
    if (held.first <= *last && held.last >= *first) {
      findings_.add(seq, "retired-under-hold",
                    "entry " + std::to_string(seq) + " retires entries " + std::to_string(*first) + " to " +
                        std::to_string(*last) + " under the hold " + name);
    }
  }
  const bool has_grant = has_member(body, "grant");
  const bool allowed = has_grant && granted(seq, time_ns, body);
  const auto sealed = sealed_ns_.find(*last);
  const bool kept = sealed != sealed_ns_.end() && time_ns - sealed->second >= terms_.retention_ns;
  if (!kept && !has_grant) {
    findings_.add(seq, "retired-early",
                  "entry " + std::to_string(seq) + " retires entries " + std::to_string(*first) + " to " +
                      std::to_string(*last) +
                      " before the retention of the charter is over, without a grant");
  }
  if (kept || allowed || !has_grant) {
    retired_.push_back(
        {seq, *first, *last, *stub, time_ns, has_member(body, "archive"), erased_by(seq, body)});
  }
}

// Of a list that cannot be read nothing can be said but that.
std::vector<UuidBytes> RecordState::erased_by(std::uint64_t seq, const std::string& body) {
  std::array<WantedMember, 1> member = {WantedMember{"erased", {}}};
  static_cast<void>(check_canonical_object(body, member));
  if (member[0].json.empty()) {
    return {};
  }
  auto keys = read_erased(member[0].json);
  if (!keys) {
    findings_.add(
        seq, "erased-unknown",
        "entry " + std::to_string(seq) + " does not name keys that it destroyed (erased, 1 to 256 UUIDs)");
  }
  return keys ? std::move(*keys) : std::vector<UuidBytes>();
}

}  // namespace tallygate::audit
