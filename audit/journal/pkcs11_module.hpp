#pragma once

#include "audit/journal/failure.hpp"

#include <p11-kit/pkcs11.h>

#include <memory>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// What a return value of a PKCS#11 function means, for people, with its name: "the PIN is wrong
/// (CKR_PIN_INCORRECT)".
[[nodiscard]] std::string pkcs11_words(CK_RV value);

/// A PKCS#11 module in this process, initialised with the system's locks. PKCS#11 knows one initialisation a
/// process, so everybody who asks for a path shares one; the last one to let go ends it. The functions may be
/// called from several threads.
class Pkcs11Module {
 public:
  /// The module at `path`, absolute. One that something else in this process initialised already is used as
  /// it is and not ended. Errors: missing (no such file), invalid (not a PKCS#11 module), crypto (it does not
  /// start).
  static Result<std::shared_ptr<Pkcs11Module>> load(const std::string& path);

  ~Pkcs11Module();
  Pkcs11Module(const Pkcs11Module&) = delete;
  Pkcs11Module& operator=(const Pkcs11Module&) = delete;
  Pkcs11Module(Pkcs11Module&&) = delete;
  Pkcs11Module& operator=(Pkcs11Module&&) = delete;

  [[nodiscard]] const CK_FUNCTION_LIST& functions() const { return *functions_; }

 private:
  Pkcs11Module() = default;
  static Result<std::shared_ptr<Pkcs11Module>> start(const std::string& path);

  CK_FUNCTION_LIST* functions_ = nullptr;
  std::string path_;
  bool ours_ = false;  // whether it is ours to end; guarded by the table's mutex once it stands there
};

}  // namespace tallygate::audit
