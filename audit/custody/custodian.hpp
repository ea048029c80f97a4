#pragma once
/// Acts on a journal that a person asks for: new keys, new segments, holds, revocations. Each is an entry;
/// those that journal.md §6 names need a grant of the provisioning key.

#include "audit/custody/anonymous_keys.hpp"
#include "audit/custody/control.hpp"
#include "audit/custody/grant.hpp"
#include "audit/custody/key_destruction.hpp"
#include "audit/custody/retention.hpp"
#include "audit/custody/sealed_files.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/journal.hpp"
#include "audit/sealing/unsealer.hpp"

#include <boost/json/object.hpp>

#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

struct KeyRecord;
struct KnownNames;

/// Answers requests of ask_control(): `{"act": NAME, …, "grant": …, "signature": …}`. The acts:
///   rotate {grant, signature}             out of turn where there is a grant; it names a key that was
///     prepared before
///   prepare                               makes a signing key for a grant to name: `key`
///   seal
///   hold {hold, first, last, reason}      the answer's `gone` has the stretches that were retired before;
///     null where that cannot be told, for `gone_why`: the hold is in force all the same
///   release {hold}                        granted
///   revoke {key, size, next}              granted; where the key in force would prove nothing afterwards,
///     one that was prepared before takes its place first, by the grant `next`: {grant, signature}. Asked
///     again after a crash between the two it goes on: `took_over` is the entry by which that key did
///   enrol {writer, role, key}             granted: a writer or reader (enrolments.hpp)
///   revoke-writer {writer}                granted: the same, by its name. Where a revocation is on record
///     already, of a key or a name, its `seq` is the answer, and `already` is true
///   retire {rules, apply, archive}        granted where it is sooner than the charter's retention; with
///     from and at_most no more segments than that are retired, and none that begins before: the answer's
///     `next` is where to go on, if there is more to do. Of each segment: whether it is `due`, was `retired`,
///     `failed`, or lacks a grant alone (`ungranted`), and `why`
///   erase {user, apply}                   granted where it applies; else it says what would be erased, and
///     what holds the person's names in the clear: `in_clear` entries, `clear_kinds`, `clear_first`; and
///     under whose keys they can be read besides: `namesakes` {subject, names, entries}. That
///     somebody was looked for is recorded before any seal is opened, as `read` says
///   note {kind, members}                  journal.read, journal.export, journal.verify: what was done with
///   the record. Who did it is said here, as `by`: so no member may be called so
/// The answer holds `seq` of the entry and what else is worth knowing. One request at a time. Where whoever
/// asked gave up before the writer came to an act, nothing is done.
class Custodian {
 public:
  using Act = std::function<Result<std::string>(Journal&)>;
  /// Runs an act where the journal may be touched: Writer::perform(), or the caller's own journal.
  using Perform = std::function<Result<std::string>(Act)>;

  /// Lets go of what is kept in memory about the subject of that UUID. Called in an act.
  using Forget = std::function<void(std::string_view subject)>;

  /// Where `stop` is requested, a retirement under way ends as soon as it can with nothing half done: the
  /// segments that it did not come to stay, and are retired another time.
  Custodian(std::filesystem::path journal, Clock clock, Perform perform, Forget forget = {},
            std::stop_token stop = {})
      : journal_(std::move(journal)),
        clock_(std::move(clock)),
        perform_(std::move(perform)),
        forget_(std::move(forget)),
        stop_(std::move(stop)) {}

  /// Acts that rest on holds, grants or enrolments are done only where all sealed segments are what was
  /// sealed, and the rest is what was recorded. Errors: invalid (unknown act, a member that is missing or
  /// wrong), refused (a grant that lacks or does not allow it, a hold in the way, a name that is taken or
  /// that nobody has), missing, exists, tampered, and those of Journal.
  [[nodiscard]] Result<boost::json::object> handle(const boost::json::object& request, Requester who);

  /// Looks at one more of the sealed segments, which acts rest on: whoever has time does it before they are
  /// asked for. True: none is left. Errors: as SealedFiles::step().
  [[nodiscard]] Result<bool> look_on() { return sealed_.step(journal_, stop_); }

 private:
  struct Order {
    boost::json::object members;  // of the entry
    std::string kind;
    bool granted = false;
  };
  Result<boost::json::object> dispatch(const boost::json::object& request, const std::string& by);
  [[nodiscard]] Result<void> check_record();
  [[nodiscard]] Result<std::string> perform(const Act& act) const;
  Result<boost::json::object> rotate(const boost::json::object& request, const std::string& by);
  Result<boost::json::object> prepare();
  [[nodiscard]] Result<void> allow_rotation(const boost::json::object& granted) const;
  [[nodiscard]] Result<std::string> rotate_now(Journal& journal, const boost::json::object& granted,
                                               const std::string& by) const;
  Result<boost::json::object> seal(const std::string& by);
  Result<boost::json::object> retire(const boost::json::object& request, const std::string& by);
  boost::json::object retire_if_due(SegmentStanding& segment, const KeepRules& rules,
                                    const boost::json::object& request, const std::string& by);
  Result<void> retire_one(const SegmentStanding& segment, const KeepRules& rules,
                          const boost::json::object& request, const std::string& by);
  Result<void> finish_retirement(const SegmentStanding& segment);
  [[nodiscard]] Result<Order> order_retirement(const SegmentStanding& segment, const Digest& stub,
                                               const boost::json::object& request) const;
  [[nodiscard]] Result<Unsealer> open_keyring() const;
  [[nodiscard]] Result<KeyDestruction> prepare_destruction(std::span<const std::string> uuids) const;
  Result<boost::json::object> record_retirement(Order order, std::uint64_t first,
                                                const boost::json::object& request, const std::string& by);
  Result<std::string> retire_now(Journal& journal, const Order& order, const std::vector<std::string>& spent,
                                 const KeyringWithout* prepared) const;
  [[nodiscard]] Result<KnownNames> find_known(std::string_view said) const;
  Result<boost::json::object> erase(const boost::json::object& request, const std::string& by);
  Result<std::string> erase_now(Journal& journal, const Order& order, const std::string& subject,
                                const KeyringWithout* prepared) const;
  Result<boost::json::object> record(Order order, const boost::json::object& request, const std::string& by);
  [[nodiscard]] Result<void> allow(Order& order, const boost::json::object& request) const;
  [[nodiscard]] Result<Order> hold(const boost::json::object& request) const;
  [[nodiscard]] Result<Order> release(const boost::json::object& request) const;
  Result<boost::json::object> revoke(const boost::json::object& request, const std::string& by);
  Result<std::string> make_room(const KeyRecord& record, const Order& order, const boost::json::object* next,
                                const std::string& by) const;
  [[nodiscard]] Result<Order> enrol(const boost::json::object& request) const;
  Result<boost::json::object> revoke_enrolled(const boost::json::object& request, const std::string& by);

  std::filesystem::path journal_;
  Clock clock_;
  Perform perform_;
  Forget forget_;
  std::stop_token stop_;
  std::function<bool()> gave_up_;  // of whom the request under way is
  SealedFiles sealed_;
  RetentionMemory retention_;
  AnonymousKeys anonymous_;
};

/// Appends one entry of the journal's own; gives its seq. Where it carries a grant, its time is one at which
/// the grant had not expired. Errors: invalid (a value that cannot be recorded), refused (a grant that
/// expired), and those of Journal.
[[nodiscard]] Result<std::string> append_object(Journal& journal, const std::string& kind,
                                                const boost::json::object& members);

/// The instant that the entry with these members is to have, where they carry a grant: one at which it has
/// not expired. Errors: refused (it has).
[[nodiscard]] Result<std::optional<Time>> granted_time(const Journal& journal,
                                                       const boost::json::object& members);

/// Why segments that were due could not be retired, from the answer of the act `retire`; empty where each
/// could. One that only lacks a grant is none of them.
[[nodiscard]] std::string why_not_retired(const boost::json::object& answer);

/// Which segments would be retired but for a grant that is missing or not good, and why, from the same
/// answer; empty where there is none.
[[nodiscard]] std::string why_not_granted(const boost::json::object& answer);

/// Whether `members` of an entry of `kind` carry a grant for it that is good at `now` and was not used
/// before. Errors: refused (says what is wrong with it), missing, unreadable, tampered (the charter).
[[nodiscard]] Result<void> check_grant(const std::filesystem::path& journal, const std::string& kind,
                                       const boost::json::object& members, Time now);

/// The journal's own charter, as entry 0 has it. Errors: missing, unreadable, tampered.
[[nodiscard]] Result<Charter> read_own_charter(const std::filesystem::path& journal);

}  // namespace tallygate::audit
