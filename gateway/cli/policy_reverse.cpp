#include "gateway/cli/option_checks.hpp"
#include "gateway/cli/policy_diff_commands.hpp"
#include "gateway/cli/policy_files.hpp"
#include "gateway/cli/policy_values.hpp"
#include "policy/diff/reverse.hpp"

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <memory>

namespace tallygate::cli {
namespace {

struct ReverseOptions {
  std::vector<std::string> files;
  std::string method = "GET";
  std::string url;
  std::string route;
  std::string user;
  std::vector<std::string> groups;
  std::vector<std::string> claims;  ///< k=v
  std::string time;                 ///< RFC 3339; empty: now
  bool json = false;
};

/// Loads the policy, asks, prints.
template <typename Ask>
ExitCode answer(const ReverseOptions& options, Ask ask) {
  const auto files = read_files(options.files);
  if (const auto* code = std::get_if<ExitCode>(&files)) {
    return *code;
  }
  const auto program = policy::load_program(std::get<0>(files));
  if (program.has_error()) {
    std::fputs(policy::yaml::to_string(program.error()).c_str(), stderr);
    return ExitCode::usage_error;
  }
  const auto now = read_time(options.time, "--time");
  if (now.has_error()) {
    complain(now.error().message);
    return ExitCode::usage_error;
  }
  const policy::ParseResult<policy::diff::Answer> found = ask(**program, *now);
  if (found.has_error()) {
    complain(found.error().message);
    return ExitCode::usage_error;
  }
  const std::string text =
      options.json ? boost::json::serialize(to_json(*found)) + "\n" : to_text(*found, stdout_style());
  if (!print(text)) {
    return ExitCode::not_possible;
  }
  if (!found->notes.empty()) {
    return ExitCode::not_possible;  // neither a whole list nor a sure no
  }
  return found->any() ? ExitCode::done : ExitCode::answer_is_no;
}

ExitCode policy_who_can(const ReverseOptions& options) {
  using Result = policy::ParseResult<policy::diff::Answer>;
  return answer(options, [&options](const policy::Program& program, policy::TimePoint now) -> Result {
    const std::string prefix = options.route.empty() ? "" : "route " + options.route + " ";
    const auto request = policy::read_request(prefix + options.method + " " + options.url);
    if (request.has_error()) {
      return policy::ParseError{"--method, --url: " + request.error().message};
    }
    return policy::diff::who_can(program, *request, now);
  });
}

ExitCode policy_what_can(const ReverseOptions& options) {
  using Result = policy::ParseResult<policy::diff::Answer>;
  return answer(options, [&options](const policy::Program& program, policy::TimePoint now) -> Result {
    policy::Principal principal;
    principal.anonymous = options.user.empty() && options.groups.empty() && options.claims.empty();
    principal.user = options.user;
    // `--groups ''` is somebody without groups.
    std::copy_if(options.groups.begin(), options.groups.end(), std::back_inserter(principal.groups),
                 [](const std::string& group) { return !group.empty(); });
    if (auto error = read_attributes(options.claims, "--claim", principal.claims)) {
      return *std::move(error);
    }
    return policy::diff::what_can(program, principal, now);
  });
}

void add_common(CLI::App& command, ReverseOptions& options) {
  command.add_option("FILE", options.files, "The policy; several files are merged")->required();
  command.add_option("--time", options.time, "From this moment on, in RFC 3339; now if left out")
      ->type_name("TIME");
  command.add_flag("--json", options.json, "One JSON document on stdout");
}

}  // namespace

void add_policy_reverse(CLI::App& policy, int& exit_code) {
  auto who = std::make_shared<ReverseOptions>();
  CLI::App* who_can = policy.add_subcommand(
      "who-can",
      "Say who may send a request, under which circumstances and by which rule; exit 1 if nobody may, "
      "not even after a login or another step-up");
  add_common(*who_can, *who);
  who_can->add_option("--method", who->method, "HTTP method")->capture_default_str();
  who_can->add_option("--url", who->url, "URL as sent, not cleaned; with --route the path")->required();
  who_can->add_option("--route", who->route, "Ask on a route of gateway.yaml")->type_name("NAME");
  who_can->callback([who, &exit_code] { exit_code = policy_who_can(*who); });

  auto what = std::make_shared<ReverseOptions>();
  CLI::App* what_can = policy.add_subcommand("what-can",
                                             "Say what somebody may do, under which circumstances and by "
                                             "which rule; exit 1 if nothing, not even after "
                                             "a login or another step-up. Without --user, "
                                             "--groups and --claim the person is anonymous");
  add_common(*what_can, *what);
  what_can->add_option("--user", what->user, "Who asks")->type_name("NAME")->check(not_empty());
  what_can->add_option("--groups", what->groups, "Groups of the person")
      ->delimiter(',')
      ->type_name("A,B,...");
  what_can->add_option("--claim", what->claims, "A claim; may be repeated")->type_name("K=V");
  // One word each, so that FILE may stand behind them.
  for (const char* name : {"--groups", "--claim"}) {
    what_can->get_option(name)->allow_extra_args(false);
  }
  what_can->callback([what, &exit_code] { exit_code = policy_what_can(*what); });
}

}  // namespace tallygate::cli
