// Proofs from a large journal whose keys rotate: what the index costs an entry, and what a proof costs once
// it is there. Prints the figures of one run; nothing is asserted.
//   proof_bench [entries] [entries an epoch] [folder]

#include "audit/journal/charter.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/segment.hpp"
#include "audit/journal/signer.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/journal/tree.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/consistency_proof.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/search/prove.hpp"
#include "audit/search/prove_consistency.hpp"
#include "audit/search/tree_index.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <random>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

constexpr const char* origin = "bench.example.com/journal";
constexpr std::uint64_t batch = 64;
constexpr int samples = 300;

double ms_since(Steady::time_point begun) {
  return std::chrono::duration<double, std::milli>(Steady::now() - begun).count();
}

// Writes a journal into one segment, without syncing.
class Maker {
 public:
  Maker(const fs::path& folder, std::uint64_t epoch)
      : database_(
            Database::open(folder / segment_name(0), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value()),
        epoch_(epoch) {
    database_
        .execute(("PRAGMA page_size=" + std::to_string(segment_page_bytes) +
                  "; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
                     .c_str())
        .value();
    for (const SchemaObject& object : segment_schema) {
      database_.execute(std::string(object.sql).c_str()).value();
    }
    database_.execute("BEGIN").value();
    entry_ = database_.prepare("INSERT INTO entry VALUES (?1, CAST(?2 AS BLOB))").value();
    note_ = database_.prepare("INSERT INTO checkpoint VALUES (?1, CAST(?2 AS BLOB))").value();
  }

  void make(std::uint64_t count) {
    provision();
    while (range_.size() < count) {
      if (range_.size() % epoch_ == 0) {
        rotate();
        continue;
      }
      const std::array<Member, 2> members = {
          {{"request", R"({"host":"wiki.example.com","method":"GET","path":"/wiki/page/history"})"},
           {"session", R"({"id":"b0c1d2e3f4a5"})"}}};
      add("access.allow", members);
      if (range_.size() % batch == 0 || range_.size() == count) {
        checkpoint({});
      }
    }
    database_.execute("COMMIT").value();
  }
  [[nodiscard]] std::string root() const { return root_.vkey(); }
  [[nodiscard]] int rotations() const { return rotations_; }

 private:
  void add(std::string_view kind, std::span<const Member> members) {
    time_ += std::chrono::microseconds(50);
    const std::string id = time_uuid(time_).value();
    EncodedEvent event = encode(Event{kind, id, members}, "\"gw-1\"").value();
    std::array<char, time_text_size> text{};
    write_time(time_, text);
    const std::string_view body = event.complete(range_.size(), to_hex(prev_), {text.data(), text.size()});
    entry_.bind(1, static_cast<std::int64_t>(range_.size()));
    entry_.bind(2, body);
    entry_.run();
    prev_ = sha_.leaf(body);
    range_.append(sha_, prev_);
  }
  void checkpoint(const std::string& second_line) {
    const std::string text = checkpoint_text(origin, range_.size(), range_.root(sha_));
    const std::string note =
        text + "\n" + signature_line(origin, key_.key_id(), key_.sign(text).value()) + second_line;
    note_.bind(1, static_cast<std::int64_t>(range_.size()));
    note_.bind(2, std::string_view(note));
    note_.run();
  }
  void provision() {
    const Charter charter{"7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c",
                          origin,
                          "2026-01-02T03:04:05Z",
                          root_.vkey(),
                          key_.vkey(),
                          std::chrono::seconds(600),
                          "400d"};
    const std::string json = charter_json(charter).value();
    const std::string signature = "\"" + sign_charter(root_, json).value() + "\"";
    const std::array<Member, 2> members = {{{"charter", json}, {"signature", signature}}};
    add("key.provision", members);
    checkpoint({});
  }
  void rotate() {
    Signer next = Signer::generate(origin).value();
    const std::string key = "\"" + next.vkey() + "\"";
    const std::string size = std::to_string(range_.size() + 1);
    const std::array<Member, 2> members = {{{"key", key}, {"size", size}}};
    add("key.rotate", members);
    const std::string text = checkpoint_text(origin, range_.size(), range_.root(sha_));
    checkpoint(signature_line(origin, next.key_id(), next.sign(text).value()));
    key_ = std::move(next);
    ++rotations_;
  }

  Database database_;
  Statement entry_;
  Statement note_;
  std::uint64_t epoch_;
  int rotations_ = 0;
  Signer root_ = Signer::generate(root_name(origin)).value();
  Signer key_ = Signer::generate(origin).value();
  Sha256 sha_;
  CompactRange range_;
  Digest prev_{};
  Time time_ = Time(std::chrono::seconds(1'790'000'000));
};

double cpu_ms() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) * 1e-6;
}

// Time by the clock and by the processor: they differ where others are at work as well.
void report(const char* what, const std::function<void()>& work) {
  work();
  std::vector<double> clock_ms;
  std::vector<double> work_ms;
  for (int i = 0; i < samples; ++i) {
    const auto begun = Steady::now();
    const double cpu = cpu_ms();
    work();
    work_ms.push_back(cpu_ms() - cpu);
    clock_ms.push_back(ms_since(begun));
  }
  std::sort(clock_ms.begin(), clock_ms.end());
  std::sort(work_ms.begin(), work_ms.end());
  std::printf("%-40s %6.2f ms, 99 of 100 within %6.2f ms; of the processor %6.2f, %6.2f ms\n", what,
              clock_ms[samples / 2], clock_ms[samples * 99 / 100], work_ms[samples / 2],
              work_ms[samples * 99 / 100]);
}

void index_cost(const fs::path& folder, std::uint64_t count) {
  auto reader = JournalReader::open(folder).value();
  auto index = TreeIndex::open(folder).value();
  double begun = cpu_ms();
  reader.up(0, count, [](std::uint64_t, std::string_view) { return true; }).value();
  const double reading = cpu_ms() - begun;
  begun = cpu_ms();
  index.extend(reader, count).value();
  const double making = cpu_ms() - begun;
  const auto each = [count](double ms) { return ms * 1e6 / static_cast<double>(count); };
  std::printf(
      "index: %.0f ns of the processor an entry, of which reading the journal takes %.0f; index.db has %.1f "
      "bytes an entry\n",
      each(making), each(reading),
      static_cast<double>(fs::file_size(folder / "index.db")) / static_cast<double>(count));
}

void measure(const fs::path& folder, std::uint64_t count, std::uint64_t epoch) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  std::string vkey;
  {
    Maker maker(folder, epoch);
    maker.make(count);
    vkey = maker.root();
    std::printf("%llu entries, %d rotations\n", static_cast<unsigned long long>(count), maker.rotations());
  }
  index_cost(folder, count);
  const RootKey root = load_root_key(vkey).value();
  std::mt19937_64 random(1);
  std::string proof;
  const auto prove = [&](std::uint64_t seq) { proof = prove_entry(folder, seq).value().value(); };
  report("proof of an entry anywhere", [&] { prove(random() % count); });
  report("proof of an entry of the first epoch", [&] { prove(random() % std::min(count, epoch)); });
  report("proof of one of the newest entries", [&] { prove(count - 1 - random() % batch); });
  std::printf("that file has %zu bytes\n", proof.size());
  report("checking it", [&] { static_cast<void>(check_entry_proof(proof, root).value()); });
  report("proof of consistency, oldest to newest",
         [&] { proof = prove_consistency(folder, std::uint64_t{batch}).value(); });
  report("checking it", [&] { static_cast<void>(check_consistency_proof(proof, root).value()); });
}

}  // namespace
}  // namespace tallygate::audit

int main(int argc, char** argv) {
  try {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
    const std::uint64_t epoch = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1'000'000;
    const std::filesystem::path folder =
        argc > 3 ? argv[3] : std::filesystem::temp_directory_path() / "proof-bench";
    tallygate::audit::measure(folder, count, epoch);
    std::filesystem::remove_all(folder);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
