#include "gateway/cli/explain_answer.hpp"
#include "gateway/cli/policy_actions.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/policy_values.hpp"
#include "policy/explain/explain.hpp"
#include "policy/language/loader.hpp"
#include "policy/language/yaml_scalar.hpp"
#include "policy/program/program.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <iterator>
#include <utility>

namespace tallygate::cli {
namespace {

using policy::ParseError;
using policy::ParseResult;

/// Everything about the question that the options give.
struct Asked {
  policy::Principal principal;
  policy::WrittenRequest request;
  policy::Circumstances circumstances;
  policy::TimePoint now;
};

std::optional<ParseError> read_age(const std::string& text, std::string_view option,
                                   std::optional<std::chrono::seconds>& out) {
  if (text.empty()) {
    return std::nullopt;
  }
  out = policy::yaml::parse_duration(text);
  if (out) {
    return std::nullopt;
  }
  return ParseError{std::string(option) + ": '" + policy::printable(text) +
                    "' is no duration; write a number and one of s, m, h, d, such as 15m"};
}

std::optional<ParseError> read_identity(const PolicyExplainOptions& options, policy::Principal& principal) {
  principal.user = options.user;
  // `--groups ''` is somebody without groups.
  std::copy_if(options.groups.begin(), options.groups.end(), std::back_inserter(principal.groups),
               [](const std::string& group) { return !group.empty(); });
  principal.anonymous = options.user.empty() && options.groups.empty() && options.claims.empty();
  return read_attributes(options.claims, "--claim", principal.claims);
}

std::optional<ParseError> read_address_and_method(const PolicyExplainOptions& options,
                                                  policy::Circumstances& circumstances) {
  if (!options.ip.empty()) {
    circumstances.client = policy::parse_address(options.ip);
    if (!circumstances.client) {
      return ParseError{"--ip: '" + policy::printable(options.ip) + "' is not an IP address"};
    }
  }
  if (!options.auth_method.empty()) {
    circumstances.auth_method = policy::auth_method_from(options.auth_method);
    if (!circumstances.auth_method) {
      return ParseError{"--auth-method: '" + policy::printable(options.auth_method) +
                        "' is none of oidc, mtls, token, local"};
    }
  }
  return std::nullopt;
}

std::optional<ParseError> read_circumstances(const PolicyExplainOptions& options,
                                             policy::Circumstances& circumstances) {
  if (auto error = read_address_and_method(options, circumstances)) {
    return error;
  }
  if (auto error = read_age(options.mfa_age, "--mfa-age", circumstances.mfa_age)) {
    return error;
  }
  if (auto error = read_age(options.auth_age, "--auth-age", circumstances.auth_age)) {
    return error;
  }
  if (!options.device.empty()) {
    circumstances.device.emplace();
    if (auto error = read_attributes(options.device, "--device", *circumstances.device)) {
      return error;
    }
  }
  for (const std::string& text : options.headers) {
    auto pair = cut_pair(text, "--header");
    if (pair.has_error()) {
      return pair.error();
    }
    circumstances.headers.add(std::move(pair->first), std::move(pair->second));
  }
  return std::nullopt;
}

ParseResult<Asked> read_question(const PolicyExplainOptions& options) {
  Asked asked;
  if (auto error = read_identity(options, asked.principal)) {
    return *std::move(error);
  }
  if (auto error = read_circumstances(options, asked.circumstances)) {
    return *std::move(error);
  }
  const std::string prefix = options.route.empty() ? "" : "route " + options.route + " ";
  auto request = policy::read_request(prefix + options.method + " " + options.url);
  if (request.has_error()) {
    return ParseError{"--method, --url: " + request.error().message};
  }
  asked.request = *std::move(request);
  asked.now = std::chrono::system_clock::now();
  if (!options.time.empty()) {
    const auto time = policy::parse_timestamp(options.time);
    if (!time) {
      return ParseError{"--time: '" + policy::printable(options.time) +
                        "' is no time; write it like 2026-03-04T10:00:00Z"};
    }
    asked.now = policy::to_time_point(*time);
  }
  return asked;
}

}  // namespace

ExitCode policy_explain(const PolicyExplainOptions& options) {
  if (options.entry) {
    return policy_explain_entry(options);
  }
  const auto files = read_files(options.files);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  const auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    std::fputs(policy::yaml::to_string(program.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  if (const auto problem = find_expectation_problem(options.expect, (*program)->policy())) {
    complain(*problem);
    return ExitCode::usage_error;
  }
  const auto asked = read_question(options);
  if (asked.has_error()) {
    complain(asked.error().message);
    return ExitCode::usage_error;
  }
  const policy::Explanation explanation =
      explain(**program, {asked->principal, asked->request, asked->circumstances, asked->now});
  return answer_explanation(**program, explanation, options.expect, options.json, std::nullopt);
}

}  // namespace tallygate::cli
