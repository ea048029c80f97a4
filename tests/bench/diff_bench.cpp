// Comparing two policies of 500 rules that differ in three, and reverse queries over one of them.
#include "policy/diff/diff.hpp"
#include "policy/diff/reverse.hpp"
#include "policy/language/loader.hpp"
#include "policy/program/program.hpp"

#include <benchmark/benchmark.h>

#include <memory>
#include <span>
#include <string>

namespace tallygate::policy {
namespace {

using ProgramPtr = std::shared_ptr<const Program>;

ProgramPtr compile(std::string text) {
  const yaml::SourceFile file{"bench.yaml", std::move(text)};
  return load_program(std::span(&file, 1)).value();
}

/// Rules over 25 hosts with 20 paths each, 40 roles in chains of four, conditions on a third of the rules, a
/// deny rule in ten. `changed` is the number of rules that say another thing than without it.
std::string policy_text(int rules, int changed) {
  std::string text = "version: 1\npolicy: bench\nroles:\n";
  for (int i = 0; i < 40; ++i) {
    text += "  role" + std::to_string(i) +
            (i % 4 == 0 ? ": {}\n" : ": {includes: [role" + std::to_string(i - 1) + "]}\n");
  }
  text += "bindings:\n";
  for (int i = 0; i < 40; ++i) {
    text += "  - {role: role" + std::to_string(i) + ", groups: [group" + std::to_string(i) + "]}\n";
  }
  text +=
      "conditions:\n  office: {ip_in: [10.0.0.0/8, 192.168.0.0/16]}\n  mfa: {mfa_within: 15m}\n"
      "  laptop: {device: {managed: true, disk_encrypted: true}}\n  strong: {any: [office, mfa]}\n"
      "  hours: {time: {days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\", zone: "
      "Europe/Madrid}}\n"
      "resources:\n";
  for (int i = 0; i < rules; ++i) {
    text += "  res" + std::to_string(i) + ": {hosts: [host" + std::to_string(i / 20) +
            ".example.com], paths: [/app" + std::to_string(i % 20) + "/section/**]}\n";
  }
  text += "rules:\n";
  for (int i = 0; i < rules; ++i) {
    const bool deny = i % 10 == 9;
    const bool change = i % (rules / 3) == 8 && i / (rules / 3) < changed;
    text += "  - {id: rule" + std::to_string(i) + ", effect: " + (deny ? "deny" : "allow") +
            ", roles: [role" + std::to_string((i + (change ? 1 : 0)) % 40) + "], resources: [res" +
            std::to_string(i) + (deny ? ", res" + std::to_string(i - 1) : std::string()) + "], methods: [" +
            (i % 2 == 0 ? "read" : "any") + "]" +
            (deny         ? ", unless: [office]"
             : i % 3 == 0 ? ", when: [laptop, strong]"
             : i % 5 == 0 ? ", when: [hours]"
                          : "") +
            "}\n";
  }
  return text;
}

TimePoint moment() {
  return TimePoint(parse_timestamp("2026-03-04T10:00:00Z").value());
}

/// Both policies are compiled beforehand.
void BM_DiffThreeRules(benchmark::State& state) {
  const int rules = static_cast<int>(state.range(0));
  const ProgramPtr before = compile(policy_text(rules, 0));
  const ProgramPtr after = compile(policy_text(rules, 3));
  std::size_t rows = 0;
  std::size_t cells = 0;
  for (auto _ : state) {
    const diff::Report report = diff::compare(*before, *after, moment());
    rows = report.rows.size();
    cells = report.cells;
    if (rows == 0 || !report.notes.empty()) {
      state.SkipWithError("the comparison is not the one to be measured");
    }
  }
  state.counters["rows"] = static_cast<double>(rows);
  state.counters["cells"] = static_cast<double>(cells);
}
BENCHMARK(BM_DiffThreeRules)->Arg(500)->Arg(5'000)->Unit(benchmark::kMillisecond);

/// A group more for a role on which a chain of roles hangs: every rule of four roles is concerned.
void BM_DiffOneBinding(benchmark::State& state) {
  std::string text = policy_text(500, 0);
  const ProgramPtr before = compile(text);
  text.replace(text.find("[group3]"), 8, "[group3, newcomers]");
  const ProgramPtr after = compile(text);
  std::size_t rows = 0;
  for (auto _ : state) {
    rows = diff::compare(*before, *after, moment()).rows.size();
  }
  state.counters["rows"] = static_cast<double>(rows);
}
BENCHMARK(BM_DiffOneBinding)->Unit(benchmark::kMillisecond);

/// Two policies that have nothing in common but their shape.
void BM_DiffEverything(benchmark::State& state) {
  std::string text = policy_text(500, 0);
  const ProgramPtr before = compile(text);
  for (std::size_t at = text.find("id: rule"); at != std::string::npos; at = text.find("id: rule", at + 8)) {
    text.replace(at, 8, "id: RULE");
  }
  const ProgramPtr after = compile(text);
  std::size_t rows = 0;
  for (auto _ : state) {
    rows = diff::compare(*before, *after, moment()).rows.size();
  }
  state.counters["rows"] = static_cast<double>(rows);
}
BENCHMARK(BM_DiffEverything)->Unit(benchmark::kMillisecond);

void BM_WhoCan(benchmark::State& state) {
  const ProgramPtr program = compile(policy_text(500, 0));
  const WrittenRequest request = *read_request("GET https://host24.example.com/app18/section/page/7");
  for (auto _ : state) {
    benchmark::DoNotOptimize(diff::who_can(*program, request, moment()));
  }
}
BENCHMARK(BM_WhoCan)->Unit(benchmark::kMillisecond);

void BM_WhatCan(benchmark::State& state) {
  const ProgramPtr program = compile(policy_text(500, 0));
  Principal principal;
  principal.anonymous = false;
  principal.groups = {"group3", "group18"};
  for (auto _ : state) {
    benchmark::DoNotOptimize(diff::what_can(*program, principal, moment()));
  }
}
BENCHMARK(BM_WhatCan)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tallygate::policy

BENCHMARK_MAIN();
