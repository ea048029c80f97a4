#include "audit/journal/pkcs11_pin.hpp"

#include "audit/journal/file.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

void wipe(std::string& text) {
  OPENSSL_cleanse(text.data(), text.capacity());
  text.clear();
}

Result<Pin> checked(std::string_view text, const std::string& source) {
  std::string_view line = text.substr(0, text.find('\n'));
  if (line.ends_with('\r')) {
    line.remove_suffix(1);
  }
  if (line.empty() || line.size() > pin_max) {
    return fail(FailureKind::invalid, source + ": its first line must be the token's PIN, of 1 to " +
                                          std::to_string(pin_max) + " bytes");
  }
  return Pin(std::string(line));
}

Result<Pin> from_file(const std::filesystem::path& path, bool private_mode, const std::string& source) {
  const FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                source + ": " + errno_text(errno) + "; its first line must be the token's PIN");
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, source + ": " + errno_text(errno));
  }
  if (private_mode && (status.st_mode & 077U) != 0) {
    return fail(FailureKind::invalid, source + ": others may read the token's PIN; run chmod 600 on it");
  }
  std::array<char, pin_max + 2> content{};  // room for a line end, and to see that there is too much
  const ssize_t got = ::read(file.get(), content.data(), content.size());
  if (got < 0) {
    return fail(FailureKind::unreadable, source + ": " + errno_text(errno));
  }
  auto pin = checked({content.data(), static_cast<std::size_t>(got)}, source);
  OPENSSL_cleanse(content.data(), content.size());
  return pin;
}

}  // namespace

Pin::~Pin() {
  wipe(pin_);
}

Pin::Pin(Pin&& other) noexcept : pin_(std::move(other.pin_)) {
  wipe(other.pin_);
}

Pin& Pin::operator=(Pin&& other) noexcept {
  if (this != &other) {
    wipe(pin_);
    pin_ = std::move(other.pin_);
    wipe(other.pin_);
  }
  return *this;
}

Result<Pin> read_pin(const PinSource& source) {
  // getenv: read while a process starts, which has one thread then, and while keys change; nobody sets.
  switch (source.kind) {
    case PinSource::Kind::file:
      return from_file(source.name, true, source.name);
    case PinSource::Kind::credential: {
      const std::string name = "systemd credential " + source.name;
      const char* folder = std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
      if (folder == nullptr) {
        return fail(FailureKind::missing, name + ": $CREDENTIALS_DIRECTORY is not set; add LoadCredential=" +
                                              source.name + ":PATH to the unit");
      }
      return from_file(std::filesystem::path(folder) / source.name, false, name);
    }
    case PinSource::Kind::environment:
      break;
  }
  const char* value = std::getenv(pin_variable);  // NOLINT(concurrency-mt-unsafe)
  if (value == nullptr) {
    return fail(
        FailureKind::missing,
        std::string("no PIN for the token: name a file with pin-source=file:PATH, or set ") + pin_variable);
  }
  return checked(value, std::string("environment variable ") + pin_variable);
}

}  // namespace tallygate::audit
