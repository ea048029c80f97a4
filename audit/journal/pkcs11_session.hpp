#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/pkcs11_module.hpp"
#include "audit/journal/pkcs11_pin.hpp"
#include "audit/journal/pkcs11_uri.hpp"

#include <p11-kit/pkcs11.h>

#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {

/// The attributes of an object, with the memory behind them.
class Pkcs11Template {
 public:
  Pkcs11Template& flag(CK_ATTRIBUTE_TYPE type, bool value);
  Pkcs11Template& number(CK_ATTRIBUTE_TYPE type, CK_ULONG value);
  Pkcs11Template& bytes(CK_ATTRIBUTE_TYPE type, std::string_view value);

  [[nodiscard]] CK_ATTRIBUTE* data() { return list_.data(); }
  [[nodiscard]] CK_ULONG size() const { return static_cast<CK_ULONG>(list_.size()); }

 private:
  std::deque<std::string> values_;  // does not move what it holds
  std::vector<CK_ATTRIBUTE> list_;
};

/// A logged-in session with the one token that a URI means; ended when destroyed. One thread at a time.
class Pkcs11Session {
 public:
  /// Errors: missing (no such token), invalid (more than one; a wrong PIN), crypto.
  static Result<std::unique_ptr<Pkcs11Session>> open(const Pkcs11Uri& uri, bool writable);

  ~Pkcs11Session();
  Pkcs11Session(const Pkcs11Session&) = delete;
  Pkcs11Session& operator=(const Pkcs11Session&) = delete;
  Pkcs11Session(Pkcs11Session&&) = delete;
  Pkcs11Session& operator=(Pkcs11Session&&) = delete;

  /// All objects that are as `wanted`, a hundred at most. Errors: crypto.
  Result<std::vector<CK_OBJECT_HANDLE>> find(Pkcs11Template& wanted);
  /// The one object of this class and the URI's label. Errors: missing, invalid (more than one), crypto.
  Result<CK_OBJECT_HANDLE> find_one(CK_OBJECT_CLASS kind, std::string_view what);
  /// One attribute's value. Errors: crypto.
  Result<std::string> attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type, std::string_view what);
  /// What `key` makes of `message` by `mechanism`, `size` bytes exactly. Errors: crypto.
  Result<std::vector<std::uint8_t>> sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism,
                                         std::string_view message, std::size_t size);

  /// "MODULE: token "T", object "O": act: why".
  [[nodiscard]] Failure failed(std::string_view act, CK_RV value) const;
  /// The same with a kind and words of the caller's.
  [[nodiscard]] Failure failed(FailureKind kind, std::string_view what) const;

  [[nodiscard]] const CK_FUNCTION_LIST& functions() const { return module_->functions(); }
  [[nodiscard]] CK_SESSION_HANDLE handle() const { return handle_; }
  [[nodiscard]] const std::string& label() const { return uri_.object; }

 private:
  Pkcs11Session(std::shared_ptr<Pkcs11Module> module, Pkcs11Uri uri)
      : module_(std::move(module)), uri_(std::move(uri)) {}
  [[nodiscard]] Result<CK_SLOT_ID> find_slot() const;
  Result<void> log_in(CK_SLOT_ID slot, const PinSource& source);

  std::shared_ptr<Pkcs11Module> module_;
  Pkcs11Uri uri_;
  CK_SESSION_HANDLE handle_ = CK_INVALID_HANDLE;
  bool open_ = false;
};

}  // namespace tallygate::audit
