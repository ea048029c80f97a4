#pragma once
/// Refusals of people unknown, counted by source: beyond a limit they are summed up in one entry
/// (`journal.suppress`) instead of one each. Pure: the time is passed in.
#include "policy/request/address.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::access {

/// Sources that are told apart at once; what comes from further ones is counted together.
inline constexpr std::size_t flood_sources_max = 16'384;
/// Pairs of kind and reason that one sum tells apart, and accounts that it names.
inline constexpr std::size_t flood_reasons_max = 64;
inline constexpr std::size_t flood_users_max = 32;

/// How long a count may wait before it is put on record while its window goes on: a process that is killed
/// loses no more.
inline constexpr std::chrono::milliseconds flood_sum_every{10'000};

/// `entries` of one source in `per` are recorded one by one. 0: all are.
struct FloodLimits {
  std::chrono::milliseconds per{10'000};
  std::size_t entries = 1'000;
};

/// One refusal that might be summed up.
struct FloodEvent {
  policy::Address client;
  std::string_view kind;       ///< `access.deny`, `session.reject`
  std::string_view reason;     ///< a code
  std::string_view user_json;  ///< the account it was aimed at, as a JSON string; empty if there is none
};

/// When it happened: the clock that windows run by, and the one that people read.
struct FloodTime {
  std::chrono::steady_clock::time_point tick;
  std::chrono::system_clock::time_point time;
};

/// What one source was refused beyond the limit: the content of one `journal.suppress`.
struct Suppressed {
  std::optional<policy::Network> source;  ///< none: the sources that the table had no room for
  std::uint64_t count = 0;
  std::chrono::system_clock::time_point first;
  std::chrono::system_clock::time_point last;
  /// How many, by kind and reason; the sum is `count`. What is beyond flood_reasons_max is under "other".
  std::map<std::pair<std::string, std::string>, std::uint64_t> reasons;
  std::map<std::string, std::uint64_t> users;  ///< by account as JSON; the sum is at most `count`
  std::uint64_t further_users = 0;             ///< aimed at accounts beyond flood_users_max
  FloodLimits limits;
  bool begins = false;  ///< the first of its window: the record says so before anything is only counted
};

/// What is to be done with a refusal.
enum class Admission : std::uint8_t {
  record,  ///< it is recorded as every other
  begin,   ///< it is recorded as the beginning of a suppression, and then told to began()
  count    ///< it was counted
};

/// The same, and the window it fell into.
struct Admitted {
  Admission what = Admission::record;
  std::chrono::steady_clock::time_point window;  ///< when it began
};

/// What is recorded of the first refusal that is not recorded as every other: a sum of one.
[[nodiscard]] Suppressed flood_begins(const FloodEvent& event, FloodLimits limits,
                                      std::chrono::system_clock::time_point time);

/// The source of an address: itself, or its /64, since whoever has one IPv6 address has its network.
[[nodiscard]] policy::Network flood_source(const policy::Address& address) noexcept;

/// A window of a source begins with its first refusal and ends with the first due() after `per`. Nothing of
/// it is only counted before the record says that a suppression has begun: until began() each refusal beyond
/// the limit is one that says so. Threads: all members are safe from any. Bounded: flood_sources_max windows,
/// and one for the rest.
class Floods {
 public:
  explicit Floods(FloodLimits limits = {}, std::size_t sources_max = flood_sources_max);

  /// What is counted will be in what due(), all() or close() give out. Nothing is only counted while sums
  /// given back wait to be recorded: what cannot be recorded is refused as such.
  [[nodiscard]] Admitted admit(const FloodEvent& event, FloodTime now);
  /// The entry is durable that an admission asked for: what follows in that window is counted. A window that
  /// is over meanwhile stays over.
  void began(const policy::Address& client, std::chrono::steady_clock::time_point window);
  /// The sums of windows that are over, of those whose last is flood_sum_every old, and what was given back.
  [[nodiscard]] std::vector<Suppressed> due(std::chrono::steady_clock::time_point now);
  /// All sums so far; windows under way go on, their limits used up as before.
  [[nodiscard]] std::vector<Suppressed> all();
  /// The same for the last time: from now on everything is to be recorded.
  [[nodiscard]] std::vector<Suppressed> close();
  /// Sums that could not be recorded: due() gives them out again.
  void give_back(std::vector<Suppressed> sums);
  void set_limits(FloodLimits limits);
  [[nodiscard]] FloodLimits limits();

 private:
  using Tick = std::chrono::steady_clock::time_point;
  struct Window {
    explicit Window(Tick at) : begin(at), summed(at) {}
    Tick begin;
    Tick summed;        // when its count was given out last
    bool told = false;  // the record says that its refusals are counted
    std::size_t recorded = 0;
    Suppressed sum;
  };
  struct SourceHash {
    std::size_t operator()(const policy::Network& source) const noexcept;
  };

  [[nodiscard]] Window& window_of(const policy::Network& source, Tick now);
  static void add(Suppressed& sum, const FloodEvent& event, std::chrono::system_clock::time_point time);
  void take(Window& window, std::vector<Suppressed>& out) const;
  void take_waiting(Window& window, Tick now, std::vector<Suppressed>& out) const;
  [[nodiscard]] std::vector<Suppressed> take_all();

  const std::size_t sources_max_;
  std::mutex mutex_;
  FloodLimits limits_;  // guarded by mutex_, as all below
  bool closed_ = false;
  std::unordered_map<policy::Network, Window, SourceHash> windows_;
  std::deque<policy::Network> by_begin_;
  std::optional<Window> rest_;
  std::vector<Suppressed> returned_;
};

}  // namespace tallygate::access
