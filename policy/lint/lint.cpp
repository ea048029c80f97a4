#include "policy/lint/lint.hpp"

#include "policy/lint/study.hpp"

namespace tallygate::policy::lint {
Report lint(const Program& program, std::span<const yaml::SourceFile> files, const Options& options) {
  Study study(program, files, options);
  check_unused(study);
  check_duplicates(study);
  check_bindings(study);
  check_letter_case(study);
  check_conditions(study);
  check_decisive(study);
  check_shadowed(study);
  check_useless_deny(study);
  check_breadth(study);
  check_deny_subtrees(study);
  check_everyone(study);
  check_methods(study);
  return study.take();
}

}  // namespace tallygate::policy::lint
