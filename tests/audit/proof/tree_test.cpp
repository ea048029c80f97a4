// The RFC 6962 tree against known answers and against a direct reading of the RFC's recursions.
#include "audit/journal/tree.hpp"

#include "tests/support/seed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::size_t accumulated_leaves = 130;

std::vector<Digest> one_byte_leaves(std::size_t count) {
  Sha256 sha;
  std::vector<Digest> leaves;
  for (std::size_t i = 0; i < count; ++i) {
    const char byte = static_cast<char>(i);
    leaves.push_back(sha.leaf({&byte, 1}));
  }
  return leaves;
}

std::string hex(const Digest& digest) {
  return to_hex(digest);
}

void add_line(Sha256& accumulator, std::size_t a, std::size_t b, const std::vector<Digest>& proof) {
  std::string line = std::to_string(a) + " " + std::to_string(b);
  for (const Digest& hash : proof) {
    line += " " + hex(hash);
  }
  accumulator.add(line + "\n");
}

// RFC 6962 §2.1 word for word, the slow way.
Digest reference_root(Sha256& sha, std::span<const Digest> leaves) {
  if (leaves.empty()) {
    return sha.digest({});
  }
  if (leaves.size() == 1) {
    return leaves.front();
  }
  std::size_t k = 1;
  while (k * 2 < leaves.size()) {
    k *= 2;
  }
  const Digest left = reference_root(sha, leaves.first(k));
  return sha.node(left, reference_root(sha, leaves.subspan(k)));
}

TEST(Tree, HasTheRootsOfTheKnownAnswers) {
  const std::vector<std::string> data = {"",
                                         std::string("\0", 1),
                                         "\x10",
                                         "\x20\x21",
                                         "\x30\x31",
                                         "\x40\x41\x42\x43",
                                         "\x50\x51\x52\x53\x54\x55\x56\x57",
                                         "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
  const std::vector<std::string> ends = {"b855", "a01d", "c125", "6e77", "14b7", "64d4", "87ef", "4c8c"};
  Sha256 sha;
  CompactRange range;
  for (std::size_t i = 0; i < data.size(); ++i) {
    EXPECT_TRUE(hex(range.root(sha)).ends_with(ends[i])) << "size " << i;
    range.append(sha, sha.leaf(data[i]));
  }
  EXPECT_EQ(hex(range.root(sha)), "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328");
}

TEST(Tree, HashesLeavesAndNodesAsRfc6962Does) {
  Sha256 sha;
  EXPECT_EQ(hex(sha.leaf("L123456")), "395aa064aa4c29f7010acfe3f25db9485bbd4b91897b6ad7ad547639252b4d56");
  // The published node value is of two four-byte children, so it is taken apart here.
  sha.begin();
  sha.add("\x01N123N456");
  EXPECT_EQ(hex(sha.finish()), "aa217fe888e47007fa15edab33c2b492a722cb106c64667fc2b044444de66bbb");
}

TEST(Tree, ANodeIsTheHashOfItsMarkAndBothChildren) {
  Sha256 sha;
  Digest left = sha.digest("left");
  Digest right = sha.digest("right");
  for (int round = 0; round < 1'000; ++round) {
    std::string bytes = "\x01";
    bytes.append(left.begin(), left.end());
    bytes.append(right.begin(), right.end());
    const Digest node = sha.node(left, right);
    ASSERT_EQ(node, sha.digest(bytes));
    left = right;
    right = node;
  }
}

TEST(Tree, EveryRootUpTo130LeavesIsTheReferenceOne) {
  const std::vector<Digest> leaves = one_byte_leaves(accumulated_leaves);
  Sha256 accumulator;
  accumulator.begin();
  Sha256 sha;
  CompactRange range;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    accumulator.add(std::to_string(size) + " " + hex(range.root(sha)) + "\n");
    if (size < leaves.size()) {
      range.append(sha, leaves[size]);
    }
  }
  EXPECT_EQ(hex(accumulator.finish()), "9c67f07f906103b6bf201842a50ff0b8c91fca9b3e211334a6b7aa3133165dec");
}

TEST(Tree, EveryInclusionProofUpTo130LeavesIsTheReferenceOneAndVerifies) {
  const std::vector<Digest> leaves = one_byte_leaves(accumulated_leaves);
  Sha256 accumulator;
  accumulator.begin();
  Sha256 sha;
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    const std::span<const Digest> tree(leaves.data(), size);
    const Digest root = tree_root(sha, tree);
    for (std::size_t i = 0; i < size; ++i) {
      const auto proof = inclusion_proof(sha, tree, i);
      add_line(accumulator, i, size, proof);
      ASSERT_TRUE(verify_inclusion(sha, i, size, leaves[i], proof, root)) << i << " of " << size;
      ASSERT_FALSE(verify_inclusion(sha, i + 1, size, leaves[i], proof, root));
    }
  }
  EXPECT_EQ(hex(accumulator.finish()), "893ce6eea61adc33c22c0e3a952498b76dfa3c282e78ac659f6fcc0ea44f9983");
}

TEST(Tree, EveryConsistencyProofUpTo130LeavesIsTheReferenceOneAndVerifies) {
  const std::vector<Digest> leaves = one_byte_leaves(accumulated_leaves);
  Sha256 accumulator;
  accumulator.begin();
  Sha256 sha;
  std::vector<Digest> roots;
  for (std::size_t size = 0; size <= leaves.size(); ++size) {
    roots.push_back(tree_root(sha, std::span(leaves).first(size)));
  }
  for (std::size_t size = 1; size <= leaves.size(); ++size) {
    for (std::size_t old = 1; old <= size; ++old) {
      const auto proof = consistency_proof(sha, std::span(leaves).first(size), old);
      add_line(accumulator, old, size, proof);
      ASSERT_TRUE(verify_consistency(sha, old, size, roots[old], roots[size], proof))
          << old << " to " << size;
      ASSERT_FALSE(verify_consistency(sha, old, size, roots[old - 1], roots[size], proof));
    }
  }
  EXPECT_EQ(hex(accumulator.finish()), "2498232e1aebe8d1aa8d339d897fc471f4495fe0b8a55ac08f7dae3d88bc4c2a");
}

TEST(Tree, AProofThatWasTamperedWithDoesNotVerify) {
  const std::vector<Digest> leaves = one_byte_leaves(53);
  Sha256 sha;
  const Digest root = tree_root(sha, leaves);
  const auto proof = inclusion_proof(sha, leaves, 37);
  for (std::size_t i = 0; i < proof.size(); ++i) {
    for (unsigned bit = 0; bit < 8; ++bit) {
      auto bent = proof;
      bent[i][bit] ^= static_cast<std::uint8_t>(1U << bit);
      EXPECT_FALSE(verify_inclusion(sha, 37, 53, leaves[37], bent, root));
    }
  }
  auto longer = proof;
  longer.push_back(root);
  EXPECT_FALSE(verify_inclusion(sha, 37, 53, leaves[37], longer, root));
  EXPECT_FALSE(verify_inclusion(sha, 37, 53, leaves[37], std::span(proof).first(proof.size() - 1), root));
  EXPECT_FALSE(verify_inclusion(sha, 53, 53, leaves[37], proof, root));
  EXPECT_FALSE(verify_inclusion(sha, ~std::uint64_t{0}, 53, leaves[37], proof, root));
  EXPECT_FALSE(verify_inclusion(sha, 0, 0, leaves[0], {}, root));
}

TEST(Tree, AConsistencyProofOfAnotherHistoryDoesNotVerify) {
  std::vector<Digest> leaves = one_byte_leaves(40);
  Sha256 sha;
  const Digest old_root = tree_root(sha, std::span(leaves).first(23));
  leaves[7][0] ^= 1U;
  const Digest forked = tree_root(sha, leaves);
  EXPECT_FALSE(verify_consistency(sha, 23, 40, old_root, forked, consistency_proof(sha, leaves, 23)));
  EXPECT_FALSE(verify_consistency(sha, 40, 23, forked, old_root, {}));
  EXPECT_FALSE(verify_consistency(sha, 40, 40, forked, old_root, {}));
  EXPECT_FALSE(verify_consistency(sha, 23, 40, old_root, forked, {}));
  EXPECT_TRUE(verify_consistency(sha, 0, 40, sha.digest({}), forked, {}));
  EXPECT_FALSE(verify_consistency(sha, 0, 40, old_root, forked, {}));
}

TEST(Tree, SubtreesInAlignedRangesGiveTheRootOfTheirLeaves) {
  const std::uint64_t seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const std::vector<Digest> leaves = one_byte_leaves(256);
  Sha256 sha;
  for (int round = 0; round < 100; ++round) {
    CompactRange range;
    while (range.size() < leaves.size()) {
      const std::uint64_t at = range.size();
      unsigned level = static_cast<unsigned>(random() % 5);
      while ((at & ((std::uint64_t{1} << level) - 1)) != 0 ||
             at + (std::uint64_t{1} << level) > leaves.size()) {
        --level;
      }
      const auto part = std::span(leaves).subspan(at, std::size_t{1} << level);
      range.append_subtree(sha, level, tree_root(sha, part));
      ASSERT_EQ(hex(range.root(sha)), hex(reference_root(sha, std::span(leaves).first(range.size()))));
    }
  }
}

TEST(Tree, ASubtreeAtAnOddPlaceIsRefused) {
  Sha256 sha;
  CompactRange range;
  range.append(sha, sha.leaf("a"));
  EXPECT_THROW(range.append_subtree(sha, 1, sha.leaf("b")), std::invalid_argument);
}

TEST(Tree, AStoredEdgeGrowsLikeTheOriginal) {
  const std::vector<Digest> leaves = one_byte_leaves(70);
  Sha256 sha;
  CompactRange original;
  for (const Digest& leaf : std::span(leaves).first(45)) {
    original.append(sha, leaf);
  }
  auto stored = CompactRange::from(45, {original.hashes().begin(), original.hashes().end()});
  ASSERT_TRUE(stored);
  for (const Digest& leaf : std::span(leaves).subspan(45)) {
    original.append(sha, leaf);
    stored->append(sha, leaf);
  }
  EXPECT_EQ(*stored, original);
  EXPECT_FALSE(CompactRange::from(45, {leaves[0]}));
}

TEST(Hash, ReadsOnlyTheHexThatItWrites) {
  const Digest digest = Sha256().digest("abc");
  const std::string text = to_hex(digest);
  EXPECT_EQ(text, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(digest_from_hex(text), digest);
  std::string upper = text;
  std::transform(upper.begin(), upper.end(), upper.begin(), [](unsigned char c) { return std::toupper(c); });
  EXPECT_FALSE(digest_from_hex(upper));
  EXPECT_FALSE(digest_from_hex(text.substr(1)));
  EXPECT_FALSE(digest_from_hex(text + "0"));
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string other = text;
      other[at] = static_cast<char>(byte);
      const auto read = digest_from_hex(other);
      const bool is_digit = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f');
      ASSERT_EQ(read.has_value(), is_digit) << other;
      ASSERT_TRUE(!read || to_hex(*read) == other) << other;
    }
  }
  std::array<char, 64> out{};
  write_hex(digest, out);
  EXPECT_EQ(std::string_view(out.data(), out.size()), text);
}

}  // namespace
}  // namespace tallygate::audit
