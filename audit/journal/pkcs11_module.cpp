#include "audit/journal/pkcs11_module.hpp"

#include <dlfcn.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

namespace tallygate::audit {
namespace {

struct Meaning {
  CK_RV value;
  std::string_view name;
  std::string_view words;
};

// Those that a person can do something about, in their words.
constexpr std::array<Meaning, 35> meanings = {{
    {CKR_ARGUMENTS_BAD, "CKR_ARGUMENTS_BAD", "the module does not accept what it was asked"},
    {CKR_ATTRIBUTE_READ_ONLY, "CKR_ATTRIBUTE_READ_ONLY", "the token does not let this be set"},
    {CKR_ATTRIBUTE_SENSITIVE, "CKR_ATTRIBUTE_SENSITIVE", "the token does not give this away"},
    {CKR_ATTRIBUTE_TYPE_INVALID, "CKR_ATTRIBUTE_TYPE_INVALID", "the token does not know this attribute"},
    {CKR_ATTRIBUTE_VALUE_INVALID, "CKR_ATTRIBUTE_VALUE_INVALID", "the token does not accept this attribute"},
    {CKR_CRYPTOKI_NOT_INITIALIZED, "CKR_CRYPTOKI_NOT_INITIALIZED", "something ended the module"},
    {CKR_CURVE_NOT_SUPPORTED, "CKR_CURVE_NOT_SUPPORTED", "the token knows no Ed25519"},
    {CKR_DEVICE_ERROR, "CKR_DEVICE_ERROR", "the token has a fault"},
    {CKR_DEVICE_MEMORY, "CKR_DEVICE_MEMORY", "the token is full"},
    {CKR_DEVICE_REMOVED, "CKR_DEVICE_REMOVED", "the token was taken out"},
    {CKR_DOMAIN_PARAMS_INVALID, "CKR_DOMAIN_PARAMS_INVALID", "the token knows no Ed25519"},
    {CKR_FUNCTION_FAILED, "CKR_FUNCTION_FAILED", "the token could not do it"},
    {CKR_FUNCTION_NOT_SUPPORTED, "CKR_FUNCTION_NOT_SUPPORTED", "the module has no such function"},
    {CKR_GENERAL_ERROR, "CKR_GENERAL_ERROR", "the module has a fault; its own log may tell more"},
    {CKR_HOST_MEMORY, "CKR_HOST_MEMORY", "not enough memory"},
    {CKR_KEY_FUNCTION_NOT_PERMITTED, "CKR_KEY_FUNCTION_NOT_PERMITTED", "the key is not for this use"},
    {CKR_KEY_HANDLE_INVALID, "CKR_KEY_HANDLE_INVALID", "the key is gone"},
    {CKR_KEY_SIZE_RANGE, "CKR_KEY_SIZE_RANGE", "the key has another length"},
    {CKR_KEY_TYPE_INCONSISTENT, "CKR_KEY_TYPE_INCONSISTENT", "the key is of another type"},
    {CKR_MECHANISM_INVALID, "CKR_MECHANISM_INVALID", "the token cannot do this algorithm"},
    {CKR_MECHANISM_PARAM_INVALID, "CKR_MECHANISM_PARAM_INVALID", "the token cannot do this algorithm so"},
    {CKR_OBJECT_HANDLE_INVALID, "CKR_OBJECT_HANDLE_INVALID", "the object is gone"},
    {CKR_PIN_EXPIRED, "CKR_PIN_EXPIRED", "the PIN has expired and must be changed"},
    {CKR_PIN_INCORRECT, "CKR_PIN_INCORRECT", "the PIN is wrong"},
    {CKR_PIN_INVALID, "CKR_PIN_INVALID", "the PIN holds characters that the token does not accept"},
    {CKR_PIN_LEN_RANGE, "CKR_PIN_LEN_RANGE", "the PIN is too short or too long for the token"},
    {CKR_PIN_LOCKED, "CKR_PIN_LOCKED", "the PIN is locked after too many wrong ones"},
    {CKR_SESSION_COUNT, "CKR_SESSION_COUNT", "the token has no session left"},
    {CKR_SESSION_HANDLE_INVALID, "CKR_SESSION_HANDLE_INVALID", "the session with the token was ended"},
    {CKR_TEMPLATE_INCONSISTENT, "CKR_TEMPLATE_INCONSISTENT", "the token makes no such key"},
    {CKR_TOKEN_NOT_PRESENT, "CKR_TOKEN_NOT_PRESENT", "the token is not there"},
    {CKR_TOKEN_WRITE_PROTECTED, "CKR_TOKEN_WRITE_PROTECTED", "the token is write-protected"},
    {CKR_USER_NOT_LOGGED_IN, "CKR_USER_NOT_LOGGED_IN", "the token wants a PIN first"},
    {CKR_USER_PIN_NOT_INITIALIZED, "CKR_USER_PIN_NOT_INITIALIZED", "no user PIN was ever set on the token"},
    {CKR_USER_TYPE_INVALID, "CKR_USER_TYPE_INVALID", "the token knows no such user"},
}};

// Modules that are in use, by path: what PKCS#11 keeps once a process, so must we.
struct Loaded {
  std::mutex mutex;
  std::map<std::string, std::weak_ptr<Pkcs11Module>> modules;
};

Loaded& loaded() {
  static Loaded table;
  return table;
}

std::string last_dl_error() {
  const char* text = ::dlerror();  // NOLINT(concurrency-mt-unsafe): glibc's is a thread's own
  return text == nullptr ? "unknown error" : text;
}

}  // namespace

std::string pkcs11_words(CK_RV value) {
  const auto* const found = std::find_if(meanings.begin(), meanings.end(),
                                         [value](const Meaning& one) { return one.value == value; });
  return found == meanings.end() ? fmt::format("the module gave the error 0x{:08X}", value)
                                 : fmt::format("{} ({})", found->words, found->name);
}

Result<std::shared_ptr<Pkcs11Module>> Pkcs11Module::start(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) {
    return fail(FailureKind::missing,
                path + ": there is no PKCS#11 module; module-path must name the token's shared object");
  }
  // Never unmapped: modules leave handlers behind that run when a thread or the process ends.
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) {
    return fail(FailureKind::invalid, path + ": cannot load the PKCS#11 module: " + last_dl_error());
  }
  std::shared_ptr<Pkcs11Module> module(new Pkcs11Module());
  module->path_ = path;
  const auto list = reinterpret_cast<CK_C_GetFunctionList>(::dlsym(library, "C_GetFunctionList"));
  const CK_RV listed = list == nullptr ? CKR_FUNCTION_NOT_SUPPORTED : list(&module->functions_);
  ::dlclose(library);  // counts only: what is mapped stays
  if (listed != CKR_OK || module->functions_ == nullptr) {
    return fail(FailureKind::invalid, path + ": not a PKCS#11 module: it has no C_GetFunctionList");
  }
  CK_C_INITIALIZE_ARGS arguments{};
  arguments.flags = CKF_OS_LOCKING_OK;
  const CK_RV started = module->functions_->C_Initialize(&arguments);
  if (started != CKR_OK && started != CKR_CRYPTOKI_ALREADY_INITIALIZED) {
    return fail(FailureKind::crypto, path + ": the PKCS#11 module does not start: " + pkcs11_words(started));
  }
  module->ours_ = started == CKR_OK;
  return module;
}

Result<std::shared_ptr<Pkcs11Module>> Pkcs11Module::load(const std::string& path) {
  const std::lock_guard lock(loaded().mutex);
  if (auto there = loaded().modules[path].lock()) {
    return there;
  }
  auto module = start(path);
  if (module) {
    loaded().modules[path] = *module;
  }
  return module;
}

Pkcs11Module::~Pkcs11Module() {
  if (!ours_) {
    return;
  }
  std::shared_ptr<Pkcs11Module> heir;  // let go behind the lock: it may be the last to hold that one
  const std::lock_guard lock(loaded().mutex);
  // Somebody may have loaded the module between the end of the last share and here; then it is theirs to end.
  heir = loaded().modules[path_].lock();
  if (heir) {
    heir->ours_ = true;
  } else {
    functions_->C_Finalize(nullptr);
  }
}

}  // namespace tallygate::audit
