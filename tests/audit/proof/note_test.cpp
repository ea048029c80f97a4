// Signed notes and checkpoints: the known answers of the C2SP implementations, and everything a strict reader
// refuses.
#include "audit/journal/note.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::string_view peter_vkey = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view peter_text =
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n";
constexpr std::string_view peter_line =
    "\xE2\x80\x94 PeterNeumann "
    "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

std::string peter_note() {
  return std::string(peter_text) + "\n" + std::string(peter_line);
}

// A signer from the base64 of 0x01 ‖ seed, as Go's note package writes private keys.
NoteSigner signer_of(std::string_view name, std::string_view encoded) {
  const auto typed = base64_decode(encoded);
  EXPECT_TRUE(typed && typed->size() == 33);
  const std::shared_ptr<EVP_PKEY> key(
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, typed->data() + 1, 32), EVP_PKEY_free);
  PublicKey raw{};
  std::size_t size = raw.size();
  EVP_PKEY_get_raw_public_key(key.get(), raw.data(), &size);
  return {std::string(name), note_key_id(name, raw), [key](std::string_view message) {
            Signature out{};
            std::size_t length = out.size();
            const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(),
                                                                                  EVP_MD_CTX_free);
            EXPECT_EQ(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key.get()), 1);
            EXPECT_EQ(EVP_DigestSign(context.get(), out.data(), &length,
                                     reinterpret_cast<const unsigned char*>(message.data()), message.size()),
                      1);
            return out;
          }};
}

TEST(Note, ReadsAndWritesTheVkeysOfOtherImplementations) {
  for (const std::string_view text :
       {peter_vkey, std::string_view("example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"),
        std::string_view("sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8")}) {
    const auto key = parse_vkey(text);
    ASSERT_TRUE(key) << key.error().message;
    EXPECT_EQ(key->vkey(), text);
    EXPECT_EQ(make_verify_key(key->name, key->key)->id, key->id);
  }
}

TEST(Note, RefusesVkeysThatAreNotWhole) {
  const std::string good(peter_vkey);
  for (const std::string& bad :
       {std::string(), std::string("PeterNeumann"), std::string("PeterNeumann+c74f20a3"), good.substr(1),
        "x" + good, good.substr(0, good.size() - 4), good + "AAAA",
        std::string("PeterNeumann+C74F20A3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
        std::string("PeterNeumann+c74f20a3+AhpC2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"),
        std::string("+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"), good + "\n"}) {
    EXPECT_FALSE(parse_vkey(bad)) << bad;
  }
}

TEST(Note, VerifiesASignatureOfAnotherImplementation) {
  const std::vector<VerifyKey> keys = {*parse_vkey(peter_vkey)};
  const std::string bytes = peter_note();
  const auto note = parse_note(bytes);
  ASSERT_TRUE(note) << note.error().message;
  EXPECT_EQ(note->text, peter_text);
  EXPECT_EQ(verify_note(*note, keys).value(), std::vector<std::size_t>{0});
}

TEST(Note, SignsByteForByteLikeAnotherImplementation) {
  const std::vector<NoteSigner> signers = {
      signer_of("PeterNeumann", "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")};
  EXPECT_EQ(sign_note(peter_text, signers), peter_note());
}

TEST(Note, SignsTheCheckpointOfAnotherLogByteForByte) {
  const std::vector<NoteSigner> signers = {
      signer_of("example.com/log/testdata", "AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")};
  const auto root = base64_decode("rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=");
  Digest digest{};
  std::copy(root->begin(), root->end(), digest.begin());
  const std::string text = checkpoint_text("example.com/log/testdata", 15, digest);
  const std::string note = sign_note(text, signers);
  EXPECT_TRUE(note.ends_with(
      "\n\n\xE2\x80\x94 example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+"
      "CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n"))
      << note;
  const auto read = parse_checkpoint(parse_note(note)->text);
  ASSERT_TRUE(read);
  EXPECT_EQ(*read, (Checkpoint{"example.com/log/testdata", 15, digest, ""}));
}

TEST(Note, TheRootOfThatLogIsTheRootOfItsEntries) {
  Sha256 sha;
  std::vector<Digest> leaves;
  for (const char* entry : {"one", "two", "three", "four", "five", "six", "seven", "eit", "nain", "ten",
                            "ileven", "twelf", "threeten", "fourten", "fivten"}) {
    leaves.push_back(sha.leaf(entry));
  }
  const Digest left8 = sha.node(sha.node(sha.node(leaves[0], leaves[1]), sha.node(leaves[2], leaves[3])),
                                sha.node(sha.node(leaves[4], leaves[5]), sha.node(leaves[6], leaves[7])));
  const Digest next4 = sha.node(sha.node(leaves[8], leaves[9]), sha.node(leaves[10], leaves[11]));
  const Digest last3 = sha.node(sha.node(leaves[12], leaves[13]), leaves[14]);
  EXPECT_EQ(base64_encode(sha.node(left8, sha.node(next4, last3))),
            "rKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=");
}

TEST(Note, AKnownKeyWhoseSignatureIsWrongSpoilsTheNote) {
  const std::vector<VerifyKey> keys = {*parse_vkey(peter_vkey)};
  std::string bytes = peter_note();
  bytes[0] = 'i';
  EXPECT_FALSE(verify_note(*parse_note(bytes), keys));
}

TEST(Note, LinesOfUnknownKeysAreIgnored) {
  const std::vector<VerifyKey> keys = {*parse_vkey(peter_vkey)};
  const std::vector<NoteSigner> other = {
      signer_of("PeterNeumann", "AeymY/SZAX0jZcJ8enZ5FY1Dz+wTML2yWSkK+9DSF3eg")};
  const std::string alone = sign_note(peter_text, other);
  EXPECT_FALSE(verify_note(*parse_note(alone), keys)) << "the same name with another id is another key";
  const std::string both = alone + std::string(peter_line);
  EXPECT_TRUE(verify_note(*parse_note(both), keys));
}

TEST(Note, RefusesWhatIsNotANote) {
  const std::string good = peter_note();
  const std::string text(peter_text);
  const std::string line(peter_line);
  const std::vector<std::string> bad = {
      "",
      text,
      text + line,
      text + "\n",
      good.substr(0, good.size() - 1),
      text + "\n" + line + "\n",
      text + "\n" + line + "junk\n",
      text + "\n- PeterNeumann x08go/ZJ\n",
      text + "\n\xE2\x80\x94 PeterNeumann  x08go/ZJ\n",
      text + "\n\xE2\x80\x94 Peter+Neumann x08go/ZJ\n",
      text + "\n\xE2\x80\x94  x08go/ZJ\n",
      text + "\n\xE2\x80\x94 PeterNeumann x08goz==\n",
      text + "\n\xE2\x80\x94 PeterNeumann x08go/Z\n",
      text + "\n\xE2\x80\x94 PeterNeumann x08gow==\n",
      "tab\there\n\n" + line,
      "bad \xFF utf8\n\n" + line,
      "cr\r\n\n" + line,
      std::string(note_bytes_max, 'a') + "\n\n" + line,
  };
  for (const std::string& bytes : bad) {
    EXPECT_FALSE(parse_note(bytes)) << bytes;
  }
  std::string many = text + "\n";
  for (std::size_t i = 0; i < note_lines_max; ++i) {
    many += line;
  }
  EXPECT_TRUE(parse_note(many));
  EXPECT_FALSE(parse_note(many + line));
}

TEST(Note, SplitsAtTheLastEmptyLine) {
  const std::string bytes = "a\n\nb\n\n" + std::string(peter_line);
  const auto note = parse_note(bytes);
  ASSERT_TRUE(note);
  EXPECT_EQ(note->text, "a\n\nb\n");
}

TEST(Note, RefusesNamesWithSpacesOfAnyScript) {
  EXPECT_TRUE(is_note_name("gw.example.com/journal"));
  EXPECT_TRUE(is_note_name("\xC3\xB6rtlich"));
  for (const char* bad :
       {"", " ", "a b", "a+b", "a\tb", "a\xC2\xA0", "a\xE2\x80\xA8", "a\xE3\x80\x80", "\xFF"}) {
    EXPECT_FALSE(is_note_name(bad)) << bad;
  }
}

TEST(Checkpoint, RefusesEveryOtherSpelling) {
  const std::string root = base64_encode(Sha256().digest(""));
  EXPECT_EQ(root, "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
  const std::string good = "o\n0\n" + root + "\n";
  EXPECT_TRUE(parse_checkpoint(good));
  EXPECT_TRUE(parse_checkpoint("o\n9223372036854775807\n" + root + "\nmore\n"));
  for (const std::string& bad :
       {std::string(), std::string("o\n0\n"), "o\n0\n" + root, "\n0\n" + root + "\n",
        "o o\n0\n" + root + "\n", "o\n00\n" + root + "\n", "o\n01\n" + root + "\n", "o\n-1\n" + root + "\n",
        "o\n+1\n" + root + "\n", "o\n\n" + root + "\n", "o\n9223372036854775808\n" + root + "\n",
        "o\n1\n" + root.substr(4) + "\n", "o\n1\n" + root.substr(0, 43) + "\n", good + "\n", good + "x",
        good + "x\n\ny\n"}) {
    EXPECT_FALSE(parse_checkpoint(bad)) << bad;
  }
}

TEST(Base64, ReadsOnlyWhatItWrites) {
  EXPECT_EQ(base64_encode(std::vector<std::uint8_t>{}), "");
  EXPECT_EQ(base64_decode("")->size(), 0U);
  EXPECT_EQ(base64_decode("AQ==")->front(), 1);
  for (const char* bad :
       {"A", "AQ", "AQ=", "AR==", "A===", "====", "AQ==AQ==", " AQ=", "AQ==\n", "A\n==", "A-_=", "AQI=\n"}) {
    EXPECT_FALSE(base64_decode(bad)) << bad;
  }
}

TEST(Ed25519Verifier, ReadsPemAndRefusesOtherKeys) {
  EXPECT_FALSE(Ed25519Verifier::from_pem(""));
  EXPECT_FALSE(Ed25519Verifier::from_pem("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n"));
  const auto key = Ed25519Verifier::from_pem(
      "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGlzZBxQ8OExB6DDFvOEqqIF+xWSaqr8sMTiLNbLXRNY=\n"
      "-----END PUBLIC KEY-----\n");
  ASSERT_TRUE(key) << key.error().message;
  EXPECT_EQ(*key, parse_vkey(peter_vkey)->key);
  EXPECT_FALSE(key->verify("x", {}));
}

}  // namespace
}  // namespace tallygate::audit
