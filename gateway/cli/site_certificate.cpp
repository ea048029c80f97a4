#include "gateway/cli/site_certificate.hpp"

#include "policy/request/address.hpp"

#include <fmt/format.h>
#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <array>
#include <memory>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;

constexpr std::size_t names_max = 32;
constexpr std::size_t serial_size = 16;  // CA/Browser Forum: at least 64 random bits

template <auto Free>
struct Freer {
  template <typename T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using Bio = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Extension = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;

/// Letters, digits, '-', '_' and '.' only, so that a name cannot smuggle another entry into the extension's
/// text.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() <= 253 &&
         name.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.*") ==
             std::string::npos;
}

Result<std::string> alternative_names(std::span<const std::string> names) {
  if (names.empty() || names.size() > names_max) {
    return fail(FailureKind::invalid, fmt::format("a certificate needs 1 to {} names", names_max));
  }
  std::string text;
  for (const auto& name : names) {
    const bool is_address = policy::parse_address(name).has_value();
    if (!is_address && !is_plain_name(name)) {
      return fail(FailureKind::invalid, fmt::format("'{}' is neither a host name nor an IP address", name));
    }
    text += fmt::format("{}{}:{}", text.empty() ? "" : ",", is_address ? "IP" : "DNS", name);
  }
  return text;
}

bool add_extension(X509* certificate, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())};
  return extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1;
}

bool set_serial(X509* certificate) {
  std::array<unsigned char, serial_size> random{};
  if (RAND_bytes(random.data(), static_cast<int>(random.size())) != 1) {
    return false;
  }
  random[0] &= 0x7f;  // a serial number is positive (RFC 5280 §4.1.2.2)
  const std::unique_ptr<BIGNUM, Freer<BN_free>> number{
      BN_bin2bn(random.data(), static_cast<int>(random.size()), nullptr)};
  return number != nullptr && BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr;
}

bool set_subject(X509* certificate, const std::string& name) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  // A common name holds at most 64 characters (RFC 5280, ub-common-name); clients read the alternative names.
  const std::string common = name.substr(0, 64);
  return X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common.data()),
                                    static_cast<int>(common.size()), -1, 0) == 1 &&
         X509_set_issuer_name(certificate, subject) == 1;
}

bool set_validity(X509* certificate, std::chrono::system_clock::time_point now) {
  using namespace std::chrono;
  const std::time_t from = system_clock::to_time_t(now - hours{1});
  const std::time_t to = system_clock::to_time_t(now + self_signed_days - hours{1});
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from) != nullptr &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), to) != nullptr;
}

std::string text_of(BIO* bio) {
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio, &data);
  return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string{};
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  std::string text;
  if (X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1) {
    for (unsigned i = 0; i < size; ++i) {
      text += fmt::format("{}{:02X}", i == 0 ? "" : ":", digest[i]);
    }
  }
  return text;
}

}  // namespace

Result<SelfSigned> make_self_signed(std::span<const std::string> names,
                                    std::chrono::system_clock::time_point now) {
  const auto alternatives = alternative_names(names);
  if (!alternatives) {
    return alternatives.error();
  }
  auto failed = fail(FailureKind::crypto, "OpenSSL could not make a certificate");
  const Key key{EVP_EC_gen("P-256")};
  const Certificate certificate{X509_new()};
  if (!key || !certificate || X509_set_version(certificate.get(), X509_VERSION_3) != 1 ||
      !set_serial(certificate.get()) || !set_subject(certificate.get(), names.front()) ||
      !set_validity(certificate.get(), now) || X509_set_pubkey(certificate.get(), key.get()) != 1 ||
      !add_extension(certificate.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate.get(), NID_ext_key_usage, "serverAuth") ||
      !add_extension(certificate.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate.get(), NID_subject_alt_name, *alternatives) ||
      X509_sign(certificate.get(), key.get(), EVP_sha256()) == 0) {
    return failed;
  }
  const Bio certificate_text{BIO_new(BIO_s_mem())};
  const Bio key_text{BIO_new(BIO_s_secmem())};
  if (!certificate_text || !key_text || PEM_write_bio_X509(certificate_text.get(), certificate.get()) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr) != 1) {
    return failed;
  }
  return SelfSigned{text_of(certificate_text.get()), text_of(key_text.get()),
                    fingerprint_of(certificate.get())};
}

bool expires_before(const std::string& text, std::chrono::system_clock::time_point moment) {
  const Bio bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  const Certificate certificate{bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr};
  if (!certificate) {
    return true;
  }
  std::time_t limit = std::chrono::system_clock::to_time_t(moment);
  return X509_cmp_time(X509_get0_notAfter(certificate.get()), &limit) <= 0;
}

}  // namespace tallygate::cli
