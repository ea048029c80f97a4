#include "audit/sealing/sealer.hpp"

#include "audit/sealing/seal_event.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <iterator>
#include <utility>

namespace tallygate::audit {
namespace {

// Calls `each` with everybody an event names.
template <typename Each>
void for_each_name(const Personal& parts, const Each& each) {
  if (!parts.sealed.empty()) {
    each(parts.person);
  }
  for (const std::string& name : parts.counted) {
    each(name);
  }
}

// Who has no name is sealed with all others who have none, as long as the segment lasts.
void name_anonymous(Personal& parts, std::uint64_t segment_first) {
  if (parts.person.empty() && !parts.sealed.empty()) {
    parts.person = anonymous_person(segment_first);
  }
  for (std::string& name : parts.counted) {
    name = name.empty() ? anonymous_person(segment_first) : std::move(name);
  }
}

}  // namespace

Sealer::Sealer(std::string origin, Writer& writer, CompletionSink& sink, const SealerOptions& options)
    : origin_(std::move(origin)), writer_(writer), sink_(sink), options_(options), people_(options.people) {
  thread_ = std::thread(&Sealer::run, this);
}

Sealer::~Sealer() {
  close();
}

Result<std::optional<Writer::Refusal>> Sealer::submit(const Event& event, Ticket ticket, bool awaited) {
  if (!may_be_personal(event)) {
    auto encoded = encode(event, writer_.gateway_json());
    if (!encoded) {
      return encoded.error();
    }
    return writer_.submit(std::move(*encoded), ticket, awaited);
  }
  auto parts = take_apart(event);
  if (!parts) {
    return parts.error();
  }
  name_anonymous(*parts, writer_.segment_first());
  if (!anybody_waits(*parts)) {
    auto encoded = encode_sealed(
        event, *parts, origin_, writer_.gateway_json(),
        [this](const std::string& name) { return people_.find(name); }, tools_);
    if (!encoded) {
      return encoded.error();
    }
    if (*encoded) {
      return writer_.submit(std::move(**encoded), ticket, awaited);
    }
  }
  return wait(event, std::move(*parts), ticket, awaited);
}

bool Sealer::anybody_waits(const Personal& parts) const {
  const std::lock_guard lock(mutex_);
  bool found = false;
  if (waiting_ > 0) {
    for_each_name(parts, [&](const std::string& name) { found = found || names_.contains(name); });
  }
  return found;
}

Result<std::optional<Writer::Refusal>> Sealer::wait(const Event& event, Personal parts, Ticket ticket,
                                                    bool awaited) {
  if (auto reason = audit::refuse(event)) {
    return fail(FailureKind::invalid, std::move(*reason));
  }
  Waiting waiting{std::string(event.kind), std::string(event.id), {}, std::move(parts), ticket, awaited, 0};
  for (const Member& member : event.members) {
    waiting.members.emplace_back(member.name, member.json);
    waiting.bytes += member.name.size() + member.json.size();
  }
  {
    const std::lock_guard lock(mutex_);
    if (closing_) {
      return std::optional(Writer::Refusal{Outcome::closed, "the journal is closing"});
    }
    if (waiting_ >= options_.waiting_max || waiting_bytes_ + waiting.bytes > options_.waiting_bytes_max) {
      return std::optional(Writer::Refusal{
          Outcome::overloaded, "too many events wait for the keys of people who were not seen of late"});
    }
    for_each_name(waiting.parts, [this](const std::string& name) { ++names_[name]; });
    ++waiting_;
    waiting_bytes_ += waiting.bytes;
    queue_.push_back(std::move(waiting));
  }
  wake_.notify_one();
  return std::optional<Writer::Refusal>();
}

void Sealer::close() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  wake_.notify_one();
  if (thread_.joinable()) {
    thread_.join();
  }
}

std::size_t Sealer::waiting() const {
  const std::lock_guard lock(mutex_);
  return waiting_;
}

void Sealer::run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    wake_.wait(lock, [this] { return closing_ || !queue_.empty(); });
    if (queue_.empty()) {
      return;
    }
    const auto count = static_cast<std::ptrdiff_t>(std::min(queue_.size(), options_.batch_max));
    std::vector<Waiting> batch(std::make_move_iterator(queue_.begin()),
                               std::make_move_iterator(queue_.begin() + count));
    queue_.erase(queue_.begin(), queue_.begin() + count);
    lock.unlock();
    take_up(batch);
    lock.lock();
  }
}

void Sealer::take_up(std::vector<Waiting>& batch) {
  std::string reason = "no memory to seal an event";
  Outcome outcome = Outcome::unwritable;
  std::size_t done = 0;
  try {
    const auto known = learn(batch);
    if (known) {
      for (; done < batch.size(); ++done) {
        hand_over(batch[done], *known);
        settle(batch[done]);
      }
      return;
    }
    reason = known.error().message;
    outcome = known.error().kind == FailureKind::locked ? Outcome::overloaded : Outcome::unwritable;
  } catch (const std::exception&) {
    outcome = Outcome::overloaded;  // what was not handed over is refused below
  }
  for (; done < batch.size(); ++done) {
    refuse(batch[done], outcome, reason);
    settle(batch[done]);
  }
}

// The keys of everybody in a batch. They are put at hand in the writer's act, as an erasure is: a key that
// was destroyed cannot come back. For the same reason all are looked up again there: the act waits for its
// turn, perhaps behind an erasure.
Result<std::map<std::string, KnownPerson>> Sealer::learn(const std::vector<Waiting>& batch) {
  std::map<std::string, KnownPerson> known;
  for (const Waiting& waiting : batch) {
    for_each_name(waiting.parts,
                  [&](const std::string& name) { known.try_emplace(name, people_.find(name)); });
  }
  const auto is_stranger = [](const auto& one) { return one.second == nullptr; };
  if (std::none_of(known.begin(), known.end(), is_stranger)) {
    return known;
  }
  const auto made = writer_.perform([&](Journal& journal) -> Result<std::string> {
    std::vector<std::string> strangers;
    for (auto& [name, person] : known) {
      person = people_.find(name);
      if (!person) {
        strangers.push_back(name);
      }
    }
    auto keys = journal.make_subjects(strangers);
    if (!keys) {
      return keys.error();
    }
    for (std::size_t i = 0; i < strangers.size(); ++i) {
      auto person = std::make_shared<const SubjectKey>(std::move((*keys)[i]));
      people_.put(strangers[i], person);
      known[strangers[i]] = std::move(person);
    }
    return std::string();
  });
  return made ? Result<std::map<std::string, KnownPerson>>(std::move(known)) : made.error();
}

void Sealer::hand_over(Waiting& waiting, const std::map<std::string, KnownPerson>& known) {
  std::vector<Member> members;
  members.reserve(waiting.members.size());
  for (const auto& [name, json] : waiting.members) {
    members.push_back({name, json});
  }
  const auto find = [&known](const std::string& name) {
    const auto found = known.find(name);
    return found == known.end() ? KnownPerson() : found->second;
  };
  auto encoded = encode_sealed({waiting.kind, waiting.id, members}, waiting.parts, origin_,
                               writer_.gateway_json(), find, tools_);
  if (!encoded || !*encoded) {
    refuse(waiting, Outcome::invalid, encoded ? "a person has no key" : encoded.error().message);
    return;
  }
  if (const auto refusal = writer_.submit(std::move(**encoded), waiting.ticket, waiting.awaited)) {
    refuse(waiting, refusal->outcome, refusal->reason);
  }
}

void Sealer::refuse(const Waiting& waiting, Outcome outcome, std::string_view reason) {
  const std::array<Completion, 1> completion = {{{waiting.ticket, outcome, {}}}};
  sink_.completed(completion, reason);
}

void Sealer::settle(const Waiting& waiting) {
  const std::lock_guard lock(mutex_);
  --waiting_;
  waiting_bytes_ -= waiting.bytes;
  for_each_name(waiting.parts, [this](const std::string& name) {
    const auto found = names_.find(name);
    if (found != names_.end() && --found->second == 0) {
      names_.erase(found);
    }
  });
}

}  // namespace tallygate::audit
