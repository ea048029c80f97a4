#pragma once

#include "audit/journal/writer.hpp"

#include <chrono>
#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace tallygate::audit::testing {

/// Remembers how every event ended, by a number in its token; waits for them.
class Collector final : public CompletionSink {
 public:
  /// Far beyond anything a sound writer needs; reached only where an answer stays away for good.
  static constexpr std::chrono::seconds patience{60};

  struct Answer {
    Outcome outcome = Outcome::unwritable;
    Receipt receipt;
    std::string reason;
    int times = 0;
  };

  static Ticket ticket(std::uintptr_t number) { return {nullptr, reinterpret_cast<void*>(number)}; }

  void completed(std::span<const Completion> completions, std::string_view reason) noexcept override {
    {
      const std::lock_guard lock(mutex_);
      for (const Completion& one : completions) {
        Answer& answer = answers_[reinterpret_cast<std::uintptr_t>(one.ticket.token)];
        answer.outcome = one.outcome;
        answer.receipt = one.receipt;
        answer.reason = reason;
        ++answer.times;
      }
    }
    changed_.notify_all();
  }

  /// Waits for the answer to one event; a default one with `times` 0 where it stays away.
  Answer wait(std::uintptr_t number) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, patience, [&] { return answers_.contains(number); });
    return answers_.contains(number) ? answers_[number] : Answer{};
  }

  std::map<std::uintptr_t, Answer> all() {
    const std::lock_guard lock(mutex_);
    return answers_;
  }

  std::vector<Receipt> receipts() {
    std::vector<Receipt> out;
    for (const auto& [number, answer] : all()) {
      if (answer.outcome == Outcome::durable) {
        out.push_back(answer.receipt);
      }
    }
    return out;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uintptr_t, Answer> answers_;
};

}  // namespace tallygate::audit::testing
