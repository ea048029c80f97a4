// What sealing a person costs: one decision encoded as it is, and sealed; and a seal opened.

#include "audit/sealing/seal_event.hpp"

#include <benchmark/benchmark.h>

#include <array>

namespace {

using namespace tallygate::audit;

constexpr std::string_view origin = "bench.example.com/journal";
constexpr std::array<Member, 5> members = {{
    {"actor",
     R"({"age_s":321,"claims":{"department":"research","level":3},"email":"alice@example.com","groups":["engineers","on-call"],"method":"oidc","subject":"alice","user":"alice"})"},
    {"client",
     R"({"address":"192.0.2.7","peer":"192.0.2.7","port":50123,"tls":"TLSv1.3","user_agent":"curl/7.88.1"})"},
    {"decision",
     R"({"effect":"allow","mode":"enforce","policy":"0123456789abcdef0123456789abcdef","rule":"engineers-read"})"},
    {"request",
     R"({"host":"wiki.example.com","id":"01890a5d-ac96-774b-bcce-b302099a8057","method":"GET","path":"/reports/2026/q1","protocol":"HTTP/1.1"})"},
    {"resource", R"({"route":"wiki","upstream":"http://10.0.0.5:8080"})"},
}};
constexpr Event decision = {"access.allow", "01890a5d-ac96-774b-bcce-b302099a8057", members};

void encode_in_the_clear(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(encode(decision, "\"bench\"").value());
  }
  state.counters["bytes"] = static_cast<double>(encode(decision, "\"bench\"").value().size());
}
BENCHMARK(encode_in_the_clear);

EncodedEvent sealed(People& people, SealTools& tools) {
  const auto parts = take_apart(decision).value();
  const auto find = [&people](const std::string& name) { return people.find(name); };
  return std::move(*encode_sealed(decision, parts, origin, "\"bench\"", find, tools).value());
}

void put_alice(People& people) {
  people.put("alice", std::make_shared<const SubjectKey>(
                          SubjectKey{"4b2f0d1e-6a57-4f0e-9d5b-1c8a2f3e4d5c", std::move(*AesKey::random())}));
}

void encode_sealed_person(benchmark::State& state) {
  People people;
  SealTools tools;
  Unpacker unpacker;
  put_alice(people);
  for (auto _ : state) {
    benchmark::DoNotOptimize(sealed(people, tools));
  }
  state.counters["bytes"] = static_cast<double>(sealed(people, tools).size());
}
BENCHMARK(encode_sealed_person);

void open_sealed_person(benchmark::State& state) {
  People people;
  SealTools tools;
  Unpacker unpacker;
  put_alice(people);
  auto event = sealed(people, tools);
  const std::string body(event.complete(7, std::string(64, '0'), "2026-01-02T03:04:05.123456789Z"));
  const auto alice = people.find("alice");
  for (auto _ : state) {
    const auto seal = read_seal(body);
    benchmark::DoNotOptimize(put_together(body, *open_seal(*seal, alice->key, origin, unpacker)));
  }
}
BENCHMARK(open_sealed_person);

}  // namespace

BENCHMARK_MAIN();
