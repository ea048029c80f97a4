#include "audit/journal/pkcs11.hpp"

#include "audit/custody/grant.hpp"
#include "audit/journal/pkcs11_session.hpp"
#include "audit/journal/provision.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/support/softhsm.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <fstream>

namespace tallygate::audit {
namespace {

using tallygate::testing::SoftHsm;
using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::Home;
using ::testing::Not;

class Pkcs11 : public ::testing::Test {
 protected:
  [[nodiscard]] Pkcs11Uri uri(const std::string& object, const std::string& pin = "pin") const {
    return parse_pkcs11_uri(hsm.uri(object, pin)).value();
  }
  [[nodiscard]] Token token(const std::string& object) const {
    return Token::open(uri(object), TokenUse::make).value();
  }
  SoftHsm hsm;
};

TEST_F(Pkcs11, ATokenSignsAsAnyEd25519Key) {
  const PublicKey key = token("root").generate_ed25519().value();
  EXPECT_EQ(token("root").find_ed25519().value(), key);
  const auto verifier = Ed25519Verifier::from_raw(key).value();
  for (const std::string& message : {std::string(), std::string("a"), std::string(5000, 'x')}) {
    const Signature signature = token("root").sign(message).value();
    EXPECT_TRUE(verifier.verify(message, signature));
    EXPECT_FALSE(verifier.verify(message + "b", signature));
  }
}

TEST_F(Pkcs11, WhatIsMadeOnATokenNeverLeavesIt) {
  ASSERT_TRUE(token("root").generate_ed25519());
  ASSERT_TRUE(token("kek").generate_secret());
  for (const auto& [object, kind] : {std::pair("root", CKO_PRIVATE_KEY), std::pair("kek", CKO_SECRET_KEY)}) {
    const auto session = Pkcs11Session::open(uri(object), false).value();
    const auto key = session->find_one(kind, "key").value();
    const std::string yes("\x01", 1);
    EXPECT_EQ(session->attribute(key, CKA_SENSITIVE, "it").value(), yes);
    EXPECT_EQ(session->attribute(key, CKA_NEVER_EXTRACTABLE, "it").value(), yes);
    EXPECT_EQ(session->attribute(key, CKA_LOCAL, "it").value(), yes);
    EXPECT_THAT(session->attribute(key, CKA_VALUE, "it").error().message,
                HasSubstr("CKR_ATTRIBUTE_SENSITIVE"));
  }
}

TEST_F(Pkcs11, ASignerOfATokenSignsAndGivesItsPublicHalfAlone) {
  const PublicKey key = token("root").generate_ed25519().value();
  const auto signer = open_token_signer("gw/root", uri("root")).value();
  EXPECT_EQ(signer.public_key(), key);
  EXPECT_TRUE(signer.verify_key().key.verify("m", signer.sign("m").value()));
  EXPECT_EQ(Ed25519Verifier::from_pem(signer.public_pem().value()).value(), signer.verify_key().key);
  Seed seed{};
  EXPECT_THAT(signer.copy_seed(seed).error().message, HasSubstr("the key cannot leave its token"));
  EXPECT_THAT(signer.private_pem("correct horse").error().message,
              HasSubstr("the key cannot leave its token"));
  EXPECT_EQ(open_token_signer("a b", uri("root")).error().kind, FailureKind::invalid);
}

TEST_F(Pkcs11, ASignatureThatIsNotThePublicHalfsIsNotGiven) {
  const auto one = Signer::generate("one").value();
  const auto other = Signer::generate("other").value();
  const auto mixed = Signer::external("mixed", one.public_key(), [&](std::string_view message) {
                       return other.sign(message);
                     }).value();
  EXPECT_EQ(mixed.sign("m").error().kind, FailureKind::crypto);
}

TEST_F(Pkcs11, AJournalWhoseRootIsOnATokenVerifiesWithItsPublicHalf) {
  ASSERT_TRUE(token("root").generate_ed25519());
  ASSERT_TRUE(token("kek").generate_secret());
  const Home home(false);
  auto options = home.provision_options();
  options.kek = {KekSource::Kind::pkcs11, hsm.uri("kek")};
  const auto root = open_token_signer(options.origin + "/root", uri("root")).value();
  const auto made = provision(options, root);
  ASSERT_TRUE(made) << made.error().message;
  EXPECT_EQ(made->root, root.vkey());
  EXPECT_EQ(made->fingerprint, fingerprint(root.public_key()));
  const auto seen = testing::inspect(home.segment(), home.head(), root.verify_key());
  EXPECT_THAT(seen.faults, ::testing::IsEmpty());
  EXPECT_EQ(seen.entries.size(), 1U);
}

TEST_F(Pkcs11, AJournalIsWrittenAndItsKeyRotatedWithAKeyringThatATokenWraps) {
  ASSERT_TRUE(token("kek").generate_secret());
  Home home(false);
  auto made = home.provision_options();
  made.kek = {KekSource::Kind::pkcs11, hsm.uri("kek")};
  ASSERT_TRUE(provision(made, home.root(), home.time.clock()));
  auto options = home.options();
  options.kek = made.kek;
  {
    auto journal = Journal::open(options).value();
    EXPECT_EQ(testing::append(*journal, 3).value().size(), 3U);
  }
  EXPECT_THAT(testing::inspect(home).faults, ::testing::IsEmpty());
  {
    auto journal = Journal::open(options).value();
    ASSERT_TRUE(journal->rotate());
  }
  // The new signing key was wrapped with what the token gave, or it would not be there now.
  EXPECT_EQ(testing::append(*Journal::open(options).value(), 3).value().size(), 3U);
  // Without the token the keyring stays shut; another secret does not open it.
  ASSERT_TRUE(token("other").generate_secret());
  options.kek.name = hsm.uri("other");
  EXPECT_EQ(Journal::open(options).error().kind, FailureKind::crypto);
  ASSERT_TRUE(token("kek").destroy());
  options.kek.name = hsm.uri("kek");
  EXPECT_EQ(Journal::open(options).error().kind, FailureKind::missing);
}

TEST_F(Pkcs11, TheKeyEncryptionKeyIsTheStandardsDerivation) {
  const std::string secret = "0123456789abcdef0123456789ABCDEF";
  {
    const auto session = Pkcs11Session::open(uri("known"), true).value();
    Pkcs11Template known;
    known.number(CKA_CLASS, CKO_SECRET_KEY)
        .number(CKA_KEY_TYPE, CKK_GENERIC_SECRET)
        .bytes(CKA_VALUE, secret)
        .bytes(CKA_LABEL, "known")
        .flag(CKA_TOKEN, true)
        .flag(CKA_SIGN, true);
    CK_OBJECT_HANDLE made = 0;
    ASSERT_EQ(session->functions().C_CreateObject(session->handle(), known.data(), known.size(), &made),
              CKR_OK);
  }
  // SP 800-108r1 §4.1: counter, label, 00, no context, bits; all integers of 32 bits, big-endian.
  std::string input("\0\0\0\1", 4);
  input += "tallygate kek";
  input += std::string("\0\0\0\1\0", 5);
  std::array<std::uint8_t, kek_size> expected{};
  unsigned int size = 0;
  ASSERT_NE(
      ::HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
             reinterpret_cast<const unsigned char*>(input.data()), input.size(), expected.data(), &size),
      nullptr);
  EXPECT_EQ(load_kek({KekSource::Kind::pkcs11, hsm.uri("known")}).value().bytes(), expected);
}

TEST_F(Pkcs11, TheKeyEncryptionKeyIsTheSameEachTimeAndAnotherForEachSecret) {
  ASSERT_TRUE(token("kek").generate_secret());
  ASSERT_TRUE(token("kek2").generate_secret());
  const auto load = [&](const char* object) {
    return load_kek({KekSource::Kind::pkcs11, hsm.uri(object)}).value().bytes();
  };
  EXPECT_EQ(load("kek"), load("kek"));
  EXPECT_NE(load("kek"), load("kek2"));
}

TEST_F(Pkcs11, AWrongPinIsNamedButNotShown) {
  const auto opened = Token::open(uri("root", "wrong"), TokenUse::use);
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().kind, FailureKind::invalid);
  EXPECT_THAT(opened.error().message,
              AllOf(HasSubstr(SoftHsm::module), HasSubstr("\"journal\""), HasSubstr("\"root\""),
                    HasSubstr("the PIN is wrong (CKR_PIN_INCORRECT)"), Not(HasSubstr("0000"))));
}

TEST_F(Pkcs11, AFailedOrOtherSessionDoesNotEndTheOneThatIsOpen) {
  ASSERT_TRUE(token("root").generate_ed25519());
  const auto signer = open_token_signer("gw/root", uri("root")).value();
  EXPECT_FALSE(Token::open(
      parse_pkcs11_uri("pkcs11:token=none;object=o?module-path=" + std::string(SoftHsm::module)).value(),
      TokenUse::use));
  ASSERT_TRUE(token("kek").generate_secret());
  EXPECT_TRUE(load_kek({KekSource::Kind::pkcs11, hsm.uri("kek")}));
  EXPECT_TRUE(signer.sign("still"));
}

TEST_F(Pkcs11, WhatIsNotThereIsNamed) {
  const auto key = token("nothing").find_ed25519();
  EXPECT_EQ(key.error().kind, FailureKind::missing);
  EXPECT_THAT(key.error().message,
              AllOf(HasSubstr("\"nothing\""), HasSubstr("there is no private key of this label")));
  EXPECT_EQ(token("nothing").sign("m").error().kind, FailureKind::missing);
  EXPECT_EQ(token("nothing").derive_kek().error().kind, FailureKind::missing);
  auto other = uri("root");
  other.token = "elsewhere";
  const auto opened = Token::open(other, TokenUse::use);
  EXPECT_EQ(opened.error().kind, FailureKind::missing);
  EXPECT_THAT(opened.error().message,
              AllOf(HasSubstr("\"elsewhere\""), HasSubstr("the module has \"journal\"")));
  auto serial = uri("root");
  serial.serial = "0";
  EXPECT_EQ(Token::open(serial, TokenUse::use).error().kind, FailureKind::missing);
}

TEST_F(Pkcs11, TwoTokensOfOneNameAreToldApartByTheirSerial) {
  hsm.add_token("journal");
  const auto opened = Token::open(uri("root"), TokenUse::use);
  EXPECT_EQ(opened.error().kind, FailureKind::invalid);
  EXPECT_THAT(opened.error().message, HasSubstr("serial"));
}

TEST_F(Pkcs11, AnObjectThatIsThereIsNotMadeAgain) {
  const PublicKey key = token("root").generate_ed25519().value();
  EXPECT_EQ(token("root").generate_ed25519().error().kind, FailureKind::exists);
  EXPECT_EQ(token("root").generate_secret().error().kind, FailureKind::exists);
  EXPECT_EQ(token("root").find_ed25519().value(), key);
}

TEST_F(Pkcs11, AKeyOfAnotherTypeIsNotUsed) {
  const auto session = Pkcs11Session::open(uri("p256"), true).value();
  CK_MECHANISM how{CKM_EC_KEY_PAIR_GEN, nullptr, 0};
  Pkcs11Template open;
  open.bytes(CKA_EC_PARAMS, std::string_view("\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07", 10))
      .bytes(CKA_LABEL, "p256")
      .flag(CKA_TOKEN, true);
  Pkcs11Template secret;
  secret.bytes(CKA_LABEL, "p256").flag(CKA_TOKEN, true).flag(CKA_SIGN, true);
  CK_OBJECT_HANDLE one = 0;
  CK_OBJECT_HANDLE two = 0;
  ASSERT_EQ(session->functions().C_GenerateKeyPair(session->handle(), &how, open.data(), open.size(),
                                                   secret.data(), secret.size(), &one, &two),
            CKR_OK);
  EXPECT_EQ(token("p256").find_ed25519().error().kind, FailureKind::invalid);
  EXPECT_FALSE(token("p256").sign("m"));
}

TEST_F(Pkcs11, AModuleThatIsNoneIsNamed) {
  auto missing = uri("root");
  missing.module_path = "/nowhere/module.so";
  EXPECT_EQ(Token::open(missing, TokenUse::use).error().kind, FailureKind::missing);
  EXPECT_THAT(Token::open(missing, TokenUse::use).error().message, HasSubstr("/nowhere/module.so"));
  auto text = uri("root");
  text.module_path = (hsm.folder() / "conf").string();
  EXPECT_EQ(Token::open(text, TokenUse::use).error().kind, FailureKind::invalid);
  auto library = uri("root");
  library.module_path = "/usr/lib/x86_64-linux-gnu/libsodium.so.23";
  EXPECT_THAT(Token::open(library, TokenUse::use).error().message, HasSubstr("PKCS#11 module"));
}

TEST_F(Pkcs11, APinThatOthersMayReadIsRefused) {
  ::chmod((hsm.folder() / "pin").c_str(), 0644);
  const auto opened = Token::open(uri("root"), TokenUse::use);
  EXPECT_EQ(opened.error().kind, FailureKind::invalid);
  EXPECT_THAT(opened.error().message, AllOf(HasSubstr("chmod 600"), Not(HasSubstr(SoftHsm::pin))));
}

TEST(Pkcs11Pin, IsAFilesFirstLineACredentialOrTheVariable) {
  // NOLINTBEGIN(concurrency-mt-unsafe): nobody else reads the environment here.
  const SoftHsm hsm;
  const auto file = hsm.folder() / "pin";
  const auto read = [&](PinSource::Kind kind, const std::string& name) { return read_pin({kind, name}); };
  EXPECT_EQ(read(PinSource::Kind::file, file.string()).value().text(), SoftHsm::pin);
  EXPECT_EQ(read(PinSource::Kind::file, (hsm.folder() / "none").string()).error().kind, FailureKind::missing);
  ::setenv("CREDENTIALS_DIRECTORY", hsm.folder().c_str(), 1);
  ::chmod(file.c_str(), 0440);
  EXPECT_EQ(read(PinSource::Kind::credential, "pin").value().text(), SoftHsm::pin);
  ::unsetenv("CREDENTIALS_DIRECTORY");
  EXPECT_EQ(read(PinSource::Kind::credential, "pin").error().kind, FailureKind::missing);
  ::setenv(pin_variable, "1234", 1);
  EXPECT_EQ(read(PinSource::Kind::environment, "").value().text(), "1234");
  ::setenv(pin_variable, "", 1);
  EXPECT_EQ(read(PinSource::Kind::environment, "").error().kind, FailureKind::invalid);
  ::setenv(pin_variable, std::string(pin_max + 1, '1').c_str(), 1);
  EXPECT_EQ(read(PinSource::Kind::environment, "").error().kind, FailureKind::invalid);
  ::unsetenv(pin_variable);
  EXPECT_EQ(read(PinSource::Kind::environment, "").error().kind, FailureKind::missing);
  // NOLINTEND(concurrency-mt-unsafe)
}

TEST_F(Pkcs11, AGrantThatATokenSignedIsTheRoots) {
  ASSERT_TRUE(token("root").generate_ed25519());
  const auto root = open_token_signer("gw/root", uri("root")).value();
  GrantTerms terms{"", "journal.release", {{"hold", "case-17"}}, {}};
  terms.journal = "018f3c1e-7b2a-4c3d-8e4f-5a6b7c8d9e0f";
  terms.expires = system_clock()() + std::chrono::hours(1);
  const auto made = make_grant(root, terms);
  ASSERT_TRUE(made) << made.error().message;
  const auto again = parse_grant(grant_file(*made)).value();
  EXPECT_TRUE(root.verify_key().key.verify("tallygate grant v1\n" + again.json,
                                           base64_decode(again.signature).value()));
}

}  // namespace
}  // namespace tallygate::audit
