#include "policy/testing/suite_files.hpp"

#include "policy/language/yaml_reader.hpp"
#include "policy/testing/suite_reader.hpp"

#include <algorithm>
#include <filesystem>
#include <map>

namespace tallygate::policy::testing {
namespace {

/// Policies by the list of their files. Null: has errors, which are reported already.
using Programs = std::map<std::vector<std::string>, std::shared_ptr<const Program>>;

std::shared_ptr<const Program> load_policy(const Suite& suite, Programs& programs, LoadedSuites& loaded,
                                           yaml::Errors& errors) {
  const std::filesystem::path folder = std::filesystem::path(suite.file).parent_path();
  std::vector<std::string> paths;
  paths.reserve(suite.policy.size());
  for (const PolicyPath& each : suite.policy) {
    paths.push_back((folder / each.path).lexically_normal().string());
  }
  loaded.files.insert(loaded.files.end(), paths.begin(), paths.end());
  const auto known = programs.find(paths);
  if (known != programs.end()) {
    return known->second;
  }
  std::vector<yaml::SourceFile> files;
  for (std::size_t i = 0; i < paths.size(); ++i) {
    auto file = yaml::read_source(paths[i]);
    if (file.has_error()) {
      errors.add(suite.file, suite.policy[i].mark,
                 "the policy '" + paths[i] + "' can't be read: " + file.error().message());
      return nullptr;
    }
    files.push_back(*std::move(file));
  }
  yaml::Result<std::shared_ptr<const Program>> program = load_program(files);
  if (program.has_error()) {
    errors.add(program.error());
    return programs[std::move(paths)] = nullptr;
  }
  return programs[std::move(paths)] = *std::move(program);
}

void load_one(const std::string& path, Programs& programs, LoadedSuites& loaded, yaml::Errors& errors,
              yaml::Errors& warnings) {
  loaded.files.push_back(path);
  auto file = yaml::read_source(path);
  if (file.has_error()) {
    loaded.unreadable.push_back({path, file.error()});
    return;
  }
  yaml::Result<Suite> suite = read_suite(*file);
  if (suite.has_error()) {
    errors.add(suite.error());
    return;
  }
  const std::shared_ptr<const Program> program = load_policy(*suite, programs, loaded, errors);
  if (!program) {
    return;
  }
  errors.add(check_names(*suite, program->policy()));
  warnings.add(suite->warnings);
  warnings.add(find_warnings(*suite, program->policy()));
  loaded.suites.push_back({*std::move(suite), program, std::move(file->text)});
}

}  // namespace

LoadedSuites load_suites(std::span<const std::string> paths) {
  LoadedSuites loaded;
  Programs programs;
  yaml::Errors errors;
  yaml::Errors warnings;
  for (const std::string& path : paths) {
    load_one(path, programs, loaded, errors, warnings);
  }
  std::sort(loaded.files.begin(), loaded.files.end());
  loaded.files.erase(std::unique(loaded.files.begin(), loaded.files.end()), loaded.files.end());
  loaded.errors = errors.take();
  loaded.warnings = warnings.take();
  return loaded;
}

}  // namespace tallygate::policy::testing
