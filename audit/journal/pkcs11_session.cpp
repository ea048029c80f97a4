#include "audit/journal/pkcs11_session.hpp"

#include <fmt/format.h>

#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr CK_ULONG objects_max = 100;
constexpr std::size_t attribute_max = 4096;

// Fields of PKCS#11 are filled with spaces, or in some modules end with a zero byte.
std::string_view padded(std::span<const unsigned char> field) {
  std::string_view text(reinterpret_cast<const char*>(field.data()), field.size());
  text = text.substr(0, text.find('\0'));
  const auto last = text.find_last_not_of(' ');
  return last == std::string_view::npos ? std::string_view() : text.substr(0, last + 1);
}

// Whether a token is the one that is meant: what the URI leaves out may be anything.
bool matches(const CK_TOKEN_INFO& info, const Pkcs11Uri& uri) {
  const auto is = [](std::string_view wanted, std::span<const unsigned char> field) {
    return wanted.empty() || wanted == padded(field);
  };
  return is(uri.token, info.label) && is(uri.manufacturer, info.manufacturerID) &&
         is(uri.model, info.model) && is(uri.serial, info.serialNumber);
}

FailureKind kind_of(CK_RV value) {
  switch (value) {
    case CKR_PIN_INCORRECT:
    case CKR_PIN_INVALID:
    case CKR_PIN_LEN_RANGE:
    case CKR_PIN_LOCKED:
    case CKR_PIN_EXPIRED:
    case CKR_USER_PIN_NOT_INITIALIZED:
    case CKR_KEY_TYPE_INCONSISTENT:
    case CKR_KEY_FUNCTION_NOT_PERMITTED:
      return FailureKind::invalid;
    case CKR_DEVICE_REMOVED:
    case CKR_TOKEN_NOT_PRESENT:
      return FailureKind::missing;
    default:
      return FailureKind::crypto;
  }
}

}  // namespace

Pkcs11Template& Pkcs11Template::bytes(CK_ATTRIBUTE_TYPE type, std::string_view value) {
  std::string& kept = values_.emplace_back(value);
  list_.push_back({type, kept.data(), static_cast<CK_ULONG>(kept.size())});
  return *this;
}

Pkcs11Template& Pkcs11Template::flag(CK_ATTRIBUTE_TYPE type, bool value) {
  return bytes(type, std::string_view(value ? "\x01" : "\x00", sizeof(CK_BBOOL)));
}

Pkcs11Template& Pkcs11Template::number(CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  return bytes(type, {reinterpret_cast<const char*>(&value), sizeof(value)});
}

Failure Pkcs11Session::failed(FailureKind kind, std::string_view what) const {
  return fail(kind, fmt::format("{}: token \"{}\", object \"{}\": {}", uri_.module_path, uri_.token,
                                uri_.object, what));
}

Failure Pkcs11Session::failed(std::string_view act, CK_RV value) const {
  return failed(kind_of(value), fmt::format("{}: {}", act, pkcs11_words(value)));
}

Result<CK_SLOT_ID> Pkcs11Session::find_slot() const {
  CK_ULONG count = 0;
  std::vector<CK_SLOT_ID> slots;
  CK_RV got = functions().C_GetSlotList(CK_TRUE, nullptr, &count);
  if (got == CKR_OK && count > 0) {
    slots.resize(count);
    got = functions().C_GetSlotList(CK_TRUE, slots.data(), &count);
    slots.resize(std::min<std::size_t>(count, slots.size()));
  }
  if (got != CKR_OK) {
    return failed("cannot list the tokens", got);
  }
  std::vector<CK_SLOT_ID> found;
  std::string others;
  for (const CK_SLOT_ID slot : slots) {
    CK_TOKEN_INFO info{};
    // A slot whose token cannot be asked, such as one taken out this moment, is not the one that is meant.
    if (functions().C_GetTokenInfo(slot, &info) != CKR_OK || (info.flags & CKF_TOKEN_INITIALIZED) == 0) {
      continue;
    }
    if (matches(info, uri_)) {
      found.push_back(slot);
    } else {
      others += fmt::format("{}\"{}\"", others.empty() ? "" : ", ", padded(info.label));
    }
  }
  if (found.empty()) {
    return failed(
        FailureKind::missing,
        "there is no such token; " + (others.empty() ? "the module has none" : "the module has " + others));
  }
  if (found.size() > 1) {
    return failed(FailureKind::invalid, "more than one token is called so; add its serial=… to the URI");
  }
  return found.front();
}

Result<void> Pkcs11Session::log_in(CK_SLOT_ID slot, const PinSource& source) {
  CK_TOKEN_INFO info{};
  if (const CK_RV asked = functions().C_GetTokenInfo(slot, &info); asked != CKR_OK) {
    return failed("cannot ask the token", asked);
  }
  if ((info.flags & CKF_LOGIN_REQUIRED) == 0) {
    return {};
  }
  auto pin = read_pin(source);
  if (!pin) {
    return failed(pin.error().kind, pin.error().message);
  }
  // PKCS#11 takes a pointer that is not const and reads only.
  auto* bytes = reinterpret_cast<CK_UTF8CHAR*>(const_cast<char*>(pin->text().data()));
  const CK_RV logged =
      functions().C_Login(handle_, CKU_USER, bytes, static_cast<CK_ULONG>(pin->text().size()));
  // A process has one login on a token: another session of ours may have done it.
  if (logged != CKR_OK && logged != CKR_USER_ALREADY_LOGGED_IN) {
    return failed("cannot log in", logged);
  }
  return {};
}

Result<std::unique_ptr<Pkcs11Session>> Pkcs11Session::open(const Pkcs11Uri& uri, bool writable) {
  auto module = Pkcs11Module::load(uri.module_path);
  if (!module) {
    return fail(module.error().kind, fmt::format("token \"{}\", object \"{}\": {}", uri.token, uri.object,
                                                 module.error().message));
  }
  std::unique_ptr<Pkcs11Session> session(new Pkcs11Session(*std::move(module), uri));
  const auto slot = session->find_slot();
  if (!slot) {
    return slot.error();
  }
  const CK_FLAGS flags = CKF_SERIAL_SESSION | (writable ? CKF_RW_SESSION : 0);
  if (const CK_RV opened =
          session->functions().C_OpenSession(*slot, flags, nullptr, nullptr, &session->handle_);
      opened != CKR_OK) {
    return session->failed("cannot open a session", opened);
  }
  session->open_ = true;
  if (auto logged = session->log_in(*slot, uri.pin); !logged) {
    return logged.error();
  }
  return session;
}

Pkcs11Session::~Pkcs11Session() {
  if (open_) {
    functions().C_CloseSession(handle_);
  }
}

Result<std::vector<CK_OBJECT_HANDLE>> Pkcs11Session::find(Pkcs11Template& wanted) {
  std::vector<CK_OBJECT_HANDLE> found(objects_max);
  CK_ULONG count = 0;
  CK_RV done = functions().C_FindObjectsInit(handle_, wanted.data(), wanted.size());
  if (done == CKR_OK) {
    done = functions().C_FindObjects(handle_, found.data(), objects_max, &count);
    const CK_RV ended = functions().C_FindObjectsFinal(handle_);
    done = done == CKR_OK ? ended : done;
  }
  if (done != CKR_OK) {
    return failed("cannot look for the object", done);
  }
  found.resize(std::min<std::size_t>(count, found.size()));
  return found;
}

Result<CK_OBJECT_HANDLE> Pkcs11Session::find_one(CK_OBJECT_CLASS kind, std::string_view what) {
  Pkcs11Template wanted;
  wanted.number(CKA_CLASS, kind).bytes(CKA_LABEL, label());
  const auto found = find(wanted);
  if (!found) {
    return found.error();
  }
  if (found->empty()) {
    return failed(FailureKind::missing, fmt::format("there is no {} of this label", what));
  }
  if (found->size() > 1) {
    return failed(FailureKind::invalid, fmt::format("there is more than one {} of this label", what));
  }
  return found->front();
}

Result<std::string> Pkcs11Session::attribute(CK_OBJECT_HANDLE object, CK_ATTRIBUTE_TYPE type,
                                             std::string_view what) {
  CK_ATTRIBUTE wanted{type, nullptr, 0};
  const std::string act = fmt::format("cannot read {}", what);
  CK_RV got = functions().C_GetAttributeValue(handle_, object, &wanted, 1);
  if (got != CKR_OK || wanted.ulValueLen > attribute_max) {  // a length of -1 means that there is none
    return failed(act, got == CKR_OK ? CKR_ATTRIBUTE_TYPE_INVALID : got);
  }
  std::string value(wanted.ulValueLen, '\0');
  wanted.pValue = value.data();
  got = functions().C_GetAttributeValue(handle_, object, &wanted, 1);
  if (got != CKR_OK || wanted.ulValueLen > value.size()) {
    return failed(act, got == CKR_OK ? CKR_ATTRIBUTE_TYPE_INVALID : got);
  }
  value.resize(wanted.ulValueLen);
  return value;
}

Result<std::vector<std::uint8_t>> Pkcs11Session::sign(CK_OBJECT_HANDLE key, CK_MECHANISM_TYPE mechanism,
                                                      std::string_view message, std::size_t size) {
  CK_MECHANISM how{mechanism, nullptr, 0};
  if (const CK_RV begun = functions().C_SignInit(handle_, &how, key); begun != CKR_OK) {
    return failed("cannot sign", begun);
  }
  std::vector<std::uint8_t> signature(size);
  CK_ULONG length = static_cast<CK_ULONG>(size);
  auto* bytes = reinterpret_cast<CK_BYTE*>(const_cast<char*>(message.data()));  // read only
  const CK_RV done =
      functions().C_Sign(handle_, bytes, static_cast<CK_ULONG>(message.size()), signature.data(), &length);
  if (done != CKR_OK) {
    return failed("cannot sign", done);
  }
  if (length != size) {
    return failed(FailureKind::crypto, fmt::format("it signed with {} bytes instead of {}", length, size));
  }
  return signature;
}

}  // namespace tallygate::audit
