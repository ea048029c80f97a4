#include "audit/journal/charter.hpp"
#include "audit/journal/kek.hpp"
#include "audit/journal/keyring.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/signer.hpp"
#include "tests/audit/support/home.hpp"
#include "tests/audit/support/memory_scan.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/crypto.h>
#include <sys/stat.h>

#include <cstdlib>
#include <fstream>
#include <optional>

namespace tallygate::audit {
namespace {

using ::testing::HasSubstr;
using testing::Home;
using ::testing::Not;
using ::testing::StartsWith;

void write(const std::filesystem::path& path, std::string_view content) {
  std::ofstream(path, std::ios::binary) << content;
  ::chmod(path.c_str(), 0600);
}

std::string read(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// RFC 8032 §7.1, tests 1 to 3.
TEST(Signer, SignsAsTheStandardsVectors) {
  struct Vector {
    const char *seed, *key, *message, *signature;
  };
  const std::array<Vector, 3> vectors = {{
      {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
       "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf"
       "5f0595bbe24"
       "655141438e7a100b"},
      {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
       "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "r",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2"
       "eaeb4302aee"
       "b00d291612bb0c00"},
      {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
       "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c1"
       "5e9716ed28d"
       "c027beceea1ec40a"},
  }};
  for (const Vector& vector : vectors) {
    const auto signer = Signer::from_seed("k", *digest_from_hex(vector.seed)).value();
    EXPECT_EQ(to_hex(signer.public_key()), vector.key);
    EXPECT_EQ(to_hex(signer.sign(vector.message).value()), vector.signature);
  }
}

// The log key and checkpoint of 15 entries that Tessera publishes for tests.
TEST(Signer, SignsACheckpointByteForByteAsAnotherImplementation) {
  const auto typed = base64_decode("AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg").value();
  Seed seed{};
  std::copy(typed.begin() + 1, typed.end(), seed.begin());
  const auto signer = Signer::from_seed("example.com/log/testdata", seed).value();
  EXPECT_EQ(signer.key_id(), 0x33d7b496U);
  const std::string text = "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n";
  EXPECT_EQ(signature_line(signer.name(), signer.key_id(), signer.sign(text).value()),
            "\xE2\x80\x94 example.com/log/testdata "
            "M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n");
}

TEST(Signer, APrivateKeyComesBackFromItsPemWithThePassphraseOnly) {
  const auto signer = Signer::generate("gw/root").value();
  const std::string pem = signer.private_pem("correct horse").value();
  EXPECT_THAT(pem, StartsWith("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
  EXPECT_EQ(Signer::from_pem("gw/root", pem, "correct horse").value().vkey(), signer.vkey());
  EXPECT_FALSE(Signer::from_pem("gw/root", pem, "wrong"));
  EXPECT_FALSE(Signer::from_pem("gw/root", pem, ""));
  EXPECT_FALSE(Signer::from_pem("gw/root", "nonsense", ""));
  EXPECT_FALSE(signer.private_pem(""));
}

TEST(Signer, ThePublicPemIsReadByTheVerifier) {
  const auto signer = Signer::generate("gw").value();
  EXPECT_EQ(Ed25519Verifier::from_pem(signer.public_pem().value()).value(), signer.verify_key().key);
  EXPECT_EQ(parse_vkey(signer.vkey()).value(), signer.verify_key());
  EXPECT_THAT(fingerprint(signer.public_key()), StartsWith("SHA256:"));
  EXPECT_EQ(fingerprint(signer.public_key()).size(), 7U + 43U);
}

TEST(Signer, NamesAreKeyNames) {
  for (const char* bad : {"", "a b", "a+b", "a\nb"}) {
    EXPECT_FALSE(Signer::generate(bad)) << bad;
  }
}

TEST(Kek, IsSixtyFourHexDigitsOrThirtyTwoBytes) {
  const Home home(false);
  const auto path = home.folder() / "k";
  const auto load = [&] { return load_kek({KekSource::Kind::file, path.string()}); };
  write(path, "  " + std::string(64, 'a') + "\r\n");
  EXPECT_EQ(load().value().bytes()[0], 0xaa);
  write(path, std::string(64, 'F'));
  EXPECT_EQ(load().value().bytes()[31], 0xff);
  write(path, std::string(32, '\x07'));
  EXPECT_EQ(load().value().bytes()[5], 7);
  for (const std::string& bad : {std::string(), std::string(63, 'a'), std::string(65, 'a'),
                                 std::string(64, 'g'), std::string(33, 'x')}) {
    write(path, bad);
    ASSERT_FALSE(load());
    EXPECT_THAT(load().error().message, HasSubstr("64 hex digits or 32 raw bytes"));
  }
}

TEST(Kek, AFileThatOthersMayReadIsRefused) {
  const Home home(false);
  ::chmod(home.kek().c_str(), 0640);
  const auto kek = load_kek({KekSource::Kind::file, home.kek().string()});
  ASSERT_FALSE(kek);
  EXPECT_THAT(kek.error().message, HasSubstr("chmod 600"));
}

TEST(Kek, ComesFromTheEnvironmentAndFromSystemd) {
  // NOLINTBEGIN(concurrency-mt-unsafe): one thread
  const Home home(false);
  ASSERT_EQ(::setenv("TALLYGATE_TEST_KEK", std::string(64, 'b').c_str(), 1), 0);
  EXPECT_EQ(load_kek({KekSource::Kind::environment, "TALLYGATE_TEST_KEK"}).value().bytes()[0], 0xbb);
  ASSERT_EQ(::unsetenv("TALLYGATE_TEST_KEK"), 0);
  EXPECT_EQ(load_kek({KekSource::Kind::environment, "TALLYGATE_TEST_KEK"}).error().kind,
            FailureKind::missing);
  ASSERT_EQ(::setenv("CREDENTIALS_DIRECTORY", home.folder().c_str(), 1), 0);
  EXPECT_TRUE(load_kek({KekSource::Kind::credential, "kek"}));
  EXPECT_EQ(load_kek({KekSource::Kind::credential, "../kek"}).error().kind, FailureKind::invalid);
  EXPECT_EQ(load_kek({KekSource::Kind::credential, "none"}).error().kind, FailureKind::missing);
  ASSERT_EQ(::unsetenv("CREDENTIALS_DIRECTORY"), 0);
  EXPECT_THAT(load_kek({KekSource::Kind::credential, "kek"}).error().message,
              HasSubstr("LoadCredential=kek:"));
  // NOLINTEND(concurrency-mt-unsafe)
}

TEST(Kek, ANewFileIsPrivateAndNeverOverwrites) {
  const Home home(false);
  struct stat status{};
  ASSERT_EQ(::stat(home.kek().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
  const std::string before = read(home.kek());
  EXPECT_EQ(create_kek_file(home.kek()).error().kind, FailureKind::exists);
  EXPECT_EQ(read(home.kek()), before);
}

TEST(Keyring, ReturnsItsKeysUnderItsKeyEncryptionKeyOnly) {
  const Home home(false);
  const auto path = home.folder() / "k.db";
  const Kek kek = load_kek({KekSource::Kind::file, home.kek().string()}).value();
  auto keyring = Keyring::create(path, "gw").value();
  EXPECT_EQ(keyring.load(kek).error().kind, FailureKind::missing);
  const auto first = Signer::generate("gw").value();
  const auto second = Signer::generate("gw").value();
  ASSERT_TRUE(keyring.add(first, 0, "2026-01-01T00:00:00Z", kek));
  ASSERT_TRUE(keyring.add(second, 100, "2026-01-02T00:00:00Z", kek));
  EXPECT_EQ(keyring.add(second, 200, "2026-01-02T00:00:00Z", kek).error().kind, FailureKind::exists);
  EXPECT_EQ(keyring.add(Signer::generate("other").value(), 300, "x", kek).error().kind, FailureKind::invalid);
  auto again = Keyring::open(path).value();
  EXPECT_EQ(again.origin(), "gw");
  const auto kept = again.load(kek).value();
  ASSERT_EQ(kept.size(), 2U);
  EXPECT_EQ(kept[0].signer.vkey(), first.vkey());
  EXPECT_EQ(kept[1].signer.vkey(), second.vkey());
  const auto list = again.list().value();
  ASSERT_EQ(list.size(), 2U);
  EXPECT_EQ(list[0].vkey, first.vkey());
  EXPECT_EQ(list[1].first, 100U);
  EXPECT_EQ(again.load(Kek({1, 2, 3})).error().kind, FailureKind::crypto);
}

TEST(Keyring, KeepsOneKeyAndNoTraceOfTheOthers) {
  const Home home(false);
  const auto path = home.folder() / "k.db";
  const Kek kek = load_kek({KekSource::Kind::file, home.kek().string()}).value();
  auto keyring = Keyring::create(path, "gw").value();
  const auto first = Signer::generate("gw").value();
  const auto second = Signer::generate("gw").value();
  ASSERT_TRUE(keyring.add(first, 0, "2026-01-01T00:00:00Z", kek));
  ASSERT_TRUE(keyring.add(second, 100, "2026-01-02T00:00:00Z", kek));
  EXPECT_EQ(keyring.keep_only("gw+00000000+none").error().kind, FailureKind::missing);
  EXPECT_EQ(keyring.list().value().size(), 2U) << "nothing is destroyed for a key that is not there";
  ASSERT_TRUE(keyring.keep_only(second.vkey()));
  EXPECT_EQ(keyring.load(kek).value().front().signer.vkey(), second.vkey());
  EXPECT_EQ(keyring.list().value().size(), 1U);
  EXPECT_THAT(read(path), Not(HasSubstr(first.vkey())));
  EXPECT_EQ(Keyring::open(path).value().origin(), "gw");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

// A keyring with some people, and what the keys of two of them are.
class KeyringOfPeople : public ::testing::Test {
 protected:
  KeyringOfPeople() {
    for (std::uint8_t i = 0; i < 100; ++i) {
      people_.push_back(person(i));
    }
    EXPECT_TRUE(keyring_.add(signer_, 0, "2026-01-01T00:00:00Z", kek_));
    const auto keys = keyring_.subjects(people_, "2026-01-01T00:00:00Z", kek_).value();
    uuids_ = {keys[3].uuid, keys[99].uuid};
    stays_ = keys[50].uuid;
    key_that_stays_.assign(keys[50].key.bytes().begin(), keys[50].key.bytes().end());
  }
  static BlindPerson person(std::uint8_t i) {
    BlindPerson one{};
    one.fill(i);
    return one;
  }
  std::string wrapped_of(const std::string& uuid) {
    auto database = Database::open(path_, SQLITE_OPEN_READONLY).value();
    auto row = database.prepare("SELECT wrapped FROM subject_key WHERE uuid = ?").value();
    row.bind(1, std::string_view(uuid));
    EXPECT_EQ(row.step(), SQLITE_ROW);
    return {row.blob(0).begin(), row.blob(0).end()};
  }
  std::vector<std::string> files() {
    std::vector<std::string> names;
    for (const auto& file : std::filesystem::directory_iterator(path_.parent_path())) {
      names.push_back(file.path().filename().string());
    }
    return names;
  }
  // Who was to stay is there, and of the others no trace.
  void expect_two_gone(const std::string& wrapped) {
    EXPECT_THAT(files(), ::testing::ElementsAre("k.db"));
    EXPECT_THAT(read(path_), Not(HasSubstr(wrapped)));
    for (const std::string& uuid : uuids_) {
      EXPECT_FALSE(keyring_.subject(std::string_view(uuid), kek_).value());
      EXPECT_THAT(read(path_), Not(HasSubstr(uuid)));
    }
    const auto key = keyring_.subject(std::string_view(stays_), kek_).value();
    ASSERT_TRUE(key);
    EXPECT_TRUE(std::equal(key_that_stays_.begin(), key_that_stays_.end(), key->key.bytes().begin()));
  }

  const Home home_{false};
  const Kek kek_ = load_kek({KekSource::Kind::file, home_.kek().string()}).value();
  const std::filesystem::path path_ = [this] {
    std::filesystem::create_directory(home_.folder() / "k");
    return home_.folder() / "k" / "k.db";
  }();
  Keyring keyring_ = Keyring::create(path_, "gw").value();
  const Signer signer_ = Signer::generate("gw").value();
  std::vector<BlindPerson> people_;
  std::vector<std::string> uuids_;  // of those to be destroyed
  std::string stays_;
  std::vector<std::uint8_t> key_that_stays_;
};

TEST_F(KeyringOfPeople, TakesUpWhatCameWhileACopyWithoutSomeWasMade) {
  const std::string wrapped = wrapped_of(uuids_[0]);
  const auto prepared = Keyring::prepare_without(path_, uuids_).value();
  const std::vector<BlindPerson> late = {person(200), person(201)};
  const auto made = keyring_.subjects(late, "2026-01-02T00:00:00Z", kek_).value();
  const auto next = Signer::generate("gw").value();
  ASSERT_TRUE(keyring_.add(next, 7, "2026-01-02T00:00:00Z", kek_));
  ASSERT_TRUE(keyring_.keep_only(next.vkey()));
  for (const std::string& uuid : uuids_) {
    ASSERT_TRUE(keyring_.begin_erasure(uuid, 9));
  }
  ASSERT_TRUE(keyring_.begin_erasure(stays_, 9));
  ASSERT_TRUE(keyring_.destroy_subjects(uuids_, &prepared));
  EXPECT_THAT(files(), ::testing::UnorderedElementsAre("k.db", "k.db.old"));
  ASSERT_TRUE(Keyring::destroy_old(path_));
  expect_two_gone(wrapped);
  EXPECT_EQ(keyring_.subject_count().value(), 100U);
  EXPECT_EQ(keyring_.subject(late[1], kek_).value()->uuid, made[1].uuid);
  EXPECT_EQ(keyring_.load(kek_).value().front().signer.vkey(), next.vkey());
  EXPECT_EQ(keyring_.begun_erasures().value().size(), 1U);
  EXPECT_TRUE(Keyring::open(path_));
}

TEST_F(KeyringOfPeople, ACopyOfAnotherKeyringOrWithoutOthersIsNotTaken) {
  const std::string wrapped = wrapped_of(uuids_[0]);
  const std::vector<std::string> others = {stays_};
  const auto without_others = Keyring::prepare_without(path_, others).value();
  ASSERT_TRUE(keyring_.destroy_subjects(std::span(uuids_).first(1), &without_others));
  const auto before = Keyring::prepare_without(path_, std::span(uuids_).last(1)).value();
  ASSERT_TRUE(keyring_.destroy_subjects({}));  // written anew: another file
  ASSERT_TRUE(keyring_.destroy_subjects(std::span(uuids_).last(1), &before));
  ASSERT_TRUE(Keyring::drop_prepared(path_));
  expect_two_gone(wrapped);
}

TEST_F(KeyringOfPeople, WhatACrashLeavesOfACopyIsDestroyedByTheNextOpening) {
  ASSERT_TRUE(Keyring::prepare_without(path_, uuids_));
  const auto held = home_.folder() / "held";
  std::filesystem::create_hard_link(path_.string() + ".prepared", held);
  const std::string wrapped = wrapped_of(stays_);
  ASSERT_THAT(read(held), HasSubstr(wrapped));
  ASSERT_TRUE(Keyring::open(path_));
  EXPECT_THAT(files(), ::testing::ElementsAre("k.db"));
  EXPECT_THAT(read(held), Not(HasSubstr(wrapped)));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(Keyring::prepare_without(path_, uuids_, stop.get_token()));
  EXPECT_THAT(files(), ::testing::ElementsAre("k.db"));
}

TEST(Keyring, AnAlteredOrSwappedKeyIsNoticed) {
  const Home home(false);
  const auto path = home.folder() / "k.db";
  const Kek kek = load_kek({KekSource::Kind::file, home.kek().string()}).value();
  auto keyring = Keyring::create(path, "gw").value();
  ASSERT_TRUE(keyring.add(Signer::generate("gw").value(), 0, "x", kek));
  ASSERT_TRUE(keyring.add(Signer::generate("gw").value(), 1, "x", kek));
  for (const char* sql :
       {"UPDATE signing_key SET wrapped = (SELECT wrapped FROM signing_key WHERE first = 0) WHERE first = 1",
        "UPDATE signing_key SET wrapped = x'00'"}) {
    auto database = Database::open(path, SQLITE_OPEN_READWRITE).value();
    ASSERT_TRUE(database.execute(sql));
    EXPECT_EQ(keyring.load(kek).error().kind, FailureKind::crypto) << sql;
  }
}

TEST(Keyring, NoPrivateKeyStandsInItsFileUnwrapped) {
  const Home home;
  const Kek kek = load_kek({KekSource::Kind::file, home.kek().string()}).value();
  Seed seed{};
  ASSERT_TRUE(Keyring::open(home.keyring()).value().load(kek).value()[0].signer.copy_seed(seed));
  EXPECT_THAT(read(home.keyring()), Not(HasSubstr(std::string(seed.begin(), seed.end()))));
  struct stat status{};
  ASSERT_EQ(::stat(home.keyring().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777U, 0600U);
}

TEST(Keyring, APrivateKeyThatIsLetGoIsNowhereInMemory) {
  const Home home;
  const Kek kek = load_kek({KekSource::Kind::file, home.kek().string()}).value();
  auto keyring = Keyring::open(home.keyring()).value();
  Seed seed{};
  ASSERT_TRUE(keyring.load(kek).value()[0].signer.copy_seed(seed));
  const testing::Needle needle(seed);
  EXPECT_GE(needle.in_memory(), 1U) << "the scan finds what is there";
  OPENSSL_cleanse(seed.data(), seed.size());
  {
    const auto keys = keyring.load(kek).value();
    auto again = Keyring::create(home.folder() / "another.db", keys[0].signer.name()).value();
    const auto added = again.add(keys[0].signer, 0, "x", kek);
    ASSERT_TRUE(added) << added.error().message;
  }
  EXPECT_EQ(needle.in_memory(), 0U);
}

TEST(Signer, OfAKeyThatWasWrittenAndLetGoNothingStaysInMemory) {
  Seed seed{};
  std::optional<testing::Needle> needle;
  {
    const auto signer = Signer::generate("gw").value();
    ASSERT_TRUE(signer.copy_seed(seed));
    needle.emplace(seed);
    OPENSSL_cleanse(seed.data(), seed.size());
    EXPECT_GE(needle->in_memory(), 1U) << "the scan finds what is there";
    ASSERT_TRUE(signer.sign("m"));
    ASSERT_TRUE(signer.private_pem("correct horse"));
  }
  EXPECT_EQ(needle->in_memory(), 0U);
}

TEST(Keyring, AFileThatOthersMayReadIsRefused) {
  const Home home;
  ::chmod(home.keyring().c_str(), 0644);
  EXPECT_THAT(Keyring::open(home.keyring()).error().message, HasSubstr("chmod 600"));
}

TEST(Charter, ComesBackFromItsCanonicalForm) {
  const Charter charter{
      "u", "gw", "2026-01-02T03:04:05.000000000Z", "root-key", "key", std::chrono::seconds(600), "400d"};
  const std::string json = charter_json(charter).value();
  EXPECT_EQ(
      json,
      R"({"created":"2026-01-02T03:04:05.000000000Z","heartbeat":600,"journal":"u","key":"key","origin":"gw",)"
      R"("retention":"400d","root":"root-key"})");
  EXPECT_EQ(parse_charter(json).value(), charter);
  EXPECT_EQ(charter_message("{}"), "tallygate charter v1\n{}");
}

TEST(Charter, WhatIsMissingOrWrongIsNamed) {
  EXPECT_THAT(parse_charter("[]").error().message, HasSubstr("not a JSON object"));
  EXPECT_THAT(parse_charter("{}").error().message, HasSubstr("\"journal\""));
  const Charter charter{"u", "gw", "t", "r", "k", std::chrono::seconds(0), "400d"};
  EXPECT_THAT(parse_charter(charter_json(charter).value()).error().message, HasSubstr("\"heartbeat\""));
}

TEST(Charter, OnlyTheProvisioningKeysSignatureHolds) {
  const auto root = Signer::generate("gw/root").value();
  const auto other = Signer::generate("gw/root").value();
  const std::string signature = sign_charter(root, "{}").value();
  EXPECT_TRUE(verify_charter(root.verify_key(), "{}", signature));
  EXPECT_FALSE(verify_charter(other.verify_key(), "{}", signature));
  EXPECT_FALSE(verify_charter(root.verify_key(), "{ }", signature));
  EXPECT_FALSE(verify_charter(root.verify_key(), "{}", "not base64"));
}

TEST(Provision, RefusesToTouchWhatIsThere) {
  for (const char* which : {"journal", "head", "keyring"}) {
    SCOPED_TRACE(which);
    Home home(false);
    auto options = home.provision_options();
    const std::filesystem::path there = which == std::string("journal") ? home.journal() / "old"
                                        : which == std::string("head")  ? home.head()
                                                                        : home.keyring();
    std::filesystem::create_directories(there.parent_path());
    write(there, "precious");
    const auto provisioned = provision(options, home.root());
    ASSERT_FALSE(provisioned);
    EXPECT_EQ(provisioned.error().kind, FailureKind::exists);
    EXPECT_EQ(read(there), "precious");
  }
}

TEST(Provision, LeavesNothingBehindWhenItFails) {
  Home home(false);
  auto options = home.provision_options();
  write(home.folder() / "file", "");
  options.head = home.folder() / "file" / "head";  // a file is no folder
  ASSERT_FALSE(provision(options, home.root()));
  EXPECT_FALSE(std::filesystem::exists(home.journal()));
  EXPECT_FALSE(std::filesystem::exists(home.keyring()));
  options = home.provision_options();
  EXPECT_TRUE(provision(options, home.root()));
}

TEST(Provision, BadOptionsAreNamed) {
  Home home(false);
  auto options = home.provision_options();
  options.origin = "two words";
  EXPECT_THAT(provision(options, home.root()).error().message, HasSubstr("two words"));
  options = home.provision_options();
  options.heartbeat = std::chrono::seconds(0);
  EXPECT_THAT(provision(options, home.root()).error().message, HasSubstr("heartbeat"));
  options = home.provision_options();
  EXPECT_THAT(provision(options, Signer::generate("other/root").value()).error().message,
              HasSubstr(std::string(Home::origin) + "/root"));
  EXPECT_FALSE(generate_root("a b"));
}

TEST(Provision, HeadMayBeAFolder) {
  Home home(false);
  auto options = home.provision_options();
  options.head = home.folder() / "head.d/";
  EXPECT_EQ(head_file(options.head), home.folder() / "head.d" / "head");
  ASSERT_TRUE(provision(options, home.root()));
  EXPECT_TRUE(std::filesystem::exists(home.folder() / "head.d" / "head"));
  EXPECT_EQ(head_file(home.folder() / "head.d"), home.folder() / "head.d" / "head");
}

}  // namespace
}  // namespace tallygate::audit
