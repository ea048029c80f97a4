#include "audit/journal/way_out.hpp"

#include "audit/journal/provision.hpp"

#include <system_error>

namespace tallygate::audit {
namespace {

std::string quoted(const std::string& text) {
  constexpr auto plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-+:@%,=";
  if (!text.empty() && text.find_first_not_of(plain) == std::string::npos) {
    return text;
  }
  std::string out = "'";
  for (const char c : text) {
    out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  return out + "'";
}

std::string source(const KekSource& kek) {
  switch (kek.kind) {
    case KekSource::Kind::environment:
      return quoted("env:" + kek.name);
    case KekSource::Kind::credential:
      return quoted("credential:" + kek.name);
    case KekSource::Kind::pkcs11:
      return quoted(kek.name);
    case KekSource::Kind::file:
      break;
  }
  return "file:" + shell_path(kek.name);
}

}  // namespace

std::string shell_path(const std::filesystem::path& path) {
  std::error_code error;
  const auto absolute = std::filesystem::absolute(path, error);
  return quoted((error ? path : absolute.lexically_normal()).string());
}

std::string recover_command(const JournalOptions& options) {
  return "tallygate audit recover --journal " + shell_path(options.journal) + " --head " +
         shell_path(head_file(options.head)) + " --keyring " + shell_path(options.keyring) + " --kek " +
         source(options.kek) + " --gateway " + quoted(options.gateway);
}

Failure with_way_out(Failure failure, const JournalOptions& options) {
  if (failure.kind == FailureKind::tampered || failure.kind == FailureKind::missing) {
    failure.message +=
        ". Nothing is served until what is missing is put back; what else would do is said by: " +
        recover_command(options);
  }
  return failure;
}

}  // namespace tallygate::audit
