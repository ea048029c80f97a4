#pragma once
/// What is remembered of a request: the members of its decision and of its end, in RFC 8785 form (journal.md
/// §3).
#include "gateway/access/exchange.hpp"
#include "gateway/access/ids.hpp"
#include "policy/program/program.hpp"
#include <tallygate/plugin.h>

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::access {

/// An event under construction: members are opened in the order of their names. Its memory is used again.
/// Threads: one.
class EventText {
 public:
  void clear() {
    text_.clear();
    count_ = 0;
  }
  /// Begins the next member; its value is appended to text().
  void member(std::string_view name);
  [[nodiscard]] std::string& text() noexcept { return text_; }
  /// The event for the plugin, valid until the next call of anything here.
  [[nodiscard]] tg_event finish(std::string_view kind, std::string_view id, std::uint32_t flags);

 private:
  struct Member {
    std::string_view name;
    std::size_t begin = 0;
  };
  static constexpr std::size_t members_max = 16;
  std::string text_;
  std::array<Member, members_max> members_{};
  std::array<tg_member, members_max> views_{};
  std::size_t count_ = 0;
};

/// How an exchange ended, for `access.end`.
struct EndFacts {
  std::uint64_t of = 0;  ///< seq of the decision
  unsigned status = 0;
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;
  std::uint64_t milliseconds = 0;
  std::string_view ended;
  std::span<const std::string_view> tried;  ///< servers that were asked before it and did not answer
  std::string_view upstream;                ///< the server that answered; empty if none did
};

/// The path of a request target as it was sent, without its query: what a policy with other path options
/// would begin from. A view of `target`, or `/`.
[[nodiscard]] std::string_view sent_path(std::string_view target) noexcept;

/// What is recorded of this request beyond the mandatory: as its route says, else as the settings say.
[[nodiscard]] const RecordChoice& choice_of(const Exchange& exchange) noexcept;

/// Writes the events of one thread's requests. Threads: one.
class AccessRecord {
 public:
  /// `access.allow` or `access.deny`. `upstream` is the server chosen, empty where there is none. Valid until
  /// the next call.
  [[nodiscard]] tg_event decision(const Exchange& exchange, const Verdict& verdict,
                                  const policy::Program& program, std::span<const policy::RoleIndex> roles,
                                  std::string_view upstream);
  /// `access.end`, which nobody waits for.
  [[nodiscard]] tg_event end(const Exchange& exchange, const EndFacts& facts, std::string_view event_id);

 private:
  void append_actor(const Exchange& exchange);
  void append_client(const Exchange& exchange);
  void append_decision(const Exchange& exchange, const Verdict& verdict, const policy::Program& program,
                       std::span<const policy::RoleIndex> roles);
  void append_request(const Exchange& exchange);
  void append_path(const Exchange& exchange);
  void append_query(const Exchange& exchange);

  EventText event_;
  SecondText second_;
  std::string scratch_;
};

}  // namespace tallygate::access
