#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#include <sanitizer/lsan_interface.h>
#define TALLYGATE_LEAKS_OF_MODULES
#endif
#endif

namespace tallygate::testing {

/// SoftHSM 2.6.1 loses some bytes with each key that it takes up. Its frames cannot be told by name, since
/// libcrypto between keeps no frame pointers: what a thread allocates while a token is in use is not looked
/// for.
class LeaksOfModules {
 public:
#ifdef TALLYGATE_LEAKS_OF_MODULES
  LeaksOfModules() { __lsan_disable(); }
  ~LeaksOfModules() { __lsan_enable(); }
#else
  LeaksOfModules() = default;
  ~LeaksOfModules() = default;
#endif
  LeaksOfModules(const LeaksOfModules&) = delete;
  LeaksOfModules& operator=(const LeaksOfModules&) = delete;
};

/// A token of SoftHSM's in a folder of its own; the folder and with it the token go at the end. One at a time
/// in a process: SoftHSM is told of it by an environment variable.
class SoftHsm {
 public:
  static constexpr const char* module = "/usr/lib/softhsm/libsofthsm2.so";
  static constexpr const char* pin = "4711-0815";

  /// Throws where there is no SoftHSM: scripts/install test brings it.
  SoftHsm() {
    std::string pattern = (std::filesystem::temp_directory_path() / "tallygate-token-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    folder_ = pattern;
    std::filesystem::create_directory(folder_ / "tokens");
    std::ofstream(folder_ / "conf") << "directories.tokendir = " << (folder_ / "tokens").string()
                                    << "\nobjectstore.backend = file\nlog.level = ERROR\n";
    ::setenv("SOFTHSM2_CONF", (folder_ / "conf").c_str(), 1);  // NOLINT(concurrency-mt-unsafe)
    write_pin("pin", pin);
    write_pin("wrong", "0000");
    add_token("journal");
  }
  ~SoftHsm() {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  SoftHsm(const SoftHsm&) = delete;
  SoftHsm& operator=(const SoftHsm&) = delete;

  /// One more token, of the same PIN.
  void add_token(const std::string& label) const {
    const std::string command = "softhsm2-util --init-token --free --label " + label + " --so-pin so-" + pin +
                                " --pin " + pin + " > /dev/null";
    const int status = std::system(command.c_str());  // NOLINT(cert-env33-c,concurrency-mt-unsafe)
    if (status != 0) {
      throw std::runtime_error("softhsm2-util failed: run scripts/install test");
    }
  }

  [[nodiscard]] std::string uri(const std::string& object, const std::string& pin_file = "pin") const {
    return "pkcs11:token=journal;object=" + object + "?module-path=" + module +
           "&pin-source=file:" + (folder_ / pin_file).string();
  }
  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }

 private:
  void write_pin(const char* name, const char* text) const {
    std::ofstream(folder_ / name) << text << '\n';
    ::chmod((folder_ / name).c_str(), 0600);
  }

  [[maybe_unused]] LeaksOfModules leaks_;  // ends last
  std::filesystem::path folder_;
};

}  // namespace tallygate::testing
