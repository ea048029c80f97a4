// `audit verify` beside bare SHA-256 over the same bytes, with as many threads, by the clock; beside it what
// reading and the form cost one core. Prints ratios of one run; nothing is asserted.
//   verify_bench [entries] [folder] [threads]

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/charter.hpp"
#include "audit/journal/encode.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/schema.hpp"
#include "audit/journal/signer.hpp"
#include "audit/journal/sqlite.hpp"
#include "audit/journal/tree.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/proof/verify.hpp"

#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

namespace fs = std::filesystem;

constexpr const char* origin = "bench.example.com/journal";

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

template <typename Work>
double seconds_of(const Work& work) {
  const auto before = std::chrono::steady_clock::now();
  work();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - before).count();
}

// Hashes all of them, each thread an equal share. A sum, so that nothing is left out.
unsigned hash_all(const std::vector<std::string>& bodies, unsigned threads) {
  std::atomic<unsigned> sum{0};
  std::vector<std::thread> workers;
  for (unsigned worker = 0; worker < threads; ++worker) {
    workers.emplace_back([&, worker] {
      Sha256 sha;
      unsigned own = 0;
      for (std::size_t at = bodies.size() * worker / threads; at < bodies.size() * (worker + 1) / threads;
           ++at) {
        own += sha.leaf(bodies[at])[0];
      }
      sum += own;
    });
  }
  for (std::thread& worker : workers) {
    worker.join();
  }
  return sum;
}

template <typename Work>
double cpu_of(const Work& work) {
  const double before = cpu_seconds();
  work();
  return cpu_seconds() - before;
}

// Members as the gateway records an access decision; `extra` lengthens the user agent.
std::string body_of(std::uint64_t seq, std::string_view prev, Time time, std::size_t extra) {
  const std::string client =
      R"({"address":"192.0.2.7","peer":"192.0.2.7","port":50123,"sni":"wiki.example.com","tls":"TLSv1.3","user_agent":"Mozilla/5.0 (X11; Linux x86_64))" +
      std::string(extra, '.') + "\"}";
  const std::array<Member, 6> members = {{
      {"actor",
       R"({"auth":"oidc","auth_age":321,"claims":{"department":"research"},"email":"alice@example.com","groups":["engineers","on-call"],"subject":"alice"})"},
      {"client", client},
      {"decision",
       R"({"at":"2026-01-02T03:04:05Z","effect":"allow","microseconds":3,"mode":"enforce","policy":"9c67f07f906103b6bf201842a50ff0b8c91fca9b3e211334a6b7aa3133165dec","reasons":["allowed"],"roles":["reader"],"rule":"wiki-read"})"},
      {"request",
       R"({"host":"wiki.example.com","id":"01900000-0000-7000-8000-000000000001","method":"GET","path":"/wiki/page/history","protocol":"HTTP/1.1"})"},
      {"resource", R"({"route":"wiki","upstream":"10.0.0.5:8080"})"},
      {"session", R"({"id":"b0c1d2e3f4a5"})"},
  }};
  const std::string id = time_uuid(time).value();
  EncodedEvent event = encode(Event{"access.allow", id, members}, "\"gw-1\"").value();
  std::array<char, time_text_size> text{};
  write_time(time, text);
  return std::string(event.complete(seq, prev, {text.data(), text.size()}));
}

std::string charter_body(const Signer& root, const Signer& key, Time time) {
  const Charter charter{"7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c",
                        origin,
                        "2026-01-02T03:04:05Z",
                        root.vkey(),
                        key.vkey(),
                        std::chrono::seconds(600),
                        "400d"};
  const std::string json = charter_json(charter).value();
  const std::string signature = "\"" + sign_charter(root, json).value() + "\"";
  const std::array<Member, 2> members = {{{"charter", json}, {"signature", signature}}};
  const std::string id = time_uuid(time).value();
  EncodedEvent event = encode(Event{"key.provision", id, members}, "\"gw-1\"").value();
  std::array<char, time_text_size> text{};
  write_time(time, text);
  return std::string(event.complete(0, std::string(64, '0'), {text.data(), text.size()}));
}

// A journal of `count` entries with a checkpoint after every `batch`, written without syncing.
std::uint64_t make(const fs::path& folder, const Signer& root, std::uint64_t count, std::uint64_t batch,
                   std::size_t extra) {
  fs::remove_all(folder);
  fs::create_directories(folder);
  auto database =
      Database::open(folder / segment_name(0), SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE).value();
  database
      .execute(("PRAGMA page_size=" + std::to_string(segment_page_bytes) +
                "; PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF")
                   .c_str())
      .value();
  for (const SchemaObject& object : segment_schema) {
    database.execute(std::string(object.sql).c_str()).value();
  }
  database
      .execute(("INSERT INTO meta VALUES ('format','1'),('first','0'),('state','open'),('origin','" +
                std::string(origin) + "'); BEGIN")
                   .c_str())
      .value();
  auto insert = database.prepare("INSERT INTO entry VALUES (?1, CAST(?2 AS BLOB))").value();
  auto insert_note = database.prepare("INSERT INTO checkpoint VALUES (?1, CAST(?2 AS BLOB))").value();
  const Signer key = Signer::generate(origin).value();
  Sha256 sha;
  CompactRange range;
  Digest prev{};
  Time time = Time(std::chrono::seconds(1'790'000'000));
  std::uint64_t bytes = 0;
  for (std::uint64_t seq = 0; seq < count; ++seq) {
    time += std::chrono::microseconds(50);
    const std::string body =
        seq == 0 ? charter_body(root, key, time) : body_of(seq, to_hex(prev), time, extra);
    bytes += body.size();
    prev = sha.leaf(body);
    range.append(sha, prev);
    insert.bind(1, static_cast<std::int64_t>(seq));
    insert.bind(2, std::string_view(body));
    insert.run();
    if ((seq + 1) % batch == 0 || seq + 1 == count) {
      const std::string text = checkpoint_text(origin, range.size(), range.root(sha));
      const std::string note = text + "\n" + signature_line(origin, key.key_id(), key.sign(text).value());
      insert_note.bind(1, static_cast<std::int64_t>(range.size()));
      insert_note.bind(2, std::string_view(note));
      insert_note.run();
    }
  }
  database.execute("COMMIT").value();
  return bytes;
}

void measure(const fs::path& folder, std::uint64_t count, std::uint64_t batch, std::size_t extra,
             unsigned threads) {
  const Signer root = Signer::generate(root_name(origin)).value();
  const std::uint64_t bytes = make(folder, root, count, batch, extra);
  std::vector<std::string> bodies;
  {
    auto reader = SegmentReader::open(folder / segment_name(0)).value();
    reader
        .entries(0, static_cast<std::int64_t>(count),
                 [&bodies](std::int64_t, std::string_view body) {
                   bodies.emplace_back(body);
                   return true;
                 })
        .value();
  }
  unsigned sum = 0;
  const double hashing = seconds_of([&] { sum += hash_all(bodies, threads); });
  const double reading_entries = cpu_of([&] {
    for (const std::string& body : bodies) {
      sum += static_cast<unsigned>(read_entry(body)->seq);
    }
  });
  const double reading_file = cpu_of([&] {
    auto reader = SegmentReader::open(folder / segment_name(0)).value();
    reader
        .entries(0, static_cast<std::int64_t>(count),
                 [&sum](std::int64_t, std::string_view body) {
                   sum += static_cast<unsigned>(body.size());
                   return true;
                 })
        .value();
  });
  bodies.clear();
  const VerifyOptions options{folder, load_root_key(root.vkey()).value(), {}, {}, {}, {}, threads, {}};
  bool ok = true;
  const double verifying = seconds_of([&] {
    const auto report = verify_journal(options).value();
    ok = report.ok;
    for (const Finding& finding : report.findings) {
      std::printf("%s %s\n", finding.what.c_str(), finding.detail.c_str());
    }
  });
  const auto rate = [count](double seconds) { return static_cast<double>(count) / seconds / 1e3; };
  std::printf(
      "%7.0f bytes, %4d a batch: SHA-256 %5.0f k/s, form %5.0f k/s, SQLite %5.0f k/s, verify %5.0f k/s: %.2f "
      "x%s\n",
      static_cast<double>(bytes) / static_cast<double>(count), static_cast<int>(batch), rate(hashing),
      rate(reading_entries), rate(reading_file), rate(verifying), hashing / verifying,
      ok && sum != 0 ? "" : " NOT OK");
}

}  // namespace
}  // namespace tallygate::audit

int main(int argc, char** argv) {
  try {
    const std::uint64_t count = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 200'000;
    const std::filesystem::path folder =
        argc > 2 ? argv[2] : std::filesystem::temp_directory_path() / "verify-bench";
    const unsigned threads = argc > 3 ? static_cast<unsigned>(std::strtoul(argv[3], nullptr, 10)) : 2;
    for (const std::size_t extra : {std::size_t{0}, std::size_t{400}, std::size_t{2'000}}) {
      for (const std::uint64_t batch :
           {std::uint64_t{32}, std::uint64_t{64}, std::uint64_t{256}, std::uint64_t{1'024}}) {
        tallygate::audit::measure(folder, count, batch, extra, threads);
      }
    }
    std::filesystem::remove_all(folder);
    return 0;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
