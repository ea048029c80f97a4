#include "gateway/cli/site_report.hpp"

#include "audit/search/escape.hpp"
#include "gateway/cli/commands.hpp"

#include <cstdio>
#include <system_error>

namespace tallygate::cli {

int exit_code_of(audit::FailureKind kind) {
  switch (kind) {
    case audit::FailureKind::refused:
      return ExitCode::answer_is_no;
    case audit::FailureKind::invalid:
    case audit::FailureKind::exists:
      return ExitCode::usage_error;
    case audit::FailureKind::missing:
    case audit::FailureKind::locked:
    case audit::FailureKind::unreadable:
    case audit::FailureKind::tampered:
    case audit::FailureKind::crypto:
      break;
  }
  return ExitCode::not_possible;
}

int report(const audit::Failure& failure) {
  std::fprintf(stderr, "tallygate: %s\n", audit::inert_lines(failure.message).c_str());
  return exit_code_of(failure.kind);
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
