#include "gateway/cli/site_report.hpp"

#include "audit/search/escape.hpp"
#include "gateway/cli/commands.hpp"

#include <cstdio>
#include <system_error>

namespace tallygate::cli {

int report(const audit::Failure& failure) {
  std::fprintf(stderr, "tallygate: %s\n", audit::inert_lines(failure.message).c_str());
  return failure.kind == audit::FailureKind::invalid || failure.kind == audit::FailureKind::exists
             ? ExitCode::usage_error
             : ExitCode::not_possible;
}

std::string shell_quoted(const std::string& text) {
  constexpr auto plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) {
    return text;
  }
  std::string quoted = "'";
  for (const char c : text) {
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return quoted + "'";
}

std::string own_program() {
  std::error_code error;
  const auto path = std::filesystem::read_symlink("/proc/self/exe", error);
  return error ? "tallygate" : shell_quoted(path.string());
}

}  // namespace tallygate::cli
