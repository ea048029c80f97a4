// Records of enrolled writers: what no writer signed, what one signed after it was shut out, and what was
// taken twice.
#include "audit/proof/ingest_check.hpp"

#include "audit/journal/time_text.hpp"
#include "audit/proof/verify.hpp"
#include "tests/audit/proof/reference_support.hpp"

#include <boost/json.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

using reference::Folder;
using reference::Journal;
using reference::Key;
using reference::Members;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

std::string quoted(const std::string& text) {
  return boost::json::serialize(boost::json::string(text));
}

std::string moment(std::int64_t seconds) {
  return time_text(Time(std::chrono::seconds(seconds)));
}

class IngestCheck : public testing::Test {
 protected:
  void enrol(const std::string& name, const Key& key, const std::string& nonce) {
    act("writer.enrol", {{"key", quoted(key.vkey())}, {"role", quoted("writer")}, {"writer", quoted(name)}},
        nonce);
  }
  void revoke(const std::string& name, const std::string& nonce) {
    act("writer.revoke", {{"writer", quoted(name)}}, nonce);
  }
  void act(const std::string& kind, Members what, const std::string& nonce) {
    const Members grant = journal_.grant(kind, what, nonce);
    what.insert(grant.begin(), grant.end());
    journal_.add(kind, what);
    journal_.checkpoint();
  }
  [[nodiscard]] std::string id() const {
    return std::string(boost::json::parse(journal_.bodies[0])
                           .as_object()
                           .at("charter")
                           .as_object()
                           .at("journal")
                           .as_string());
  }
  // The members of a record that `key` signed.
  [[nodiscard]] Members record(const Key& key, const std::string& number,
                               const std::string& text = "x") const {
    return signed_now(key, number, R"({"record":")" + text + "\"}");
  }
  // The same of a body, sent `ago` seconds before the entry that comes next.
  [[nodiscard]] Members signed_now(const Key& key, const std::string& number, const std::string& body,
                                   std::int64_t ago = 0) const {
    const std::string sent = moment(journal_.clock_s + 1 - ago);
    const std::string message = "tallygate record v2\n" + id() + "\nvault\n" + number + "\n" + sent + "\n" +
                                reference::hex(reference::sha256(body)) + "\n";
    return {{"key", quoted(number)},     {"record", quoted(body)},
            {"sent", quoted(sent)},      {"signature", quoted(reference::base64(key.sign(message)))},
            {"source", quoted("vault")}, {"writer", quoted("vault")}};
  }
  // As the entry keeps `body` of which `kept` bytes are left.
  static std::string cut_to(const std::string& body, std::size_t kept) {
    return R"({"bytes":)" + std::to_string(body.size()) + R"(,"cut":)" + quoted(body.substr(0, kept)) +
           R"(,"sha256":")" + reference::hex(reference::sha256(body)) + "\"}";
  }
  std::uint64_t add(const Members& members) {
    const std::uint64_t seq = journal_.add("ingest.record", members);
    journal_.checkpoint();
    return seq;
  }
  std::vector<std::string> findings() {
    journal_.write();
    VerifyOptions options{journal_.folder, *load_root_key(journal_.root().vkey()), {}, {}, {}, {}, 2, {}};
    const auto report = verify_journal(options);
    EXPECT_TRUE(report);
    std::vector<std::string> all;
    for (const Finding& finding : report->findings) {
      all.push_back(finding.what + "@" + std::to_string(finding.seq));
    }
    return all;
  }
  static std::string at(const char* what, std::uint64_t seq) { return what + ("@" + std::to_string(seq)); }

  Folder folder_;
  Journal journal_{folder_.path / "journal"};
  Key key_{"vault", "the vault's key"};
  Key other_{"vault", "another key"};
};

TEST_F(IngestCheck, WhatItsWriterSignedIsInOrder) {
  enrol("vault", key_, "n1");
  for (int i = 0; i < 5; ++i) {
    add(record(key_, std::to_string(i)));
  }
  // A long one was cut; its hash is what was signed.
  const std::string body = R"({"record":")" + std::string(ingest_record_max, 'y') + "\"}";
  Members cut = signed_now(key_, "cut", body);
  cut["record"] = cut_to(body, ingest_record_max);
  add(cut);
  // The form before this one had no time, and its body was signed as it stood.
  Members before = record(key_, "before");
  before.erase("sent");
  before["signature"] = quoted(reference::base64(
      key_.sign("tallygate record v1\n" + id() + "\nvault\nbefore\n" + R"({"record":"x"})")));
  add(before);
  EXPECT_THAT(findings(), IsEmpty());
}

TEST_F(IngestCheck, EveryMemberThatIsSignedIsHeldAgainstTheSignature) {
  enrol("vault", key_, "n1");
  std::vector<std::string> expected;
  for (const auto& [name, value] : Members{{"key", "\"k\""},
                                           {"record", R"("{\"record\":\"z\"}")"},
                                           {"sent", quoted(moment(journal_.clock_s))},
                                           {"signature", "\"AAAA\""},
                                           {"writer", "\"nobody\""}}) {
    Members altered = record(key_, "altered " + name);
    altered[name] = value;
    expected.push_back(at("ingest-forged", add(altered)));
  }
  Members without = record(key_, "without");
  without.erase("signature");
  expected.push_back(at("ingest-forged", add(without)));
  expected.push_back(at("ingest-forged", add(record(other_, "of another key"))));
  EXPECT_THAT(findings(), testing::ElementsAreArray(expected));
}

TEST_F(IngestCheck, WhatIsRecordedBeforeTheEnrolmentIsForged) {
  const std::uint64_t early = add(record(key_, "early"));
  enrol("vault", key_, "n1");
  add(record(key_, "in time"));
  EXPECT_THAT(findings(), ElementsAre(at("ingest-forged", early)));
}

TEST_F(IngestCheck, AnEnrolmentWithoutAGrantLetsNobodyWrite) {
  const Members what = {
      {"key", quoted(key_.vkey())}, {"role", quoted("writer")}, {"writer", quoted("vault")}};
  const std::uint64_t enrolled = journal_.add("writer.enrol", what);
  journal_.checkpoint();
  const std::uint64_t seq = add(record(key_, "k"));
  EXPECT_THAT(findings(), ElementsAre(at("grant-forged", enrolled), at("ingest-forged", seq)));
}

TEST_F(IngestCheck, AfterARevocationOnlyWhatWasUnderWayMayFollow) {
  enrol("vault", key_, "n1");
  add(record(key_, "before"));
  revoke("vault", "n2");
  add(record(key_, "under way"));
  journal_.clock_s += 60;
  const std::uint64_t late = add(record(key_, "late"));
  enrol("vault", other_, "n3");
  add(record(other_, "by the new key"));
  const std::uint64_t later = add(record(key_, "later"));
  EXPECT_THAT(findings(), ElementsAre(at("ingest-after-revoke", late), at("ingest-after-revoke", later)));
}

TEST_F(IngestCheck, WhatWasSignedOnceIsRecordedOnce) {
  enrol("vault", key_, "n1");
  const Members first = record(key_, "k");
  add(first);
  journal_.requests(5000, 1000);
  const std::uint64_t again = add(first);
  add(record(key_, "k2"));
  EXPECT_THAT(findings(), UnorderedElementsAre(at("ingest-repeated", again), at("ingest-forged", again)))
      << "and it comes much later than it was signed";
}

TEST_F(IngestCheck, ARecordThatNobodySignedIsForged) {
  enrol("vault", key_, "n1");
  const std::uint64_t nothing = add({});
  Members nameless = record(key_, "nameless");
  nameless.erase("writer");
  const std::uint64_t nobodys = add(nameless);
  nameless["writer"] = "7";
  const std::uint64_t numbers = add(nameless);
  EXPECT_THAT(findings(), ElementsAre(at("ingest-forged", nothing), at("ingest-forged", nobodys),
                                      at("ingest-forged", numbers)));
}

TEST_F(IngestCheck, SourceAndTimeOfObservationAreThoseOfTheBody) {
  enrol("vault", key_, "n1");
  const std::string full = R"({"record":"x","source":"vault-1","time":"2026-01-02T03:04:05Z"})";
  const Members said = {{"source", quoted("vault-1")}, {"observed", quoted("2026-01-02T03:04:05Z")}};
  std::vector<std::string> expected;
  const auto add_with = [&](const std::string& body, const Members& members) {
    Members entry = signed_now(key_, "k" + std::to_string(journal_.bodies.size()), body);
    for (const auto& [name, value] : members) {
      value.empty() ? static_cast<void>(entry.erase(name)) : static_cast<void>(entry[name] = value);
    }
    return add(entry);
  };
  add_with(full, said);
  for (const auto& [name, value] :
       Members{{"source", quoted("vault")}, {"observed", quoted("2026-01-02T03:04:06Z")}}) {
    for (const std::string& forged : {value, std::string("7"), std::string()}) {
      Members other = said;
      other[name] = forged;
      expected.push_back(at("ingest-forged", add_with(full, other)));
    }
  }
  const std::string bare = R"({"record":"x"})";
  add_with(bare, {});
  expected.push_back(at("ingest-forged", add_with(bare, {{"source", quoted("vault-1")}})));
  expected.push_back(at("ingest-forged", add_with(bare, {{"observed", said.at("observed")}})));
  expected.push_back(at("ingest-forged", add_with(R"({"record":"x","source":"a","source":"vault"})", {})));
  expected.push_back(
      at("ingest-forged", add_with(R"({"record":"x","source":"a\u0007"})", {{"source", R"("a\u0007")"}})));
  EXPECT_THAT(findings(), testing::ElementsAreArray(expected));
}

TEST_F(IngestCheck, ASourceThatEarlierGatewaysTookIsInOrder) {
  enrol("vault", key_, "n1");
  const auto add_of = [&](const std::string& body, const std::string& source) {
    Members entry = signed_now(key_, "k" + std::to_string(journal_.bodies.size()), body);
    entry["source"] = quoted(source);
    return add(entry);
  };
  const std::string zurich = "Z\xC3\xBCrich";
  add_of(R"({"record":"x","source":"Z\u00fcrich"})", zurich);
  add_of("{\"record\":\"x\",\"source\":\"" + zurich + "\"}", zurich);
  EXPECT_THAT(findings(), testing::IsEmpty());
  const auto forged = add_of(R"({"record":"x","source":"Z\u00fcrich"})", "Zurich");
  EXPECT_THAT(findings(), testing::ElementsAre(at("ingest-forged", forged)));
}

TEST_F(IngestCheck, OnlyABodyThatHadToBeCutIsCut) {
  enrol("vault", key_, "n1");
  std::vector<std::string> expected;
  const auto add_cut = [&](const std::string& body, const std::string& record, const std::string& source) {
    Members entry = signed_now(key_, "k" + std::to_string(journal_.bodies.size()), body);
    entry["record"] = record;
    entry["source"] = quoted(source);
    return add(entry);
  };
  const std::string start = R"({"source":"vault-1","record":")";
  const std::string large = start + std::string(40'000, 'y') + "\"}";
  const std::string escapes = start + std::string(32'000, '\\') + "\"}";
  const std::string last = R"({"record":")" + std::string(40'000, 'y') + R"(","source":"vault-1"})";
  add_cut(large, cut_to(large, ingest_record_max), "vault-1");
  add_cut(escapes, cut_to(escapes, ingest_record_max / 2), "vault-1");
  add_cut(last, cut_to(last, ingest_record_max), "vault-1");  // what is cut off may say so
  const std::string small = start + "x\"}";
  const std::string full = start + std::string(ingest_record_max - start.size() - 2, 'y') + "\"}";
  const std::vector<std::pair<std::string, std::size_t>> forged = {
      {small, small.size() - 1},      {small, 0},
      {full, full.size() - 1},        {large, ingest_record_max - 4},
      {large, ingest_record_max + 1}, {escapes, ingest_record_max / 8}};
  for (const auto& [body, kept] : forged) {
    expected.push_back(at("ingest-forged", add_cut(body, cut_to(body, kept), "vault-1")));
  }
  expected.push_back(at("ingest-forged", add_cut(large, cut_to(large, ingest_record_max), "vault")));
  EXPECT_THAT(findings(), testing::ElementsAreArray(expected));
}

TEST_F(IngestCheck, ARecordIsOfTheTimeAtWhichAGatewayTakesIt) {
  enrol("vault", key_, "n1");
  const std::string body = R"({"record":"x"})";
  add(signed_now(key_, "old", body, 310));
  add(signed_now(key_, "ahead", body, -35));
  const std::uint64_t older = add(signed_now(key_, "older", body, 311));
  const std::uint64_t further = add(signed_now(key_, "further", body, -36));
  EXPECT_THAT(findings(), ElementsAre(at("ingest-forged", older), at("ingest-forged", further)));
}

TEST(SentTime, IsRfc3339InUtcWithUpToNineDecimals) {
  EXPECT_EQ(parse_sent_time("1970-01-01T00:00:01Z"), 1'000'000'000);
  EXPECT_EQ(parse_sent_time("1970-01-01T00:00:01.5Z"), 1'500'000'000);
  EXPECT_EQ(parse_sent_time("1970-01-01T00:00:01.123456789Z"), 1'123'456'789);
  for (const char* bad : {"", "Z", "1970-01-01T00:00:01", "1970-01-01T00:00:01.Z",
                          "1970-01-01T00:00:01.1234567890Z", "1970-01-01T00:00:01+00:00",
                          "1970-01-01 00:00:01Z", "1970-01-01T00:00:01,5Z", "1970-01-01T00:00:01z"}) {
    EXPECT_FALSE(parse_sent_time(bad)) << bad;
  }
}

}  // namespace
}  // namespace tallygate::audit
