#include "audit/proof/tlog_proof.hpp"

#include <gtest/gtest.h>

#include <string>
#include <utility>

namespace tallygate::audit {
namespace {

// Written by hand after C2SP tlog-proof.
const std::string file =
    "c2sp.org/tlog-proof@v1\n"
    "extra aGVsbG8=\n"
    "index 4\n"
    "yiM+eia4w1wsk/Ukx7kF56IQVkDW3MWUaUz/VtJu+yU=\n"
    "nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=\n"
    "\n"
    "example.com/log\n15\nbase64 of a root\n\n\u2014 example.com/log signature\n";

std::string with(const std::string& from, const std::string& to) {
  std::string text = file;
  text.replace(text.find(from), from.size(), to);
  return text;
}

TEST(TlogProof, ReadsWhatTheSpecificationWrites) {
  const auto proof = parse_tlog_proof(file).value();
  EXPECT_EQ(proof.extra, "hello");
  EXPECT_EQ(proof.index, 4U);
  ASSERT_EQ(proof.path.size(), 2U);
  EXPECT_EQ(to_hex(proof.path[1]).substr(0, 8), "9e4f6009");
  EXPECT_TRUE(proof.checkpoint.starts_with("example.com/log\n15\n"));
  EXPECT_EQ(format_tlog_proof(proof), file);
}

TEST(TlogProof, DoesWithoutTheLineOfTheApplicationAndWithoutHashes) {
  const std::string bare = "c2sp.org/tlog-proof@v1\nindex 0\n\nnote";
  const auto proof = parse_tlog_proof(bare).value();
  EXPECT_TRUE(proof.extra.empty());
  EXPECT_TRUE(proof.path.empty());
  EXPECT_EQ(format_tlog_proof(proof), bare);
}

TEST(TlogProof, RefusesWhatIsNotWrittenThatWay) {
  const std::pair<std::string, const char*> wrong[] = {
      {"", "first line"},
      {with("@v1", "@v2"), "first line"},
      {with("\nextra", "\r\nextra"), "first line"},
      {with("extra aGVsbG8=", "extra aGVsbG8"), "line 2"},
      {with("extra aGVsbG8=", "extra "), "line 2"},
      {with("index 4", "index 04"), "line 3"},
      {with("index 4", "index -4"), "line 3"},
      {with("index 4", "index +4"), "line 3"},
      {with("index 4", "index 18446744073709551616"), "line 3"},
      {with("index 4", "index"), "line 3"},
      {with("yiM+", " iM+"), "line 4"},
      {with("t164Hg=", "t164Hh="), "line 5"},
      {with("nk9gCR+floFqznAPtqjjcnnV64dge2jQB95D5t164Hg=", "aGVsbG8="), "line 5"},
      {file.substr(0, file.find("\n\n") + 1), "ends before"},
      {file.substr(0, file.find("\n\n") + 2), "ends before"},
      {file + std::string(tlog_proof_bytes_max, 'x'), "longer"},
  };
  for (const auto& [text, says] : wrong) {
    const auto proof = parse_tlog_proof(text);
    ASSERT_FALSE(proof) << text.substr(0, 200);
    EXPECT_NE(proof.error().message.find(says), std::string::npos) << proof.error().message;
  }
}

TEST(TlogProof, RefusesMoreHashesThanATreeHasLevels) {
  TlogProof proof = parse_tlog_proof(file).value();
  proof.path.assign(63, Digest{});
  EXPECT_TRUE(parse_tlog_proof(format_tlog_proof(proof)));
  proof.path.emplace_back();
  EXPECT_FALSE(parse_tlog_proof(format_tlog_proof(proof)));
}

}  // namespace
}  // namespace tallygate::audit
