#include "audit/journal/kek.hpp"

#include "audit/journal/file.hpp"
#include "audit/journal/pkcs11.hpp"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t hex_size = 2 * kek_size;
constexpr std::size_t read_limit = 4096;
constexpr std::string_view white_space = " \t\r\n";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(white_space);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(white_space) - first + 1);
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  if (c >= 'a' && c <= 'f') {
    return c - 'a' + 10;
  }
  if (c >= 'A' && c <= 'F') {
    return c - 'A' + 10;
  }
  return -1;
}

Result<Kek> parse(std::string_view content, const std::string& source) {
  std::array<std::uint8_t, kek_size> key{};
  const std::string_view hex = trim(content);
  if (hex.size() == hex_size && hex.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos) {
    for (std::size_t i = 0; i < kek_size; ++i) {
      key[i] = static_cast<std::uint8_t>(hex_value(hex[2 * i]) * 16 + hex_value(hex[2 * i + 1]));
    }
  } else if (content.size() == kek_size) {
    std::memcpy(key.data(), content.data(), kek_size);
  } else {
    return fail(FailureKind::invalid,
                source + ": a key-encryption key is 64 hex digits or 32 raw bytes, this is " +
                    std::to_string(content.size()) + " bytes of something else");
  }
  Kek kek(key);
  OPENSSL_cleanse(key.data(), key.size());
  return kek;
}

Result<Kek> from_file(const std::filesystem::path& path, bool private_mode, const std::string& source) {
  FileDescriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                source + ": " + errno_text(errno) + "; it must hold the key-encryption key of the keyring");
  }
  struct stat status{};
  if (::fstat(file.get(), &status) != 0) {
    return fail(FailureKind::unreadable, source + ": " + errno_text(errno));
  }
  if (private_mode && (status.st_mode & 077U) != 0) {
    return fail(FailureKind::invalid,
                source + ": others may read the key-encryption key; run chmod 600 on it");
  }
  std::string content(read_limit, '\0');
  const ssize_t got = ::read(file.get(), content.data(), content.size());
  if (got < 0) {
    return fail(FailureKind::unreadable, source + ": " + errno_text(errno));
  }
  auto kek = parse(std::string_view(content.data(), static_cast<std::size_t>(got)), source);
  OPENSSL_cleanse(content.data(), content.size());
  return kek;
}

Result<Kek> from_environment(const std::string& name) {
  const std::string source = "environment variable " + name;
  const char* value = std::getenv(name.c_str());  // NOLINT(concurrency-mt-unsafe): read at start-up
  if (value == nullptr) {
    return fail(FailureKind::missing,
                source + " is not set; it must hold the key-encryption key of the keyring");
  }
  return parse(value, source);
}

Result<Kek> from_credential(const std::string& name) {
  const std::string source = "systemd credential " + name;
  if (name.empty() || name.find('/') != std::string::npos) {
    return fail(FailureKind::invalid, source + ": a credential's name is one file name");
  }
  const char* folder =
      std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe): read at start-up
  if (folder == nullptr) {
    return fail(FailureKind::missing, source + ": $CREDENTIALS_DIRECTORY is not set; add LoadCredential=" +
                                          name + ":PATH to the unit");
  }
  return from_file(std::filesystem::path(folder) / name, false, source);
}

Result<Kek> from_token(const std::string& text) {
  const auto uri = parse_pkcs11_uri(text);
  if (!uri) {
    return uri.error();
  }
  auto token = Token::open(*uri, TokenUse::use);
  if (!token) {
    return token.error();
  }
  return token->derive_kek();
}

}  // namespace

Kek::~Kek() {
  OPENSSL_cleanse(key_.data(), key_.size());
}

Kek::Kek(Kek&& other) noexcept : key_(other.key_) {
  OPENSSL_cleanse(other.key_.data(), other.key_.size());
}

Kek& Kek::operator=(Kek&& other) noexcept {
  if (this != &other) {
    key_ = other.key_;
    OPENSSL_cleanse(other.key_.data(), other.key_.size());
  }
  return *this;
}

Result<Kek> load_kek(const KekSource& source) {
  switch (source.kind) {
    case KekSource::Kind::file:
      return from_file(source.name, true, source.name);
    case KekSource::Kind::environment:
      return from_environment(source.name);
    case KekSource::Kind::credential:
      return from_credential(source.name);
    case KekSource::Kind::pkcs11:
      return from_token(source.name);
  }
  return fail(FailureKind::invalid, "unknown source of a key-encryption key");
}

Result<void> create_kek_file(const std::filesystem::path& path) {
  std::array<std::uint8_t, kek_size> key{};
  if (RAND_priv_bytes(key.data(), static_cast<int>(key.size())) != 1) {
    return fail(FailureKind::crypto, path.string() + ": no random bytes for a key-encryption key");
  }
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(hex_size + 1);
  for (const std::uint8_t byte : key) {
    text.push_back(digits[byte >> 4U]);
    text.push_back(digits[byte & 15U]);
  }
  text.push_back('\n');
  auto done = create_file(path, text, 0600);
  OPENSSL_cleanse(key.data(), key.size());
  OPENSSL_cleanse(text.data(), text.size());
  return done;
}

}  // namespace tallygate::audit
