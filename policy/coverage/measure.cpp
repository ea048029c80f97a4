#include "policy/coverage/measure.hpp"

#include "policy/testing/runner.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy::coverage {
namespace {

using testing::Cell;
using testing::LoadedSuite;
using testing::Suite;
using testing::SuiteTest;

void add_cell(const Program& program, const Suite& suite, const SuiteTest& test, const Cell& cell,
              Collector& collector) {
  const Question question = testing::question_of(suite, test, cell);
  CanonicalRequest request;
  CanonicalScratch scratch;
  if (canonicalise(question.request, program, request, scratch) != RejectCode::none) {
    collector.add_refused();
    return;
  }
  const Context context = question.circumstances.context(question.now, question.request.route);
  collector.add(trace(program, question.principal, request, context), request, context,
                suite.file + ":" + std::to_string(cell.mark.line) + " (" + test.name + ": " +
                    suite.principals[cell.principal].name + ", " + question.request.label + ")");
}

}  // namespace

std::vector<Coverage> measure(std::span<const LoadedSuite> suites) {
  std::vector<std::pair<const Program*, Collector>> collectors;
  for (const LoadedSuite& loaded : suites) {
    auto found = std::find_if(collectors.begin(), collectors.end(),
                              [&loaded](const auto& each) { return each.first == loaded.program.get(); });
    if (found == collectors.end()) {
      found = collectors.emplace(collectors.end(), loaded.program.get(), Collector(loaded.program));
    }
    for (const SuiteTest& test : loaded.suite.tests) {
      for (const Cell& cell : test.cells) {
        add_cell(*loaded.program, loaded.suite, test, cell, found->second);
      }
    }
  }
  std::vector<Coverage> all;
  all.reserve(collectors.size());
  for (auto& [program, collector] : collectors) {
    all.push_back(collector.take());
  }
  return all;
}

Share share_of(std::span<const Coverage> coverage) noexcept {
  Share sum;
  for (const Coverage& each : coverage) {
    const Share share = each.share();
    sum.seen += share.seen;
    sum.all += share.all;
  }
  return sum;
}

}  // namespace tallygate::policy::coverage
