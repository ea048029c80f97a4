// The journal's writer beside plain SQLite: the same producers, the same bodies, the same group commit, but
// no chain, no tree, no signature and no head. With and without the person sealed. Prints ratios of one run;
// nothing is asserted. The last rows keep as many events in flight from two threads, as a gateway with two
// workers does, and pgbench with two jobs: what tests/bench/postgres.py compares.
//   journal_bench [seconds a run] [rounds] [producers] [folder]

#include "audit/journal/kek.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/journal/writer.hpp"
#include "audit/sealing/seal_event.hpp"
#include "audit/sealing/sealer.hpp"

#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* origin = "bench.example.com/journal";

double seconds_of(const timespec& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

double cpu_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return seconds_of(time);
}

void require(bool good, const std::string& what) {
  if (!good) {
    throw std::runtime_error(what);
  }
}

// About what an access decision carries: a body of some 700 bytes.
struct Sample {
  std::string id = time_uuid(system_clock()()).value();
  std::array<Member, 6> members = {{
      {"actor",
       R"({"auth":"jwt","auth_age":321,"claims":{"department":"research","level":3},"email":"alice@example.com","groups":["engineers","on-call"],"subject":"alice"})"},
      {"client", R"({"address":"192.0.2.7","agent":"curl/7.88.1","peer":"192.0.2.7","tls":"TLSv1.3"})"},
      {"decision",
       R"({"effect":"allow","micros":3,"mode":"enforce","policy":"0123456789abcdef0123456789abcdef","rule":"engineers-read"})"},
      {"request",
       R"({"host":"wiki.example.com","id":"01890a5d-ac96-774b-bcce-b302099a8057","method":"GET","path":"/reports/2026/q1","protocol":"HTTP/1.1"})"},
      {"resource", R"({"route":"wiki","upstream":"http://10.0.0.5:8080"})"},
      {"session", R"({"id":"01890a5d"})"},
  }};
  [[nodiscard]] Event event() const { return {"access.allow", id, members}; }
};

// What a producer waits on.
struct Slot {
  std::atomic<std::uint32_t> done{0};
};

void finish(void* slot) {
  auto& done = static_cast<Slot*>(slot)->done;
  done.fetch_add(1, std::memory_order_release);
  done.notify_one();
}

// The opponent: rows into one table by group commit, WAL and synchronous=FULL like the journal.
class PlainWriter {
 public:
  explicit PlainWriter(const std::filesystem::path& file)
      : database_(Database::open(file, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value()) {
    database_
        .execute(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA mmap_size=0; PRAGMA "
            "wal_autocheckpoint=1000;"
            "CREATE TABLE entry (seq INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT")
        .value();
    begin_ = std::make_unique<Statement>(database_.prepare("BEGIN IMMEDIATE").value());
    insert_ = std::make_unique<Statement>(database_.prepare("INSERT INTO entry VALUES (?1, ?2)").value());
    commit_ = std::make_unique<Statement>(database_.prepare("COMMIT").value());
    thread_ = std::thread(&PlainWriter::run, this);
  }
  ~PlainWriter() {
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  PlainWriter(const PlainWriter&) = delete;
  PlainWriter& operator=(const PlainWriter&) = delete;

  void submit(std::string body, Slot& slot) {
    bool wake = false;
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back({std::move(body), &slot});
      wake = std::exchange(sleeping_, false);
    }
    if (wake) {
      wake_.notify_one();
    }
  }
  void commit(const std::vector<std::string>& bodies) {
    require(begin_->run() == SQLITE_DONE, "begin");
    for (const std::string& body : bodies) {
      insert(body);
    }
    require(commit_->run() == SQLITE_DONE, "commit");
  }
  [[nodiscard]] std::uint64_t batches() const { return batches_; }

 private:
  struct Pending {
    std::string body;
    Slot* slot;
  };
  void insert(const std::string& body) {
    insert_->bind(1, next_++);
    insert_->bind(2, std::span(reinterpret_cast<const std::uint8_t*>(body.data()), body.size()));
    require(insert_->run() == SQLITE_DONE, "insert");
  }
  void run() {
    std::vector<Pending> taken;
    std::unique_lock lock(mutex_);
    for (;;) {
      while (queue_.empty() && !closing_) {
        sleeping_ = true;
        wake_.wait(lock);
      }
      sleeping_ = false;
      if (queue_.empty()) {
        return;
      }
      taken.swap(queue_);
      lock.unlock();
      require(begin_->run() == SQLITE_DONE, "begin");
      for (const Pending& pending : taken) {
        insert(pending.body);
      }
      require(commit_->run() == SQLITE_DONE, "commit");
      ++batches_;
      for (const Pending& pending : taken) {
        finish(pending.slot);
      }
      taken.clear();
      lock.lock();
    }
  }

  Database database_;
  std::unique_ptr<Statement> begin_, insert_, commit_;
  std::int64_t next_ = 0;
  std::atomic<std::uint64_t> batches_{0};
  std::mutex mutex_;
  std::condition_variable wake_;
  std::vector<Pending> queue_;
  bool sleeping_ = false;
  bool closing_ = false;
  std::thread thread_;
};

class SlotSink final : public CompletionSink {
 public:
  void completed(std::span<const Completion> completions, std::string_view /*reason*/) noexcept override {
    for (const Completion& completion : completions) {
      if (completion.outcome != Outcome::durable) {
        std::abort();
      }
      finish(completion.ticket.token);
    }
  }
};

struct Figures {
  double per_second = 0;
  double mean_batch = 0;
  double cpu_us = 0;
};

// Who asks: each thread keeps so many events in flight.
struct Load {
  unsigned threads = 1;
  unsigned in_flight = 1;
};

// `one` submits one event for a slot; every thread waits for its own.
Figures drive(Load load, double seconds, const std::function<void(Slot&)>& one,
              const std::function<std::uint64_t()>& batches) {
  std::atomic<bool> stop{false};
  std::atomic<std::uint64_t> total{0};
  std::vector<std::thread> threads;
  const double cpu_before = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID);
  const std::uint64_t batches_before = batches();
  const auto begun = Steady::now();
  for (unsigned i = 0; i < load.threads; ++i) {
    threads.emplace_back([&] {
      Slot slot;
      std::uint32_t sent = 0;
      std::uint32_t done = 0;
      while (!stop.load(std::memory_order_relaxed)) {
        for (; sent - done < load.in_flight; ++sent) {
          one(slot);
        }
        slot.done.wait(done, std::memory_order_acquire);
        done = slot.done.load(std::memory_order_acquire);
      }
      total += done;
      while (done != sent) {
        slot.done.wait(done, std::memory_order_acquire);
        done = slot.done.load(std::memory_order_acquire);
      }
    });
  }
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& thread : threads) {
    thread.join();
  }
  const double took = std::chrono::duration<double>(Steady::now() - begun).count();
  const double cpu = cpu_seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu_before;
  const auto count = static_cast<double>(total.load());
  return {count / took, count / static_cast<double>(batches() - batches_before), cpu * 1e6 / count};
}

std::unique_ptr<Journal> make_journal(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  create_kek_file(folder / "kek").value();
  ProvisionOptions options;
  options.origin = origin;
  options.journal = folder / "journal";
  options.head = folder / "head";
  options.keyring = folder / "keyring.db";
  options.kek = {KekSource::Kind::file, (folder / "kek").string()};
  options.gateway = "bench";
  provision(options, generate_root(origin).value()).value();
  JournalOptions journal;
  journal.journal = options.journal;
  journal.head = options.head;
  journal.keyring = options.keyring;
  journal.kek = options.kek;
  journal.gateway = options.gateway;
  return Journal::open(journal).value();
}

std::string completed(EncodedEvent event) {
  return std::string(event.complete(1, std::string(64, '0'), std::string(30, '0')));
}

std::string clear_body() {
  return completed(encode(Sample().event(), "\"bench\"").value());
}

std::string sealed_body() {
  const Sample sample;
  People people;
  SealTools tools;
  people.put("alice", std::make_shared<const SubjectKey>(
                          SubjectKey{"4b2f0d1e-6a57-4f0e-9d5b-1c8a2f3e4d5c", std::move(*AesKey::random())}));
  const auto find = [&people](const std::string& name) { return people.find(name); };
  return completed(std::move(
      *encode_sealed(sample.event(), take_apart(sample.event()).value(), origin, "\"bench\"", find, tools)
           .value()));
}

Figures run_plain(const std::filesystem::path& folder, const std::string& body, Load load, double seconds) {
  std::filesystem::create_directories(folder);
  PlainWriter writer(folder / "plain.db");
  return drive(
      load, seconds, [&](Slot& slot) { writer.submit(body, slot); }, [&] { return writer.batches(); });
}

Figures run_journal(const std::filesystem::path& folder, Load load, double seconds) {
  const Sample sample;
  SlotSink sink;
  Writer writer(make_journal(folder), WriterOptions{}, sink);
  return drive(
      load, seconds,
      [&](Slot& slot) {
        auto event = encode(sample.event(), writer.gateway_json());
        if (writer.submit(std::move(*event), Ticket{nullptr, &slot}, true)) {
          std::abort();
        }
      },
      [&] { return writer.health().batches; });
}

Figures run_sealed(const std::filesystem::path& folder, Load load, double seconds) {
  const Sample sample;
  SlotSink sink;
  Writer writer(make_journal(folder), WriterOptions{}, sink);
  Sealer sealer(origin, writer, sink);
  return drive(
      load, seconds,
      [&](Slot& slot) {
        if (sealer.submit(sample.event(), Ticket{nullptr, &slot}, true).value()) {
          std::abort();
        }
      },
      [&] { return writer.health().batches; });
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

Figures medians(const std::vector<Figures>& runs) {
  const auto of = [&](double Figures::* member) {
    std::vector<double> values;
    for (const Figures& run : runs) {
      values.push_back(run.*member);
    }
    return median(values);
  };
  return {of(&Figures::per_second), of(&Figures::mean_batch), of(&Figures::cpu_us)};
}

// CPU and wall time a row, in fixed batches, without producers: what the writer's thread alone spends.
void compare_batches(const std::filesystem::path& folder) {
  std::printf("\n%8s %18s %18s %8s %18s %18s %8s %14s\n", "batch", "plain CPU us/row", "journal CPU us/row",
              "ratio", "plain rows/s", "journal rows/s", "ratio", "encode us/row");
  const Sample sample;
  for (const std::size_t size :
       {std::size_t{1}, std::size_t{16}, std::size_t{32}, std::size_t{64}, std::size_t{256}}) {
    const std::size_t rows = size == 1 ? 4'000 : 60'000;
    const auto here = folder / ("batch-" + std::to_string(size));
    std::filesystem::create_directories(here);
    const std::string body = clear_body();
    PlainWriter plain(here / "plain.db");
    const std::vector<std::string> bodies(size, body);
    double cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
    auto begun = Steady::now();
    for (std::size_t i = 0; i < rows; i += size) {
      plain.commit(bodies);
    }
    const double plain_cpu = (cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - cpu) * 1e6 / static_cast<double>(rows);
    const double plain_s = std::chrono::duration<double>(Steady::now() - begun).count();

    const auto journal = make_journal(here);
    std::vector<EncodedEvent> events(size);
    std::vector<EncodedEvent*> batch;
    for (EncodedEvent& event : events) {
      batch.push_back(&event);
    }
    std::vector<Receipt> receipts;
    double encode_cpu = 0;
    double journal_cpu = 0;
    double journal_s = 0;
    for (std::size_t i = 0; i < rows; i += size) {
      cpu = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      for (EncodedEvent& event : events) {
        event = encode(sample.event(), journal->gateway_json()).value();
      }
      const double encoded = cpu_seconds(CLOCK_THREAD_CPUTIME_ID);
      encode_cpu += encoded - cpu;
      begun = Steady::now();
      journal->append(batch, receipts).value();
      journal->fold(WriterOptions{}.fold_frames).value();
      journal_s += std::chrono::duration<double>(Steady::now() - begun).count();
      journal_cpu += cpu_seconds(CLOCK_THREAD_CPUTIME_ID) - encoded;
    }
    journal_cpu *= 1e6 / static_cast<double>(rows);
    std::printf("%8zu %18.2f %18.2f %8.2f %18.0f %18.0f %8.2f %14.2f\n", size, plain_cpu, journal_cpu,
                plain_cpu / journal_cpu, static_cast<double>(rows) / plain_s,
                static_cast<double>(rows) / journal_s, plain_s / journal_s,
                encode_cpu * 1e6 / static_cast<double>(rows));
  }
}

void print(const char* name, const Figures& figures) {
  std::printf("%-36s %10.0f events/s  mean batch %6.1f  CPU %6.2f us/event\n", name, figures.per_second,
              figures.mean_batch, figures.cpu_us);
}

void compare_all(double seconds, unsigned rounds, Load load, const std::filesystem::path& folder) {
  const std::string clear = clear_body();
  const std::string sealed = sealed_body();
  std::array<std::vector<Figures>, 4> runs;
  for (unsigned i = 0; i < rounds; ++i) {  // interleaved, so that a slow minute of the machine hits all
    const std::string end = "-" + std::to_string(load.threads) + "-" + std::to_string(i);
    runs[0].push_back(run_plain(folder / ("plain" + end), clear, load, seconds));
    runs[1].push_back(run_journal(folder / ("journal" + end), load, seconds));
    runs[2].push_back(run_plain(folder / ("as-long" + end), sealed, load, seconds));
    runs[3].push_back(run_sealed(folder / ("sealed" + end), load, seconds));
  }
  std::printf("%u threads with %u in flight each, medians of %u interleaved runs of %.1f s\n", load.threads,
              load.in_flight, rounds, seconds);
  const auto compare = [](const std::vector<Figures>& plain, const char* name,
                          const std::vector<Figures>& ours, std::size_t bytes) {
    const Figures theirs = medians(plain);
    const Figures figures = medians(ours);
    print(("plain SQLite, " + std::to_string(bytes) + " bytes an entry").c_str(), theirs);
    print(name, figures);
    std::printf("ratio %.2f (must 0.60, aim 0.90)\n", figures.per_second / theirs.per_second);
  };
  compare(runs[0], "journal, signed and chained", runs[1], clear.size());
  compare(runs[2], "journal, the person sealed as well", runs[3], sealed.size());
}

}  // namespace
}  // namespace tallygate::audit

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::stod(argv[1]) : 2.0;
  const auto rounds = static_cast<unsigned>(argc > 2 ? std::stoul(argv[2]) : 5);
  const auto producers = static_cast<unsigned>(argc > 3 ? std::stoul(argv[3]) : 64);
  std::string folder = argc > 4 ? argv[4] : "/tmp";
  folder += "/tallygate-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("mkdtemp");
    return 3;
  }
  int code = 0;
  try {
    using namespace tallygate::audit;
    compare_all(seconds, std::max(rounds, 1U), Load{std::max(producers, 1U), 1}, folder);
    compare_all(seconds, std::max(rounds, 1U), Load{2, std::max(producers / 2, 1U)}, folder);
    compare_batches(folder);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "journal_bench: %s\n", exception.what());
    code = 3;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return code;
}
