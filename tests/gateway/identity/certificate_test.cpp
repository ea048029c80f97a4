#include "gateway/identity/client_certificate.hpp"
#include "tests/gateway/identity/support.hpp"

#include <gtest/gtest.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace tallygate::identity {
namespace {

using testing::Head;
using testing::key_of;
using testing::now;
using testing::now_s;
using testing::wait;

struct CertificateFree {
  void operator()(X509* certificate) const { X509_free(certificate); }
};
using Certificate = std::unique_ptr<X509, CertificateFree>;

struct Name {
  int type;          // GEN_URI, GEN_DNS, GEN_EMAIL
  std::string text;  // as it is, NUL included
};

/// A self-signed certificate with these names; `common_names` in order.
Certificate certificate_of(const std::vector<std::string>& common_names, const std::vector<Name>& alternative,
                           std::int64_t not_after_s = now_s + 3'600) {
  Certificate certificate(X509_new());
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), 1);
  ASN1_TIME_set(X509_getm_notBefore(certificate.get()), now_s - 3'600);
  ASN1_TIME_set(X509_getm_notAfter(certificate.get()), not_after_s);
  X509_NAME* subject = X509_get_subject_name(certificate.get());
  for (const std::string& name : common_names) {
    X509_NAME_add_entry_by_NID(subject, NID_commonName, MBSTRING_UTF8, as_bytes(name),
                               static_cast<int>(name.size()), -1, 0);
  }
  GENERAL_NAMES* names = GENERAL_NAMES_new();
  for (const Name& name : alternative) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, name.text.data(), static_cast<int>(name.text.size()));
    GENERAL_NAME* general = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(general, name.type, text);
    sk_GENERAL_NAME_push(names, general);
  }
  if (!alternative.empty()) {
    X509_add1_ext_i2d(certificate.get(), NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT);
  }
  GENERAL_NAMES_free(names);
  X509_set_pubkey(certificate.get(), key_of(Algorithm::es256).key());
  X509_sign(certificate.get(), key_of(Algorithm::es256).key(), EVP_sha256());
  return certificate;
}

std::string user_of(CertificateNameKind kind, const std::vector<std::string>& common_names,
                    const std::vector<Name>& alternative, TimePoint when = now) {
  CertificateAuthenticator way(kind);
  const ClientCertificate certificate = ClientCertificate::read(*certificate_of(common_names, alternative));
  Peer peer;
  peer.certificate = &certificate;
  const Head head;
  EXPECT_EQ(way.presents(head.get(), peer), 1U);
  const Outcome outcome = wait(way.authenticate(head.get(), peer, when));
  return outcome ? (*outcome)->user : std::string(name_of(outcome.error().code));
}

TEST(ClientCertificate, TheNameOfTheConfiguredTypeIsTheSubject) {
  const std::vector<Name> names = {
      {GEN_URI, "spiffe://example.com/ana"}, {GEN_DNS, "Ana.Example.COM"}, {GEN_EMAIL, "Ana@Example.COM"}};
  EXPECT_EQ(user_of(CertificateNameKind::san_uri, {"Ana"}, names), "spiffe://example.com/ana");
  EXPECT_EQ(user_of(CertificateNameKind::san_dns, {"Ana"}, names), "ana.example.com");
  EXPECT_EQ(user_of(CertificateNameKind::san_email, {"Ana"}, names), "Ana@example.com");
  EXPECT_EQ(user_of(CertificateNameKind::subject_cn, {"Ana B"}, names), "Ana B");
}

TEST(ClientCertificate, NamesOfOneTypeAreNotThoseOfAnother) {
  EXPECT_EQ(user_of(CertificateNameKind::san_uri, {"spiffe://x/y"}, {{GEN_DNS, "spiffe://x/y"}}),
            "certificate-name");
  EXPECT_EQ(
      user_of(CertificateNameKind::san_dns, {"ana.example.com"}, {{GEN_URI, "https://ana.example.com"}}),
      "certificate-name");
  EXPECT_EQ(user_of(CertificateNameKind::san_email, {"a@b.c"}, {{GEN_DNS, "b.c"}}), "certificate-name");
  EXPECT_EQ(user_of(CertificateNameKind::subject_cn, {}, {{GEN_DNS, "b.c"}}), "certificate-name");
}

TEST(ClientCertificate, ANameThatHoldsNulOrIsNoneIsNotTaken) {
  using namespace std::string_literals;  // NOLINT(google-build-using-namespace): literals with NUL
  for (const std::string& name : {"admin.example.com\0.evil.example"s, "\0"s, ""s, "a b"s, "a\nb"s,
                                  "*.example.com"s, "a..b"s, ".a"s, "a\xC3\xA9"s}) {
    EXPECT_EQ(user_of(CertificateNameKind::san_dns, {}, {{GEN_DNS, name}}), "certificate-name");
  }
  for (const std::string& name :
       {"ana@example.com\0@evil.example"s, "ana"s, "@b"s, "a@"s, "a@b@c"s, "a b@c"s}) {
    EXPECT_EQ(user_of(CertificateNameKind::san_email, {}, {{GEN_EMAIL, name}}), "certificate-name");
  }
  for (const std::string& name : {"spiffe://a\0b"s, "noscheme"s, ":x"s, "x:"s}) {
    EXPECT_EQ(user_of(CertificateNameKind::san_uri, {}, {{GEN_URI, name}}), "certificate-name");
  }
  EXPECT_EQ(user_of(CertificateNameKind::subject_cn, {"admin\0x"s}, {}), "certificate-name");
}

TEST(ClientCertificate, SeveralNamesOrAnUnusableOneBesideAreRefused) {
  EXPECT_EQ(user_of(CertificateNameKind::san_dns, {}, {{GEN_DNS, "a.b"}, {GEN_DNS, "c.d"}}),
            "certificate-name");
  EXPECT_EQ(user_of(CertificateNameKind::san_dns, {}, {{GEN_DNS, "a.b"}, {GEN_DNS, "*"}}),
            "certificate-name");
  EXPECT_EQ(user_of(CertificateNameKind::subject_cn, {"a", "b"}, {}), "certificate-name");
}

TEST(ClientCertificate, OneThatExpiresDuringTheConnectionIsRefused) {
  const std::vector<Name> names = {{GEN_DNS, "a.b"}};
  EXPECT_EQ(user_of(CertificateNameKind::san_dns, {}, names, now + std::chrono::seconds{3'599}), "a.b");
  EXPECT_EQ(user_of(CertificateNameKind::san_dns, {}, names, now + std::chrono::seconds{3'600}),
            "certificate-expired");
}

TEST(ClientCertificate, IsReadWithItsFingerprintAndEnd) {
  const Certificate certificate = certificate_of({"Ana"}, {});
  const ClientCertificate read = ClientCertificate::read(*certificate);
  EXPECT_EQ(read.fingerprint().size(), 64U);
  EXPECT_EQ(read.not_after(), now + std::chrono::seconds{3'600});
  EXPECT_EQ(ClientCertificate::read(*certificate_of({"Ana"}, {}, 253'402'300'799)).not_after(),
            TimePoint{std::chrono::sys_days{std::chrono::year{2200} / 1 / 1}} + std::chrono::hours{23} +
                std::chrono::minutes{59} + std::chrono::seconds{59})
      << "the year 9999 does not overflow";
}

TEST(ClientCertificate, EachRequestOfAConnectionFindsTheSameIdentity) {
  CertificateAuthenticator way(CertificateNameKind::subject_cn);
  const ClientCertificate certificate = ClientCertificate::read(*certificate_of({"Ana"}, {}));
  Peer peer;
  peer.certificate = &certificate;
  const Head head;
  EXPECT_EQ(**way.try_authenticate(head.get(), peer, now), **way.try_authenticate(head.get(), peer, now));
  EXPECT_EQ(way.presents(head.get(), {}), 0U);
}

}  // namespace
}  // namespace tallygate::identity
