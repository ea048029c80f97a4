// One producer in a closed loop: what it waits for an entry to be durable, signed and acknowledged, beside
// bare fdatasync of the same bytes, twice: once for the segment, once for head. Prints figures; nothing is
// asserted.
//   latency_bench [entries] [folder]

#include "audit/journal/file.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/uuid.hpp"
#include "audit/journal/writer.hpp"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using Steady = std::chrono::steady_clock;

constexpr const char* origin = "bench.example.com/journal";
constexpr std::size_t rounds = 5;  // interleaved, so that a slow minute of the machine hits both

struct Sample {
  std::string id = time_uuid(system_clock()()).value();
  std::array<Member, 5> members = {{
      {"actor",
       R"({"auth":"jwt","auth_age":321,"claims":{"department":"research","level":3},"email":"alice@example.com","groups":["engineers","on-call"],"subject":"alice"})"},
      {"client", R"({"address":"192.0.2.7","agent":"curl/7.88.1","peer":"192.0.2.7","tls":"TLSv1.3"})"},
      {"decision",
       R"({"effect":"allow","micros":3,"mode":"enforce","policy":"0123456789abcdef0123456789abcdef","rule":"engineers-read"})"},
      {"request",
       R"({"host":"wiki.example.com","id":"01890a5d-ac96-774b-bcce-b302099a8057","method":"GET","path":"/reports/2026/q1","protocol":"HTTP/1.1"})"},
      {"resource", R"({"route":"wiki","upstream":"http://10.0.0.5:8080"})"},
  }};
  [[nodiscard]] EncodedEvent encoded() const {
    return encode(Event{"access.allow", id, members}, "\"bench\"").value();
  }
};

class WaitingSink final : public CompletionSink {
 public:
  void completed(std::span<const Completion> completions, std::string_view /*reason*/) noexcept override {
    for (const Completion& completion : completions) {
      if (completion.outcome != Outcome::durable) {
        std::abort();
      }
    }
    done_.fetch_add(1, std::memory_order_release);
    done_.notify_one();
  }
  void wait_after(std::uint32_t before) { done_.wait(before, std::memory_order_acquire); }
  [[nodiscard]] std::uint32_t done() const { return done_.load(); }

 private:
  std::atomic<std::uint32_t> done_{0};
};

JournalOptions make_journal(const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  create_kek_file(folder / "kek").value();
  ProvisionOptions made;
  made.origin = origin;
  made.journal = folder / "journal";
  made.head = folder / "head";
  made.keyring = folder / "keyring.db";
  made.kek = {KekSource::Kind::file, (folder / "kek").string()};
  made.gateway = "bench";
  provision(made, generate_root(origin).value()).value();
  JournalOptions options;
  options.journal = made.journal;
  options.head = made.head;
  options.keyring = made.keyring;
  options.kek = made.kek;
  options.gateway = made.gateway;
  return options;
}

template <typename Work>
void time_each(std::vector<double>& us, std::size_t entries, const Work& work) {
  for (std::size_t i = 0; i < entries; ++i) {
    const auto begun = Steady::now();
    work();
    us.push_back(std::chrono::duration<double, std::micro>(Steady::now() - begun).count());
  }
}

double at(std::vector<double>& us, double quantile) {
  std::sort(us.begin(), us.end());
  return us[std::min(us.size() - 1, static_cast<std::size_t>(quantile * static_cast<double>(us.size())))];
}

void compare_latency(std::size_t entries, const std::filesystem::path& folder) {
  const Sample sample;
  const std::string bytes(sample.encoded().complete(1, std::string(64, '0'), std::string(30, '0')));
  std::array<FileDescriptor, 2> bare = {
      FileDescriptor(::open((folder / "a").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600)),
      FileDescriptor(::open((folder / "b").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600))};
  WaitingSink sink;
  Writer writer(Journal::open(make_journal(folder / "journal")).value(), WriterOptions{}, sink);
  std::vector<double> synced;
  std::vector<double> recorded;
  for (std::size_t round = 0; round < rounds; ++round) {
    time_each(synced, entries / rounds, [&] {
      for (const FileDescriptor& file : bare) {
        if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()) ||
            ::fdatasync(file.get()) != 0) {
          throw std::runtime_error("cannot write or sync");
        }
      }
    });
    time_each(recorded, entries / rounds, [&] {
      const std::uint32_t before = sink.done();
      if (writer.submit(sample.encoded(), {}, true)) {
        std::abort();
      }
      sink.wait_after(before);
    });
  }
  std::printf("%zu entries of %zu bytes, one producer in a closed loop, us\n", entries, bytes.size());
  std::printf("%-28s %10s %10s %10s\n", "", "median", "p90", "p99");
  std::printf("%-28s %10.0f %10.0f %10.0f\n", "write and fdatasync, twice", at(synced, 0.5), at(synced, 0.9),
              at(synced, 0.99));
  std::printf("%-28s %10.0f %10.0f %10.0f\n", "journal", at(recorded, 0.5), at(recorded, 0.9),
              at(recorded, 0.99));
  std::printf("ratio of medians %.2f (must 2.0, aim 1.2)\n", at(recorded, 0.5) / at(synced, 0.5));
  writer.close();
  const auto segment = std::filesystem::file_size(folder / "journal" / "journal" / "000000000000.db");
  std::printf("segment: %.0f bytes an entry of %zu, each with a checkpoint of its own\n",
              static_cast<double>(segment) / static_cast<double>(writer.health().entries), bytes.size());
}

}  // namespace
}  // namespace tallygate::audit

int main(int argc, char** argv) {
  const auto entries = static_cast<std::size_t>(argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 5'000);
  std::string folder = std::string(argc > 2 ? argv[2] : "/tmp") + "/tallygate-bench-XXXXXX";
  if (::mkdtemp(folder.data()) == nullptr) {
    std::perror("mkdtemp");
    return 3;
  }
  int code = 0;
  try {
    tallygate::audit::compare_latency(std::max<std::size_t>(entries, 10), folder);
  } catch (const std::exception& exception) {
    std::fprintf(stderr, "latency_bench: %s\n", exception.what());
    code = 3;
  }
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  return code;
}
