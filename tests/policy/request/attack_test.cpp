// Every row of tests/attack has the canonical form, or the refusal, that it names.
#include "policy/request/canonical.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <array>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace tallygate::policy {
namespace {

class NoResources final : public PathOptionsSource {
 public:
  std::span<const PathOptions> option_sets() const noexcept override { return {}; }
  bool claims(std::string_view, const PathOptions&, std::string_view) const noexcept override {
    return false;
  }
};

std::string decode_base64(std::string_view text) {
  constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  unsigned bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    if (c == '=') {
      break;
    }
    bits = bits << 6U | static_cast<unsigned>(digits.find(c));
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 0xFFU));
    }
  }
  return out;
}

struct Row {
  std::string raw;
  std::string expect;
};

std::vector<Row> rows_of(const std::string& file) {
  std::ifstream stream(std::string(TALLYGATE_SOURCE_DIR "/tests/attack/") + file);
  std::vector<Row> rows;
  for (std::string line; std::getline(stream, line);) {
    const boost::json::object object = boost::json::parse(line).as_object();
    const bool text = object.contains("raw");
    const auto& bytes = object.at(text ? "raw" : "raw_base64").as_string();
    rows.push_back(
        {text ? std::string(bytes) : decode_base64(bytes), std::string(object.at("expect").as_string())});
  }
  return rows;
}

/// What the row's head becomes, in the words of its `expect`.
std::string outcome(const Row& row) {
  const std::string_view raw = row.raw;
  const std::size_t end = raw.find("\r\n");
  std::vector<std::string_view> hosts;
  for (std::size_t at = end + 2; at < raw.size();) {
    const std::string_view line = raw.substr(at, raw.find("\r\n", at) - at);
    at += line.size() + 2;
    if (line.starts_with("Host: ")) {
      hosts.push_back(line.substr(6));
    }
  }
  RequestLine line;
  if (!split_request_line(raw.substr(0, end), line)) {
    return "reject request-line";
  }
  CanonicalRequest request;
  CanonicalScratch scratch;
  const NoResources source;
  const RejectCode code =
      canonicalise({line.method, line.target, line.version, hosts}, source, request, scratch);
  if (code != RejectCode::none) {
    return "reject " + std::string(to_string(code));
  }
  if (request.asterisk) {
    return "asterisk";
  }
  return row.expect.starts_with("host ") ? "host " + request.host.name : "path " + request.path.matched;
}

void check_all(const std::string& file, std::size_t at_least) {
  const std::vector<Row> rows = rows_of(file);
  EXPECT_GE(rows.size(), at_least);
  for (const Row& row : rows) {
    EXPECT_EQ(outcome(row), row.expect) << file << ": " << row.raw;
  }
}

TEST(AttackRows, PathsBecomeWhatTheirRowSays) {
  check_all("paths.jsonl", 200);
}
TEST(AttackRows, HostsBecomeWhatTheirRowSays) {
  check_all("hosts.jsonl", 100);
}
TEST(AttackRows, MethodsAndVersionsBecomeWhatTheirRowSays) {
  check_all("methods.jsonl", 60);
}

TEST(AttackRows, EveryRejectCodeOfATargetHostOrLineIsReachedByARow) {
  std::set<std::string> seen;
  for (const char* file : {"paths.jsonl", "hosts.jsonl", "methods.jsonl"}) {
    for (const Row& row : rows_of(file)) {
      seen.insert(row.expect);
    }
  }
  for (int i = 1; i <= static_cast<int>(RejectCode::too_long); ++i) {
    const auto code = static_cast<RejectCode>(i);
    if (code == RejectCode::ambiguous) {
      continue;  // needs resources: canonical_test.cpp
    }
    EXPECT_TRUE(seen.contains("reject " + std::string(to_string(code)))) << to_string(code);
  }
}

}  // namespace
}  // namespace tallygate::policy
