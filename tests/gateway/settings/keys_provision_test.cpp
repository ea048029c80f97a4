#include "gateway/cli/keys_provision.hpp"

#include "audit/journal/journal.hpp"
#include "audit/journal/pkcs11.hpp"
#include "gateway/cli/keys_list.hpp"
#include "tests/support/softhsm.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace tallygate::cli {
namespace {

namespace fs = std::filesystem;

class KeysProvision : public ::testing::Test {
 protected:
  KeysProvision() {
    std::string pattern = (fs::temp_directory_path() / "tallygate-keys-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) {
      throw std::runtime_error("no temporary folder");
    }
    root = pattern;
    request.origin = "gw.example.com/journal";
    request.key = root / "root.pem";
    request.passphrase = "correct horse battery";
  }
  ~KeysProvision() override { fs::remove_all(root); }

  [[nodiscard]] audit::ProvisionOptions journal_options() const {
    audit::ProvisionOptions options;
    options.journal = root / "j/journal";
    options.head = root / "h/head";
    options.keyring = root / "h/keyring.db";
    options.kek = {audit::KekSource::Kind::file, (root / "h/kek").string()};
    options.gateway = "gw";
    return options;
  }

  fs::path root;
  KeysProvisionRequest request;
};

TEST_F(KeysProvision, MakesAKeyAndItsPublicHalf) {
  const auto made = provision_keys(request);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->public_key, root / "root.pub.pem");
  EXPECT_TRUE(fs::exists(root / "root.pub.pem"));
  EXPECT_EQ(fs::status(root / "root.pem").permissions(), fs::perms::owner_read | fs::perms::owner_write);
  EXPECT_TRUE(made->made.root.starts_with("gw.example.com/journal/root+"));
  EXPECT_TRUE(made->made.fingerprint.starts_with("SHA256:"));
}

TEST_F(KeysProvision, AKeyMadeBeforeMakesAJournalLater) {
  const auto key = provision_keys(request);
  ASSERT_TRUE(key.has_value());
  request.make_key = false;
  request.journal = journal_options();
  const auto made = provision_keys(request);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->made.root, key->made.root);
  EXPECT_TRUE(fs::exists(root / "j/journal/000000000000.db"));
  EXPECT_TRUE(fs::exists(root / "h/kek"));
}

TEST_F(KeysProvision, NeverOverwritesAKey) {
  std::ofstream(root / "root.pem") << "precious";
  EXPECT_EQ(provision_keys(request).error().kind, audit::FailureKind::exists);
  std::ifstream file(root / "root.pem");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), "precious");
}

TEST_F(KeysProvision, AWrongPassphraseOpensNothingAndLeavesNothing) {
  ASSERT_TRUE(provision_keys(request).has_value());
  request.make_key = false;
  request.passphrase = "something else";
  request.journal = journal_options();
  EXPECT_FALSE(provision_keys(request).has_value());
  EXPECT_FALSE(fs::exists(root / "j"));
  EXPECT_FALSE(fs::exists(root / "h"));
}

TEST_F(KeysProvision, LeavesNothingBehindWhenTheJournalCannotBeMade) {
  request.journal = journal_options();
  request.journal->heartbeat = std::chrono::seconds{0};
  EXPECT_FALSE(provision_keys(request).has_value());
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(KeysProvision, AJournalThatIsThereIsLeftAlone) {
  request.journal = journal_options();
  ASSERT_TRUE(provision_keys(request).has_value());
  const auto size = fs::file_size(root / "j/journal/000000000000.db");
  request.key = root / "other.pem";
  EXPECT_EQ(provision_keys(request).error().kind, audit::FailureKind::exists);
  EXPECT_EQ(fs::file_size(root / "j/journal/000000000000.db"), size);
  EXPECT_TRUE(fs::exists(root / "h/kek"));
  EXPECT_FALSE(fs::exists(root / "other.pem"));
}

TEST_F(KeysProvision, TheKeysOfAJournalAreListed) {
  request.journal = journal_options();
  const auto made = provision_keys(request);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  const auto list = list_keys(root / "j/journal");
  ASSERT_TRUE(list.has_value()) << list.error().message;
  EXPECT_EQ(list->origin, "gw.example.com/journal");
  ASSERT_EQ(list->keys.size(), 2U);
  EXPECT_EQ(list->keys[0].vkey, made->made.root);
  EXPECT_EQ(list->keys[0].fingerprint, made->made.fingerprint);
  EXPECT_EQ(list->keys[1].vkey, made->made.key);
  EXPECT_EQ(list->keys[1].role, "signing");
  EXPECT_NE(to_text(*list).find(made->made.fingerprint), std::string::npos);
  EXPECT_NE(to_json(*list).find(made->made.key), std::string::npos);
}

// The root on a token, and the secret that wraps the keyring beside it.
class KeysProvisionOnAToken : public KeysProvision {
 protected:
  KeysProvisionOnAToken() {
    request.token = audit::parse_pkcs11_uri(hsm.uri("root")).value();
    request.public_out = root / "root.pub.pem";
    request.journal = journal_options();
    request.journal->kek = {audit::KekSource::Kind::pkcs11, hsm.uri("kek")};
  }
  [[nodiscard]] audit::Token token(const char* object) const {
    return audit::Token::open(audit::parse_pkcs11_uri(hsm.uri(object)).value(), audit::TokenUse::use).value();
  }
  tallygate::testing::SoftHsm hsm;
};

TEST_F(KeysProvisionOnAToken, MakesWhatIsMissingThereAndUsesItTheNextTime) {
  const auto made = provision_keys(request);
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_TRUE(made->made_key);
  EXPECT_EQ(made->public_key, root / "root.pub.pem");
  EXPECT_EQ(made->made.fingerprint, audit::fingerprint(token("root").find_ed25519().value()));
  EXPECT_TRUE(token("kek").derive_kek());
  EXPECT_FALSE(fs::exists(root / "root.pem"));
  EXPECT_EQ(list_keys(root / "j/journal").value().keys[0].fingerprint, made->made.fingerprint);
  request.journal.reset();
  request.public_out.clear();
  const auto again = provision_keys(request);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_FALSE(again->made_key);
  EXPECT_EQ(again->made.root, made->made.root);
}

TEST_F(KeysProvisionOnAToken, LeavesNothingOnItWhenTheJournalCannotBeMade) {
  request.journal->heartbeat = std::chrono::seconds{0};
  EXPECT_FALSE(provision_keys(request).has_value());
  EXPECT_TRUE(fs::is_empty(root));
  EXPECT_EQ(token("root").find_ed25519().error().kind, audit::FailureKind::missing);
  EXPECT_EQ(token("kek").derive_kek().error().kind, audit::FailureKind::missing);
}

TEST_F(KeysProvisionOnAToken, TakesNothingAwayThatWasThereBefore) {
  audit::Token before = audit::Token::open(*request.token, audit::TokenUse::make).value();
  const auto key = before.generate_ed25519().value();
  std::ofstream(request.public_out) << "precious";
  EXPECT_EQ(provision_keys(request).error().kind, audit::FailureKind::exists);
  EXPECT_EQ(token("root").find_ed25519().value(), key);
}

TEST_F(KeysProvisionOnAToken, AWrongPinMakesNothing) {
  request.token = audit::parse_pkcs11_uri(hsm.uri("root", "wrong")).value();
  EXPECT_EQ(provision_keys(request).error().kind, audit::FailureKind::invalid);
  EXPECT_TRUE(fs::is_empty(root));
}

TEST_F(KeysProvision, AFolderWithoutAJournalHasNoKeysToList) {
  EXPECT_FALSE(list_keys(root).has_value());
  EXPECT_FALSE(list_keys(root / "nowhere").has_value());
}

// Entries of keys that follow no charter: of a journal whose first segment, or first entry, is gone.
TEST_F(KeysProvision, AJournalWithoutItsCharterIsRefusedWhenItsKeysAreListed) {
  ASSERT_TRUE(provision_keys(request).has_value());
  request.make_key = false;
  request.journal = journal_options();
  ASSERT_TRUE(provision_keys(request).has_value());
  audit::JournalOptions options;
  options.journal = request.journal->journal;
  options.head = request.journal->head;
  options.keyring = request.journal->keyring;
  options.kek = request.journal->kek;
  options.gateway = "gw";
  auto journal = audit::Journal::open(options);
  ASSERT_TRUE(journal.has_value()) << journal.error().message;
  ASSERT_TRUE((*journal)->rotate().has_value());
  ASSERT_TRUE((*journal)->seal().has_value());
  ASSERT_TRUE((*journal)->rotate().has_value());
  ASSERT_TRUE((*journal)->close().has_value());
  fs::remove(options.journal / "000000000000.db");
  const auto listed = list_keys(options.journal);
  ASSERT_FALSE(listed.has_value());
  EXPECT_EQ(listed.error().kind, audit::FailureKind::tampered);
}

TEST_F(KeysProvision, ThePublicHalfIsCalledAfterThePrivateOne) {
  EXPECT_EQ(public_key_path("a/root.pem"), "a/root.pub.pem");
  EXPECT_EQ(public_key_path("root.key"), "root.key.pub.pem");
}

}  // namespace
}  // namespace tallygate::cli
