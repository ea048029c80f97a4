// Any bytes as a policy file: loading never crashes, and what loads survives its canonical form, compiles,
// decides as its trace does, and is looked through for findings that stand in the file.
#include "policy/evaluate/evaluate.hpp"
#include "policy/evaluate/trace.hpp"
#include "policy/language/loader.hpp"
#include "policy/lint/lint.hpp"
#include "policy/program/program.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

namespace {

using namespace tallygate::policy;  // NOLINT(google-build-using-namespace)

void check(bool holds) {
  if (!holds) {
    std::abort();
  }
}

void decide(const Program& program, const Principal& principal, std::string_view host,
            std::string_view target) {
  RawRequest raw;
  raw.method = "GET";
  raw.target = target;
  raw.hosts = std::span(&host, 1);
  CanonicalRequest request;
  CanonicalScratch canonical;
  if (canonicalise(raw, program, request, canonical) != RejectCode::none) {
    return;
  }
  Scratch scratch(program);
  Context context;
  const Decision decision = evaluate(program, principal, request, context, scratch);
  const Trace traced = trace(program, principal, request, context);
  check(decision.outcome == traced.outcome && decision.login == traced.login);
  check(std::equal(decision.rules.begin(), decision.rules.end(), traced.deciding.begin(),
                   traced.deciding.end()));
  check(std::equal(decision.step_up.begin(), decision.step_up.end(), traced.step_up.begin(),
                   traced.step_up.end()));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const yaml::SourceFile file{"fuzz.yaml", std::string(reinterpret_cast<const char*>(data), size)};
  auto policy = load(file);
  if (!policy) {
    check(!policy.error().empty());
    check(!yaml::to_string(policy.error()).empty());
    return 0;
  }
  const Digest before = digest(*policy);
  const auto again = load(yaml::SourceFile{"again.json", canonical_json(*policy)});
  check(again.has_value() && digest(*again) == before);
  const auto program = Program::compile(std::move(*policy));
  if (!program) {
    return 0;
  }
  const auto lines = static_cast<std::size_t>(std::count(file.text.begin(), file.text.end(), '\n')) + 1;
  for (const lint::Finding& finding : lint::lint(**program, std::span(&file, 1), {}).findings) {
    check(finding.file == file.name && finding.mark.line <= lines && !finding.message.empty());
  }
  Principal somebody;
  for (const Resource& resource : (*program)->policy().resources) {
    const std::string host = resource.hosts.empty() ? "a.test" : resource.hosts.front().name();
    const std::string path = resource.paths.empty() ? "/" : resource.paths.front().text();
    decide(**program, somebody, host, path);
    somebody.anonymous = !somebody.anonymous;
    somebody.user =
        (*program)->policy().bindings.empty() || (*program)->policy().bindings.front().users.empty()
            ? "ana"
            : (*program)->policy().bindings.front().users.front();
  }
  return 0;
}
