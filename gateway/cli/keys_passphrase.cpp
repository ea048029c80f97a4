#include "gateway/cli/keys_passphrase.hpp"

#include "audit/journal/pkcs11_pin.hpp"
#include "audit/search/escape.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string_view>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

constexpr char interrupt = '\x03';
constexpr char end_of_input = '\x04';

/// A terminal that does not show what is typed, until this ends. Ctrl-C arrives as a character meanwhile, so
/// that the terminal is never left without echo.
class QuietTerminal {
 public:
  QuietTerminal() : descriptor_(::open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY)) {
    if (descriptor_ >= 0 && ::tcgetattr(descriptor_, &before_) == 0) {
      termios quiet = before_;
      quiet.c_lflag &= ~static_cast<tcflag_t>(ECHO | ISIG);
      open_ = ::tcsetattr(descriptor_, TCSAFLUSH, &quiet) == 0;
    }
  }
  ~QuietTerminal() {
    if (open_) {
      ::tcsetattr(descriptor_, TCSAFLUSH, &before_);
    }
    if (descriptor_ >= 0) {
      ::close(descriptor_);
    }
  }
  QuietTerminal(const QuietTerminal&) = delete;
  QuietTerminal& operator=(const QuietTerminal&) = delete;

  [[nodiscard]] bool is_open() const noexcept { return open_; }

  Result<std::string> ask(std::string_view question) const {
    say(question);
    std::string line;
    char typed = 0;
    while (line.size() <= passphrase_max && ::read(descriptor_, &typed, 1) == 1 && typed != '\n') {
      if (typed == interrupt || typed == end_of_input) {
        say("\n");
        return fail(FailureKind::invalid, "cancelled: nothing was changed");
      }
      line.push_back(typed);
    }
    say("\n");
    return line;
  }

 private:
  void say(std::string_view text) const {
    // Where the terminal cannot be written to, the answer that is typed still counts.
    [[maybe_unused]] const auto written = ::write(descriptor_, text.data(), text.size());
  }

  int descriptor_;
  termios before_{};
  bool open_ = false;
};

Result<std::string> from_file(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  if (!file || !std::getline(file, line)) {
    return fail(
        FailureKind::missing,
        fmt::format("{}: cannot read a passphrase: the file's first line must hold it", path.string()));
  }
  if (line.ends_with('\r')) {
    line.pop_back();
  }
  return line;
}

Result<std::string> from_terminal(PassphraseUse use) {
  const QuietTerminal terminal;
  if (!terminal.is_open()) {
    return fail(FailureKind::missing, fmt::format("no passphrase for the provisioning key: name a file with "
                                                  "--passphrase-file, or set {}",
                                                  passphrase_variable));
  }
  auto first = terminal.ask(use == PassphraseUse::make ? "New passphrase for the provisioning key: "
                                                       : "Passphrase of the provisioning key: ");
  if (!first || use == PassphraseUse::open) {
    return first;
  }
  auto second = terminal.ask("Once more: ");
  if (!second) {
    return second;
  }
  const bool same = *first == *second;
  OPENSSL_cleanse(second->data(), second->size());
  if (!same) {
    return fail(FailureKind::invalid, "the two passphrases differ: nothing was changed");
  }
  return first;
}

}  // namespace

Result<std::string> read_passphrase(const std::optional<std::filesystem::path>& file, PassphraseUse use) {
  Result<std::string> passphrase = std::string{};
  // getenv: the process has one thread while it reads its arguments.
  if (file) {
    passphrase = from_file(*file);
  } else if (const char* value = std::getenv(passphrase_variable)) {  // NOLINT(concurrency-mt-unsafe)
    passphrase = std::string(value);
  } else {
    passphrase = from_terminal(use);
  }
  if (!passphrase) {
    return passphrase;
  }
  if (passphrase->size() > passphrase_max) {
    return fail(FailureKind::invalid, fmt::format("a passphrase has at most {} bytes", passphrase_max));
  }
  if (use == PassphraseUse::make && passphrase->size() < passphrase_min) {
    return fail(FailureKind::invalid,
                fmt::format("the passphrase has {} characters: use at least {}, better four or five words",
                            passphrase->size(), passphrase_min));
  }
  return passphrase;
}

Result<void> ask_for_pin(const audit::Pkcs11Uri& uri) {
  const bool given =
      uri.pin.kind != audit::PinSource::Kind::environment ||
      std::getenv(audit::pin_variable) != nullptr;  // NOLINT(concurrency-mt-unsafe): one thread
  if (given || ::isatty(STDIN_FILENO) != 1) {
    return {};
  }
  const QuietTerminal terminal;
  if (!terminal.is_open()) {
    return {};  // whoever needs the PIN says where it may come from
  }
  auto pin = terminal.ask(fmt::format("PIN of the token {}: ", audit::inert_text(uri.token)));
  if (!pin) {
    return pin.error();
  }
  const bool kept = ::setenv(audit::pin_variable, pin->c_str(), 1) == 0;  // NOLINT(concurrency-mt-unsafe)
  OPENSSL_cleanse(pin->data(), pin->size());
  return kept ? Result<void>() : fail(FailureKind::unreadable, "no memory to keep the PIN that was typed");
}

}  // namespace tallygate::cli
