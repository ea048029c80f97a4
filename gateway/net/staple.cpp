#include "gateway/net/staple.hpp"

#include <openssl/ocsp.h>

#include <cstring>
#include <ctime>
#include <fstream>
#include <iterator>
#include <memory>

namespace tallygate::net {
namespace {

template <auto free>
struct Free {
  template <typename T>
  void operator()(T* pointer) const noexcept {
    free(pointer);
  }
};
using Response = std::unique_ptr<OCSP_RESPONSE, Free<OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Free<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, Free<OCSP_CERTID_free>>;

constexpr std::size_t file_max = std::size_t{64} * 1024;

std::string named(const std::filesystem::path& file, std::string_view what) {
  return "the OCSP response '" + file.string() + "' " + std::string(what);
}

/// The status of the leaf in an answer; null where the answer is about another certificate.
OCSP_SINGLERESP* single_of(OCSP_BASICRESP* basic, X509* leaf, X509* issuer) {
  for (int at = 0; at < OCSP_resp_count(basic); ++at) {
    OCSP_SINGLERESP* single = OCSP_resp_get0(basic, at);
    const OCSP_CERTID* theirs = OCSP_SINGLERESP_get0_id(single);
    ASN1_OBJECT* digest = nullptr;
    if (OCSP_id_get0_info(nullptr, &digest, nullptr, nullptr, const_cast<OCSP_CERTID*>(theirs)) != 1) {
      continue;
    }
    const CertificateId ours(OCSP_cert_to_id(EVP_get_digestbyobj(digest), leaf, issuer));
    if (ours && OCSP_id_cmp(ours.get(), theirs) == 0) {
      return single;
    }
  }
  return nullptr;
}

X509* issuer_of(X509* leaf, SSL_CTX& context) {
  STACK_OF(X509)* chain = nullptr;
  // NOLINTNEXTLINE(bugprone-multi-level-implicit-pointer-conversion): a macro of the library
  SSL_CTX_get0_chain_certs(&context, &chain);
  for (int at = 0; at < sk_X509_num(chain); ++at) {
    X509* candidate = sk_X509_value(chain, at);
    if (X509_check_issued(candidate, leaf) == X509_V_OK) {
      return candidate;
    }
  }
  return X509_check_issued(leaf, leaf) == X509_V_OK ? leaf : nullptr;
}

}  // namespace

boost::system::result<Staple, std::string> read_staple(const std::filesystem::path& file, SSL_CTX& context) {
  std::ifstream stream(file, std::ios::binary);
  Staple staple;
  staple.der.assign(std::istreambuf_iterator<char>(stream), {});
  if (!stream || staple.der.empty()) {
    return named(file, "cannot be read");
  }
  if (staple.der.size() > file_max) {
    return named(file, "is larger than 64 KiB");
  }
  const auto* bytes = reinterpret_cast<const unsigned char*>(staple.der.data());
  const auto size = static_cast<long>(staple.der.size());  // NOLINT(google-runtime-int)
  const Response response(d2i_OCSP_RESPONSE(nullptr, &bytes, size));
  if (!response || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return named(file, "is no successful OCSP response in DER");
  }
  const Basic basic(OCSP_response_get1_basic(response.get()));
  X509* leaf = SSL_CTX_get0_certificate(&context);
  X509* issuer = issuer_of(leaf, context);
  if (!basic || issuer == nullptr) {
    return named(file, "cannot be checked: the certificate's chain must hold its issuer");
  }
  OCSP_SINGLERESP* single = single_of(basic.get(), leaf, issuer);
  ASN1_GENERALIZEDTIME* next = nullptr;
  if (single == nullptr) {
    return named(file, "is about another certificate");
  }
  if (OCSP_single_get0_status(single, nullptr, nullptr, nullptr, &next) != V_OCSP_CERTSTATUS_GOOD) {
    return named(file, "says that the certificate is revoked or unknown");
  }
  std::tm broken{};
  if (next == nullptr || ASN1_TIME_to_tm(next, &broken) != 1) {
    return named(file, "does not say until when it holds (nextUpdate)");
  }
  staple.expires = std::chrono::system_clock::from_time_t(timegm(&broken));
  return staple;
}

int hand_out(const Staple& staple, SSL& ssl) noexcept {
  if (std::chrono::system_clock::now() >= staple.expires) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  void* copy = OPENSSL_malloc(staple.der.size());
  if (copy == nullptr) {
    return SSL_TLSEXT_ERR_NOACK;
  }
  std::memcpy(copy, staple.der.data(), staple.der.size());
  SSL_set_tlsext_status_ocsp_resp(&ssl, copy, static_cast<long>(staple.der.size()));  // takes it
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace tallygate::net
