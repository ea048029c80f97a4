// Proofs of entries under keys that rotated: each key out of the one before, the first out of the
// provisioning key.
#include "audit/proof/key_chain.hpp"

#include "audit/journal/tree.hpp"
#include "audit/proof/entry_proof.hpp"
#include "audit/proof/proof_lines.hpp"
#include "audit/search/proof_size.hpp"
#include "audit/search/prove.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
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

  // The proof of entry `seq` in another record, with a checkpoint of this key over all of it, and what else
  // the proof carries as it is; `after` instead of what leads from a grant's record, where it is given.
  static std::string forged(TlogProof proof, const Journal& record, std::uint64_t seq, const Key& key,
                            const std::optional<std::string>& after = {}) {
    Sha256 sha;
    std::vector<Digest> leaves;
    for (const std::string& body : record.bodies) {
      leaves.push_back(sha.leaf(body));
    }
    std::string_view rest = std::string_view(proof.extra).substr(key_lines_size(proof.extra));
    const std::string line(rest.starts_with("after ") ? rest.substr(0, rest.find('\n') + 1)
                                                      : std::string_view());
    proof.extra =
        proof.extra.substr(0, key_lines_size(proof.extra)) + after.value_or(line) + record.bodies[seq];
    proof.index = seq;
    proof.path = inclusion_proof(sha, leaves, seq);
    proof.checkpoint = record.note(record.bodies.size(), {key});
    return format_tlog_proof(proof);
  }
  // The record with another entry `seq`, and chained anew from there.
  Journal with_another(std::uint64_t seq) {
    Journal other = journal_;
    std::string& body = other.bodies[seq];
    body.replace(body.find("\"gateway\":\"gw-1\""), 16, "\"gateway\":\"gw-2\"");
    other.rewrite_from(seq, other.key());
    return other;
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

TEST_F(KeyChains, AKeyHasNoSayAboutWhatWasRecordedBeforeItsTurn) {
  const TlogProof proof = twice_rotated();
  const auto chain = rotations(proof);
  const Key third(journal_.origin, "third");
  // Not even about the entries by which keys change, and not where it tells the truth: nobody can tell which.
  for (const std::uint64_t seq : {std::uint64_t{0}, std::uint64_t{5}, chain[0].index, chain[1].index}) {
    EXPECT_THAT(why_not(forged(proof, with_another(seq), seq, third)), HasSubstr("has no say")) << seq;
    EXPECT_THAT(why_not(forged(proof, journal_, seq, third)), HasSubstr("has no say")) << seq;
  }
  EXPECT_EQ(why_not(forged(proof, journal_, chain[1].index + 1, third)), "it holds");
}

TEST_F(KeyChains, AGrantedKeyVouchesForTheRecordThatItsGrantNamesAndForNoOther) {
  journal_.requests(8);
  const std::string vkey = journal_.key().vkey();
  journal_.rotate("second");
  journal_.requests(8);
  const std::uint64_t reached = journal_.bodies.size();
  journal_.requests(3);
  journal_.revoke(vkey, 7, "n1");
  journal_.rotate_by_grant("third", "n2", journal_.prefix(reached));
  journal_.requests(4);
  const Key third(journal_.origin, "third");
  const std::string text = proof_of(12);
  EXPECT_EQ(check_entry_proof(text, root())->remark, "");
  const TlogProof proof = parse_tlog_proof(text).value();
  EXPECT_EQ(why_not(forged(proof, journal_, 12, third)),
            "the record that the key's grant names is not the beginning of the one that is signed")
      << "the hashes lead to another size";
  const auto beginning = [&](const Journal& record) {
    Sha256 sha;
    std::vector<Digest> leaves;
    for (const std::string& body : record.bodies) {
      leaves.push_back(sha.leaf(body));
    }
    return after_line(consistency_proof(sha, leaves, reached));
  };
  EXPECT_EQ(why_not(forged(proof, journal_, 12, third, beginning(journal_))), "it holds");
  const Journal other = with_another(5);
  for (const std::uint64_t seq : {std::uint64_t{0}, std::uint64_t{5}, std::uint64_t{12}}) {
    EXPECT_THAT(why_not(forged(proof, other, seq, third, beginning(other))),
                HasSubstr("is not the beginning"));
    EXPECT_THAT(why_not(forged(proof, other, seq, third, "")), HasSubstr("does not show"));
  }
  // Of what came after that record, and of its own time, it says what it says.
  EXPECT_THAT(check_entry_proof(proof_of(reached + 1), root())->remark, HasSubstr("alone vouches"));
  const TlogProof own = parse_tlog_proof(proof_of(journal_.bodies.size() - 1)).value();
  EXPECT_EQ(why_not(forged(own, journal_, journal_.bodies.size() - 1, third)), "it holds");
  EXPECT_THAT(why_not(forged(own, journal_, journal_.bodies.size() - 1, third, beginning(journal_))),
              HasSubstr("rests on none"));
}

TEST_F(KeyChains, AGrantOfAnEarlierFormProvesWhatItDidAndThatIsSaid) {
  journal_.requests(8);
  const std::string vkey = journal_.key().vkey();
  journal_.rotate_by_grant("second", "n1", "");
  journal_.revoke(vkey, 7, "n2");
  journal_.requests(4);
  EXPECT_THAT(check_entry_proof(proof_of(8), root())->remark, HasSubstr("does not say after which record"));
  EXPECT_EQ(check_entry_proof(proof_of(journal_.bodies.size() - 1), root())->remark, "");
}

TEST_F(KeyChains, TheTreesThatKeysRestOnAreTheBeginningOfWhatTheLastOneSigns) {
  journal_.requests(9);
  journal_.rotate("second");
  journal_.requests(9);
  journal_.rotate_by_grant("third", "n1", journal_.prefix(journal_.bodies.size()));
  journal_.requests(9);
  journal_.rotate("fourth");
  journal_.requests(9);
  const TlogProof proof = parse_tlog_proof(proof_of(journal_.bodies.size() - 1)).value();
  const auto chain = read_key_chain(proof.extra.substr(0, key_lines_size(proof.extra)), root()).value();
  std::vector<std::uint64_t> sizes;
  for (const Prefix& one : chain.prefixes) {
    sizes.push_back(one.size);
  }
  EXPECT_THAT(sizes, testing::ElementsAre(21, 22, 32)) << "of the grant, of its entry, and of the one after";
  const auto judge = [&](const Journal& record, std::size_t lines_left) {
    Sha256 sha;
    std::vector<Digest> leaves;
    for (const std::string& body : record.bodies) {
      leaves.push_back(sha.leaf(body));
    }
    std::string lines;
    for (std::size_t i = 0; i < lines_left; ++i) {
      lines += hashes_text(consistency_proof(sha, leaves, sizes[std::min(i, sizes.size() - 1)])) + "\n";
    }
    const Checkpoint checkpoint{record.origin, leaves.size(), tree_root(sha, leaves), {}};
    const auto judged = check_prefixes(chain, checkpoint, lines);
    return judged ? std::string("they are") : judged.error().message;
  };
  EXPECT_EQ(judge(journal_, 3), "they are");
  EXPECT_THAT(judge(journal_, 2), HasSubstr("tree of 32 entries"));
  EXPECT_THAT(judge(journal_, 4), HasSubstr("more is proven"));
  EXPECT_THAT(judge(with_another(5), 3), HasSubstr("tree of 21 entries"));
  EXPECT_THAT(judge(with_another(25), 3), HasSubstr("tree of 32 entries"));
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

TEST_F(KeyChains, AProofThatWouldBeTooLongIsNoSignOfTampering) {
  const TlogProof proof = twice_rotated();
  const std::string lines = proof.extra.substr(0, key_lines_size(proof.extra));
  const std::string text = format_tlog_proof(proof);
  EXPECT_EQ(short_enough(text, lines, text.size()).value(), text);
  const auto refused = short_enough(text, lines, text.size() - 1);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().kind, FailureKind::missing);
  EXPECT_THAT(refused.error().message,
              HasSubstr("2 rotations of the signing key. Nothing is wrong with the record"));
  EXPECT_THAT(refused.error().message, HasSubstr("tallygate keys rotate --prepare"));
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
