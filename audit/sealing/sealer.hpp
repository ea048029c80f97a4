#pragma once
/// Events on their way to the writer, with what identifies a person sealed (journal.md §6).

#include "audit/journal/writer.hpp"
#include "audit/sealing/people.hpp"
#include "audit/sealing/personal.hpp"
#include "audit/sealing/seal_event.hpp"

#include <condition_variable>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tallygate::audit {

/// Limits of a sealer.
struct SealerOptions {
  std::size_t people = people_max;               ///< whose keys are kept at hand
  std::size_t waiting_max = 8'192;               ///< events of people whose keys are not at hand
  std::size_t waiting_bytes_max = 32ULL << 20U;  ///< their members together
  std::size_t batch_max = 512;                   ///< of them, taken up at once
};

/// Seals events and hands them to a writer. The keys of people seen of late are at hand, and their events are
/// encoded on the thread that submits them. Others wait in a bounded queue for a thread that has the writer
/// find or make their keys, durable before any entry is sealed with them, and then hands their events over in
/// order; until that is done later events of the same people queue behind them. submit() is thread-safe and
/// never blocks on a disk.
class Sealer {
 public:
  /// Starts the thread. `origin` is the journal's name; `writer` and `sink` must outlive the sealer, and
  /// `sink` is the writer's own.
  Sealer(std::string origin, Writer& writer, CompletionSink& sink, const SealerOptions& options = {});
  /// As close().
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  /// As Writer::submit(), of an event that is not encoded yet. Errors: invalid, as encode().
  [[nodiscard]] Result<std::optional<Writer::Refusal>> submit(const Event& event, Ticket ticket,
                                                              bool awaited);

  /// Lets go of a person's key. To be called in an act of the writer, where no key is given out meanwhile.
  void forget(std::string_view uuid) {
    people_.forget(uuid);
    tools_.packer.forget();
  }

  /// Hands over what waits and accepts no newcomers any more. Before the writer closes.
  void close();

  /// Events that wait for their people's keys.
  [[nodiscard]] std::size_t waiting() const;

 private:
  struct Waiting {
    std::string kind;
    std::string id;
    std::vector<std::pair<std::string, std::string>> members;
    Personal parts;
    Ticket ticket;
    bool awaited = false;
    std::size_t bytes = 0;
  };

  Result<std::optional<Writer::Refusal>> wait(const Event& event, Personal parts, Ticket ticket,
                                              bool awaited);
  [[nodiscard]] bool anybody_waits(const Personal& parts) const;
  void run();
  void take_up(std::vector<Waiting>& batch);
  [[nodiscard]] Result<std::map<std::string, KnownPerson>> learn(const std::vector<Waiting>& batch);
  void hand_over(Waiting& waiting, const std::map<std::string, KnownPerson>& known);
  void refuse(const Waiting& waiting, Outcome outcome, std::string_view reason);
  void settle(const Waiting& waiting);

  const std::string origin_;
  Writer& writer_;
  CompletionSink& sink_;
  const SealerOptions options_;
  People people_;
  SealTools tools_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable wake_;
  std::vector<Waiting> queue_;
  std::map<std::string, std::size_t> names_;  // people with events that wait, and how many
  std::size_t waiting_ = 0;
  std::size_t waiting_bytes_ = 0;
  bool closing_ = false;
  std::thread thread_;
};

}  // namespace tallygate::audit
