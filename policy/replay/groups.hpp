#pragma once
/// What a replay found, put together: one line for each kind of change, however many decisions it touches.
#include "policy/replay/change.hpp"

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace tallygate::policy {

/// Groups that are kept apart; decisions of further ones are counted by their change alone.
inline constexpr std::size_t groups_max = 20'000;
/// Reasons why something cannot be replayed that are kept apart; the rest share one.
inline constexpr std::size_t reasons_max = 1'000;

/// Where and when a decision was recorded.
struct Occurrence {
  std::uint64_t seq = 0;
  std::string_view time;  ///< RFC 3339 in UTC, of one length: its order is that of time
};

/// How often something came about, with the first and last time and one example, the oldest.
struct Tally {
  std::uint64_t count = 0;
  std::uint64_t example = 0;  ///< seq
  std::string first;
  std::string last;

  void add(const Occurrence& where);
  void add(const Tally& other);
};

/// Decisions that changed alike: same roles, same resource, same rules before and after.
struct Group {
  Change change = Change::same;
  bool opens = false;
  std::vector<std::string> roles;  ///< held then, as recorded
  std::string resource;            ///< the route, or the host where there was none
  Verdict from;
  Verdict to;
  Tally tally;
};

/// Collects the decisions of one thread; those of several are merged. Memory is bounded by groups_max and
/// reasons_max. Threads: one.
class Groups {
 public:
  void add_same() noexcept { ++totals_[static_cast<std::size_t>(Change::same)]; }
  /// Counts a decision that changed. `key` is equal exactly for decisions of one group; `make` gives the
  /// group, without its tally, the first time.
  template <typename Make>
  void add(std::string_view key, Change change, bool opens, const Occurrence& where, Make make) {
    ++totals_[static_cast<std::size_t>(change)];
    opened_ += opens ? 1 : 0;
    if (Group* group = find_or_make(key, make)) {
      group->tally.add(where);
    } else {
      ++ungrouped_;
      ungrouped_opened_ += opens ? 1 : 0;
    }
  }
  /// Counts a decision that cannot be decided again.
  void add_lost(std::string_view reason, const Occurrence& where);
  /// Counts a refusal that no policy was asked about.
  void add_unasked() noexcept { ++unasked_; }

  void merge(Groups&& other);

  [[nodiscard]] std::uint64_t total(Change change) const noexcept {
    return totals_[static_cast<std::size_t>(change)];
  }
  [[nodiscard]] std::uint64_t opened() const noexcept { return opened_; }
  /// Decisions beyond groups_max, and how many of them open.
  [[nodiscard]] std::uint64_t ungrouped() const noexcept { return ungrouped_; }
  [[nodiscard]] std::uint64_t ungrouped_opened() const noexcept { return ungrouped_opened_; }
  [[nodiscard]] std::uint64_t unasked() const noexcept { return unasked_; }
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] const std::map<std::string, Tally, std::less<>>& reasons() const noexcept { return reasons_; }
  /// What opens first, then by number of decisions, then by example.
  [[nodiscard]] std::vector<const Group*> sorted() const;

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const noexcept {
      return std::hash<std::string_view>{}(text);
    }
  };
  using Table = std::unordered_map<std::string, Group, Hash, std::equal_to<>>;

  template <typename Make>
  Group* find_or_make(std::string_view key, Make make) {
    if (const auto found = groups_.find(key); found != groups_.end()) {
      return &found->second;
    }
    if (groups_.size() >= groups_max) {
      return nullptr;
    }
    return &groups_.emplace(std::string(key), make()).first->second;
  }
  [[nodiscard]] Tally& reason(std::string_view text);

  Table groups_;
  std::map<std::string, Tally, std::less<>> reasons_;
  std::array<std::uint64_t, changes> totals_{};
  std::uint64_t opened_ = 0;
  std::uint64_t ungrouped_ = 0;
  std::uint64_t ungrouped_opened_ = 0;
  std::uint64_t unasked_ = 0;
  std::uint64_t lost_ = 0;
};

}  // namespace tallygate::policy
