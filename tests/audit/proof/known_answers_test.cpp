// Answers of other implementations to whole questions: the 15 entries of a published test log, its signed
// checkpoint, a witness's cosignature over that, proofs in it and the file of one.

#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/tree.hpp"
#include "audit/proof/tlog_proof.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {
namespace {

using ::testing::ElementsAre;

constexpr std::array<const char*, 15> entries = {"one",    "two",   "three",    "four",    "five",
                                                 "six",    "seven", "eit",      "nain",    "ten",
                                                 "ileven", "twelf", "threeten", "fourten", "fivten"};
constexpr std::string_view checkpoint_note =
    "example.com/log/testdata\n15\nrKbDipCvhuX1GZ7g5BBe8sA6BbJ7ja/1nk427v383cs=\n\n"
    "\xE2\x80\x94 example.com/log/testdata M9e0luh4jTG+UMBqOUo9/q+yAEvx1ilBEniMvjf1zfcBOhg+"
    "CKubMt53MvIt/uEWP6zdkdIQzd/fmwlM/dlPWF74ewI=\n";
constexpr std::string_view cosignature_line =
    "\xE2\x80\x94 witness JLN4UQAAAABkGFDLUWGc9TBIvb66RoDBYPA1aHrgHaurdHoAptD0iaikyjsBtQeDvBO2VpCQEoJv"
    "6u+EWy1DB7VhBANWO0n0H/GVBg==\n";

std::vector<Digest> leaves_of_the_log() {
  Sha256 sha;
  std::vector<Digest> leaves;
  for (const char* entry : entries) {
    leaves.push_back(sha.leaf(entry));
  }
  return leaves;
}

std::vector<std::string> in_base64(const std::vector<Digest>& hashes) {
  std::vector<std::string> out;
  for (const Digest& hash : hashes) {
    out.push_back(base64_encode(hash));
  }
  return out;
}

// Ed25519 public keys of other types stand behind their type in a vkey.
PublicKey key_behind_type(std::string_view base64, std::uint8_t type) {
  const auto bytes = base64_decode(base64);
  EXPECT_TRUE(bytes && bytes->size() == 33 && bytes->front() == type);
  PublicKey key{};
  std::copy(bytes->begin() + 1, bytes->end(), key.begin());
  return key;
}

TEST(KnownAnswers, TheRootOfTheTestLogIsTheOneThatItsCheckpointSigns) {
  Sha256 sha;
  const auto note = parse_note(checkpoint_note);
  ASSERT_TRUE(note) << note.error().message;
  const auto checkpoint = parse_checkpoint(note->text);
  ASSERT_TRUE(checkpoint);
  const auto leaves = leaves_of_the_log();
  EXPECT_EQ(checkpoint->size, leaves.size());
  EXPECT_EQ(checkpoint->root, tree_root(sha, leaves));
}

TEST(KnownAnswers, ProofsInTheTestLogAreThoseOfItsImplementation) {
  Sha256 sha;
  const auto leaves = leaves_of_the_log();
  const auto inclusion = inclusion_proof(sha, leaves, 4);
  EXPECT_THAT(
      in_base64(inclusion),
      ElementsAre(
          "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=", "nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=",
          "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=", "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks="));
  const auto consistency = consistency_proof(sha, leaves, 5);
  EXPECT_THAT(
      in_base64(consistency),
      ElementsAre(
          "zMKa4OAqd7D0V4wawXST15z0JiEEkprIBPkfxOesWvA=", "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=",
          "nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=", "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=",
          "5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks="));
  const Digest root = tree_root(sha, leaves);
  const Digest root_of_5 = tree_root(sha, std::span(leaves).first(5));
  EXPECT_TRUE(verify_inclusion(sha, 4, 15, leaves[4], inclusion, root));
  EXPECT_TRUE(verify_consistency(sha, 5, 15, root_of_5, root, consistency));
}

TEST(KnownAnswers, AProofFileOfAnotherImplementationIsReadProvesAndIsWrittenTheSame) {
  const std::string file =
      "c2sp.org/tlog-proof@v1\nindex 4\n"
      "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=\nnk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=\n"
      "zY1lN35vrXYAPixXSd59LsU29xUJtuW4o2dNNg5Y2Co=\n5jLpqTgjsBDSEX6SgZiRnbTMdTuRd8bQ5tSsAOxe0Ks=\n\n" +
      std::string(checkpoint_note) + std::string(cosignature_line);
  const auto proof = parse_tlog_proof(file);
  ASSERT_TRUE(proof) << proof.error().message;
  const auto note = parse_note(proof->checkpoint);
  ASSERT_TRUE(note) << note.error().message;
  const auto checkpoint = parse_checkpoint(note->text);
  ASSERT_TRUE(checkpoint);
  Sha256 sha;
  EXPECT_TRUE(
      verify_inclusion(sha, proof->index, checkpoint->size, sha.leaf("five"), proof->path, checkpoint->root));
  EXPECT_FALSE(
      verify_inclusion(sha, proof->index, checkpoint->size, sha.leaf("six"), proof->path, checkpoint->root));
  EXPECT_EQ(format_tlog_proof(*proof), file);
}

TEST(KnownAnswers, ACosignatureStandsBesideTheLogsSignatureAndSpoilsNothing) {
  const std::string bytes = std::string(checkpoint_note) + std::string(cosignature_line);
  const auto note = parse_note(bytes);
  ASSERT_TRUE(note) << note.error().message;
  ASSERT_EQ(note->lines.size(), 2U);
  const VerifyKey log =
      parse_vkey("example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx").value();
  EXPECT_THAT(verify_note(*note, std::vector{log}).value(), ElementsAre(0));
  EXPECT_FALSE(parse_vkey("witness+24b37851+BNYV1Ztajd9BvyjP2HgpwrqYL6TjOwIjGMOq8Bu42xbN"))
      << "a cosigner's key signs no checkpoint of its own";
}

TEST(KnownAnswers, ACosignatureOfFormatOneIsWhatItsSpecificationSays) {
  const auto note = parse_note(checkpoint_note);
  ASSERT_TRUE(note);
  const PublicKey raw = key_behind_type("BNYV1Ztajd9BvyjP2HgpwrqYL6TjOwIjGMOq8Bu42xbN", 4);
  Sha256 sha;
  const std::string named = std::string("witness\n\x04") + std::string(raw.begin(), raw.end());
  EXPECT_EQ(to_hex(sha.digest(named)).substr(0, 8), "24b37851");

  const auto payload = base64_decode(cosignature_line.substr(12, cosignature_line.size() - 13));
  ASSERT_TRUE(payload);
  ASSERT_EQ(payload->size(), 4U + 8U + 64U);
  std::uint64_t time = 0;
  for (std::size_t i = 4; i < 12; ++i) {
    time = time << 8U | (*payload)[i];
  }
  EXPECT_EQ(time, 1679315147U);
  const auto key = Ed25519Verifier::from_raw(raw);
  ASSERT_TRUE(key);
  const std::string message = "cosignature/v1\ntime 1679315147\n" + std::string(note->text);
  EXPECT_TRUE(key->verify(message, std::span(*payload).subspan(12)));
  EXPECT_FALSE(key->verify(std::string(note->text), std::span(*payload).subspan(12)));
}

TEST(KnownAnswers, ANoteThatTwoKeysSignedIsOpenedByEither) {
  const std::string note_text =
      "If you think cryptography is the answer to your problem,\n"
      "then you don't know what your problem is.\n";
  const std::string bytes = note_text +
                            "\n\xE2\x80\x94 PeterNeumann "
                            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpR"
                            "Zb6KE6RyyBwJnAM=\n"
                            "\xE2\x80\x94 EnochRoot "
                            "rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33"
                            "WWd1RvMc+QQ=\n";
  const auto note = parse_note(bytes);
  ASSERT_TRUE(note) << note.error().message;
  const VerifyKey peter =
      parse_vkey("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").value();
  const VerifyKey enoch =
      parse_vkey("EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop").value();
  EXPECT_THAT(verify_note(*note, std::vector{peter}).value(), ElementsAre(0));
  EXPECT_THAT(verify_note(*note, std::vector{enoch}).value(), ElementsAre(0));
  EXPECT_EQ(verify_note(*note, std::vector{peter, enoch}).value().size(), 2U);
}

}  // namespace
}  // namespace tallygate::audit
