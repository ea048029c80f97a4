// Proofs of entries under keys that rotated: each key out of the one before, the first out of the
// provisioning key.
#include "audit/proof/key_chain.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/search/prove.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using testing::HasSubstr;

class KeyChains : public testing::Test {
 protected:
  RootKey root() { return *load_root_key(journal_.root().vkey()); }
  std::string proof_of(std::uint64_t seq) {
    journal_.write();
    auto proof = prove_entry(journal_.folder, seq);
    EXPECT_TRUE(proof) << proof.error().message;
    return proof && *proof ? **proof : std::string();
  }
  std::string why_not(const std::string& proof) {
    const auto checked = check_entry_proof(proof, root());
    return checked ? "it holds" : checked.error().message;
  }
  // The rotations of a proof, taken apart.
  static std::vector<TlogProof> rotations(const TlogProof& proof) {
    std::vector<TlogProof> found;
    std::string_view rest(proof.extra);
    for (rest.remove_prefix(rest.find('\n') + 1); rest.starts_with("key ");
         rest.remove_prefix(rest.find('\n') + 1)) {
      const auto bytes = base64_decode(rest.substr(4, rest.find('\n') - 4), tlog_proof_bytes_max).value();
      found.push_back(parse_tlog_proof(std::string(bytes.begin(), bytes.end())).value());
    }
    return found;
  }
  // The proof with other rotations.
  std::string with(TlogProof proof, const std::vector<TlogProof>& other) const {
    const std::string body = proof.extra.substr(key_lines_size(proof.extra));
    proof.extra = charter_line(journal_.bodies[0]).value();
    for (const TlogProof& rotation : other) {
      proof.extra += rotation_line(rotation);
    }
    proof.extra += body;
    return format_tlog_proof(proof);
  }
  // The proof of the newest entry after two rotations.
  TlogProof twice_rotated() {
    journal_.requests(9);
    journal_.rotate("second");
    journal_.requests(9);
    journal_.rotate("third");
    journal_.requests(9);
    return parse_tlog_proof(proof_of(journal_.bodies.size() - 1)).value();
  }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
};

TEST_F(KeyChains, EachEntryIsProvenWithAsFewRotationsAsItNeeds) {
  journal_.requests(9);
  journal_.rotate("second");
  const std::uint64_t second = journal_.bodies.size() - 1;
  journal_.requests(9);
  journal_.seal();
  journal_.rotate("third");
  const std::uint64_t third = journal_.bodies.size() - 1;
  journal_.requests(9);
  for (std::uint64_t seq = 0; seq < journal_.bodies.size(); ++seq) {
    const auto proven = check_entry_proof(proof_of(seq), root());
    ASSERT_TRUE(proven) << seq << ": " << proven.error().message;
    EXPECT_EQ(proven->body, journal_.bodies[seq]);
    EXPECT_EQ(proven->rotations, (seq > second ? 1U : 0U) + (seq > third ? 1U : 0U)) << seq;
    EXPECT_EQ(proven->signed_by, journal_.key_at(proven->size).vkey()) << seq;
  }
}

TEST_F(KeyChains, EachByteOfTheFileMatters) {
  const std::string proof = format_tlog_proof(twice_rotated());
  ASSERT_EQ(why_not(proof), "it holds");
  for (std::size_t i = 0; i < proof.size(); ++i) {
    std::string altered = proof;
    altered[i] = static_cast<char>(altered[i] ^ 0x01);
    EXPECT_NE(why_not(altered), "it holds") << "byte " << i;
  }
}

TEST_F(KeyChains, EachByteOfTheProofOfARotationMatters) {
  // Its checkpoint has two signatures, and one of them is of a key that nothing establishes yet.
  journal_.requests(9);
  journal_.rotate("second");
  const std::string proof = proof_of(journal_.bodies.size() - 1);
  ASSERT_EQ(why_not(proof), "it holds");
  for (std::size_t i = 0; i < proof.size(); ++i) {
    std::string altered = proof;
    altered[i] = static_cast<char>(altered[i] ^ 0x01);
    EXPECT_NE(why_not(altered), "it holds") << "byte " << i;
  }
}

TEST_F(KeyChains, AChainWithALinkMissingTwiceOrInAnotherOrderIsRefused) {
  const TlogProof proof = twice_rotated();
  const auto chain = rotations(proof);
  ASSERT_EQ(chain.size(), 2U);
  EXPECT_EQ(why_not(with(proof, chain)), "it holds");
  EXPECT_NE(why_not(with(proof, {chain[0]})), "it holds");
  EXPECT_NE(why_not(with(proof, {chain[1]})), "it holds");
  EXPECT_NE(why_not(with(proof, {})), "it holds");
  EXPECT_THAT(why_not(with(proof, {chain[1], chain[0]})), HasSubstr("does not hold"));
  EXPECT_THAT(why_not(with(proof, {chain[0], chain[0], chain[1]})), HasSubstr("after a later one"));
}

TEST_F(KeyChains, ARotationNeedsBothSignatures) {
  const TlogProof proof = twice_rotated();
  auto chain = rotations(proof);
  const std::uint64_t size = chain[0].index + 1;
  const Key first(journal_.origin, "the first signing key");
  const Key second(journal_.origin, "second");
  for (const Key& one : {first, second}) {
    chain[0].checkpoint = journal_.note(size, {one});
    EXPECT_THAT(why_not(with(proof, chain)), HasSubstr("no signature of"));
  }
  chain[0].checkpoint = journal_.note(size, {second, first});
  EXPECT_EQ(why_not(with(proof, chain)), "it holds") << "in any order";
  chain[0].checkpoint = journal_.note(size, {first, second, Key(journal_.origin, "forger")});
  EXPECT_THAT(why_not(with(proof, chain)), HasSubstr("nothing establishes"));
}

TEST_F(KeyChains, ARotationIsTheLastEntryOfItsTree) {
  const TlogProof proof = twice_rotated();
  auto chain = rotations(proof);
  const Key first(journal_.origin, "the first signing key");
  const Key second(journal_.origin, "second");
  chain[0].checkpoint = journal_.note(chain[0].index, {first, second});
  EXPECT_NE(why_not(with(proof, chain)), "it holds");
  chain = rotations(proof);
  chain[0].extra = journal_.bodies[5];
  EXPECT_THAT(why_not(with(proof, chain)), HasSubstr("key.rotate"));
  chain = rotations(proof);
  chain[0].path.pop_back();
  EXPECT_THAT(why_not(with(proof, chain)), HasSubstr("not the last one"));
}

TEST_F(KeyChains, AnOldKeyDoesNotSignWhatComesAfterItsTurn) {
  TlogProof proof = twice_rotated();
  const Key second(journal_.origin, "second");
  proof.checkpoint = journal_.note(journal_.bodies.size(), {second});
  EXPECT_THAT(why_not(format_tlog_proof(proof)), HasSubstr("turn"));
}

TEST_F(KeyChains, AGrantedRotationStandsByItself) {
  journal_.requests(9);
  journal_.rotate("second");
  journal_.requests(9);
  journal_.rotate_by_grant("third", "n1");
  journal_.requests(9);
  journal_.rotate("fourth");
  journal_.requests(9);
  const TlogProof proof = parse_tlog_proof(proof_of(journal_.bodies.size() - 1)).value();
  auto chain = rotations(proof);
  ASSERT_EQ(chain.size(), 2U) << "what comes before the grant is not needed";
  EXPECT_EQ(why_not(format_tlog_proof(proof)), "it holds");
  // The same entry with the grant of another act.
  std::string& body = chain[0].extra;
  body.replace(body.find("\"nonce\":\"n1\""), 12, "\"nonce\":\"n2\"");
  EXPECT_THAT(why_not(with(proof, chain)), HasSubstr("not signed by the provisioning key"));
}

TEST_F(KeyChains, AKeyThatWasRevokedIsLeftAside) {
  journal_.requests(8);
  journal_.rotate("second");
  const std::uint64_t stolen = journal_.bodies.size();
  const std::string vkey = journal_.key().vkey();
  journal_.requests(8);
  const std::uint64_t last = journal_.bodies.size() - 1;
  journal_.rotate_by_grant("third", "n1");
  journal_.revoke(vkey, stolen + 1, "n2");
  const auto proven = check_entry_proof(proof_of(last), root());
  ASSERT_TRUE(proven) << proven.error().message;
  EXPECT_EQ(proven->signed_by, journal_.key().vkey());
  EXPECT_EQ(proven->rotations, 1U);
  EXPECT_EQ(check_entry_proof(proof_of(stolen - 1), root())->signed_by,
            Key(journal_.origin, "the first signing key").vkey());
}

TEST_F(KeyChains, WithoutAKeyThatCountsThereIsNoProof) {
  journal_.requests(8);
  const std::string vkey = journal_.key().vkey();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.revoke(vkey, 7, "n1");
  EXPECT_EQ(why_not(proof_of(2)), "it holds");
  journal_.write();
  const auto proof = prove_entry(journal_.folder, 12);
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().kind, FailureKind::missing);
  EXPECT_THAT(proof.error().message, HasSubstr("revoked"));
}

TEST_F(KeyChains, AfterARevocationAKeyThatAGrantNamesProvesAllThatWentBefore) {
  journal_.requests(8);
  const std::string vkey = journal_.key().vkey();
  journal_.rotate("second");
  journal_.requests(8);
  journal_.revoke(vkey, 7, "n1");
  journal_.rotate_by_grant("third", "n2");
  journal_.requests(4);
  EXPECT_EQ(why_not(proof_of(12)), "it holds");
  EXPECT_EQ(why_not(proof_of(journal_.bodies.size() - 1)), "it holds");
}

TEST_F(KeyChains, ARevocationThatWasNotGrantedTakesNothingAway) {
  journal_.requests(8);
  journal_.add("key.revoke", {{"key", "\"" + journal_.key().vkey() + "\""}, {"size", "5"}});
  journal_.checkpoint();
  EXPECT_EQ(why_not(proof_of(7)), "it holds");
}

TEST_F(KeyChains, WhatTheIndexForgotOfTheKeysIsReadAgain) {
  const std::string proof = format_tlog_proof(twice_rotated());
  reference::sql(journal_.folder / "index.db", "DELETE FROM key_entry");
  EXPECT_EQ(prove_entry(journal_.folder, journal_.bodies.size() - 1).value(), proof);
  reference::sql(journal_.folder / "index.db", "INSERT INTO key_entry VALUES (3), (4000)");
  EXPECT_EQ(prove_entry(journal_.folder, journal_.bodies.size() - 1).value(), proof);
}

TEST_F(KeyChains, WitnessesMayHaveSignedToo) {
  TlogProof proof = twice_rotated();
  const Key witness("witness.example.com", "w");
  proof.checkpoint += witness.line(proof.checkpoint.substr(0, proof.checkpoint.find("\n\n") + 1));
  EXPECT_EQ(why_not(format_tlog_proof(proof)), "it holds");
}

TEST_F(KeyChains, ARetiredSegmentsLeavesLeadToTheRoot) {
  journal_.requests(300);
  journal_.rotate("second");
  journal_.seal();
  journal_.requests(9);
  journal_.write();
  std::string leaves;
  for (std::uint64_t seq = 0; seq < 303; ++seq) {
    const auto hash = reference::leaf_hash(journal_.bodies[seq]);
    leaves += "INSERT INTO leaf VALUES (" + std::to_string(seq) + "," +
              reference::blob({reinterpret_cast<const char*>(hash.data()), hash.size()}) + ");";
  }
  reference::sql_against_triggers(journal_.segment_file(0),
                                  leaves +
                                      "DELETE FROM entry WHERE seq BETWEEN 2 AND 301; UPDATE meta SET value "
                                      "= 'stub' WHERE key = 'state'");
  const auto proof = prove_entry(journal_.folder, journal_.bodies.size() - 1);
  ASSERT_TRUE(proof) << proof.error().message;
  EXPECT_EQ(why_not(**proof), "it holds");
  EXPECT_FALSE(prove_entry(journal_.folder, 17).value()) << "its body is gone";
}

}  // namespace
}  // namespace tallygate::audit
