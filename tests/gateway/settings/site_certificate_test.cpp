#include "gateway/cli/site_certificate.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <memory>
#include <vector>

namespace tallygate::cli {
namespace {

using namespace std::chrono_literals;

struct Free {
  void operator()(X509* object) const { X509_free(object); }
  void operator()(EVP_PKEY* object) const { EVP_PKEY_free(object); }
  void operator()(BIO* object) const { BIO_free(object); }
};

std::unique_ptr<X509, Free> parse(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  return std::unique_ptr<X509, Free>{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)};
}

std::unique_ptr<EVP_PKEY, Free> parse_key(const std::string& pem) {
  const std::unique_ptr<BIO, Free> bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  return std::unique_ptr<EVP_PKEY, Free>{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)};
}

class SelfSignedCertificate : public testing::Test {
 protected:
  const std::chrono::system_clock::time_point now = std::chrono::system_clock::now();
  const std::vector<std::string> names{"gw.example.com", "*.example.com", "127.0.0.1", "::1"};
  const SelfSigned made = make_self_signed(names, now).value();
};

TEST_F(SelfSignedCertificate, IsForAllItsNamesAndNoOther) {
  const auto certificate = parse(made.certificate);
  ASSERT_NE(certificate, nullptr);
  const auto host = [&](const char* name) {
    return X509_check_host(certificate.get(), name, 0, 0, nullptr) == 1;
  };
  EXPECT_TRUE(host("gw.example.com"));
  EXPECT_TRUE(host("wiki.example.com"));
  EXPECT_FALSE(host("example.org"));
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "127.0.0.1", 0), 1);
  EXPECT_EQ(X509_check_ip_asc(certificate.get(), "::1", 0), 1);
  EXPECT_NE(X509_check_ip_asc(certificate.get(), "127.0.0.2", 0), 1);
}

TEST_F(SelfSignedCertificate, IsSignedByItsOwnKey) {
  const auto certificate = parse(made.certificate);
  const auto key = parse_key(made.key);
  ASSERT_TRUE(certificate != nullptr && key != nullptr);
  EXPECT_EQ(X509_check_private_key(certificate.get(), key.get()), 1);
  EXPECT_EQ(X509_verify(certificate.get(), key.get()), 1);
}

TEST_F(SelfSignedCertificate, IsNoAuthorityForOthers) {
  EXPECT_EQ(X509_check_ca(parse(made.certificate).get()), 0);
}

TEST_F(SelfSignedCertificate, LastsAsLongAsItSays) {
  EXPECT_FALSE(expires_before(made.certificate, now));
  EXPECT_FALSE(expires_before(made.certificate, now + self_signed_days - 2h));
  EXPECT_TRUE(expires_before(made.certificate, now + self_signed_days));
  EXPECT_TRUE(expires_before("not a certificate", now));
}

TEST_F(SelfSignedCertificate, HasItsFingerprintAsBrowsersShowIt) {
  EXPECT_THAT(made.fingerprint, testing::MatchesRegex("([0-9A-F][0-9A-F]:)+[0-9A-F][0-9A-F]"));
  EXPECT_EQ(made.fingerprint.size(), 32U * 3 - 1);
}

TEST_F(SelfSignedCertificate, EachHasItsOwnSerialAndKey) {
  const auto other = make_self_signed(names, now).value();
  EXPECT_NE(other.key, made.key);
  EXPECT_NE(ASN1_INTEGER_cmp(X509_get_serialNumber(parse(other.certificate).get()),
                             X509_get_serialNumber(parse(made.certificate).get())),
            0);
}

TEST(SelfSigned, ANameThatCouldSmuggleInAnotherIsRefused) {
  for (const std::string name : {"a,DNS:evil.example", "a b", "", "a\nb", "DNS:a"}) {
    EXPECT_FALSE(make_self_signed(std::vector{name}, std::chrono::system_clock::now()).has_value()) << name;
  }
  EXPECT_FALSE(make_self_signed({}, std::chrono::system_clock::now()).has_value());
}

TEST(SelfSigned, AVeryLongNameFits) {
  const std::string name = std::string(60, 'a') + "." + std::string(60, 'b') + ".example";
  EXPECT_TRUE(make_self_signed(std::vector{name}, std::chrono::system_clock::now()).has_value());
}

}  // namespace
}  // namespace tallygate::cli
