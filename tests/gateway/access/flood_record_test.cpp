#include "gateway/access/flood_record.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/event.hpp"

#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

using namespace std::chrono_literals;

std::string_view view(tg_bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data), bytes.size};
}

/// The event as RFC 8785 text, checked to be that.
std::string text_of_sum(const Suppressed& sum) {
  EventText text;
  append_suppressed(text, sum);
  const tg_event event = text.finish("journal.suppress", "id", TG_EVENT_AWAITED);
  EXPECT_TRUE(audit::is_kind(view(event.kind)));
  std::string out = "{";
  for (std::size_t at = 0; at < event.member_count; ++at) {
    const auto name = view(event.members[at].name);
    EXPECT_FALSE(audit::is_own_member(name));
    out.append(at == 0 ? "\"" : ",\"").append(name).append("\":").append(view(event.members[at].json));
  }
  out += '}';
  EXPECT_FALSE(audit::check_canonical(out)) << out;
  return out;
}

Suppressed flood(const char* network) {
  Suppressed sum;
  if (network != nullptr) {
    sum.source = policy::parse_network(network).value();
  }
  sum.count = 5;
  sum.first = std::chrono::system_clock::time_point{1'790'000'000s};
  sum.last = sum.first + 9s;
  sum.reasons[{"access.deny", "login"}] = 3;
  sum.reasons[{"session.reject", "login-wrong"}] = 2;
  sum.limits = {10s, 100};
  return sum;
}

TEST(FloodRecord, AnAddressIsNamedWithCountsTimesAndReasons) {
  Suppressed sum = flood("192.0.2.7");
  sum.users["\"al\\\"ice\""] = 2;
  sum.further_users = 1;
  EXPECT_EQ(
      text_of_sum(sum),
      R"({"accounts":[{"count":2,"user":"al\"ice"}],"accounts_more":1,"client":{"address":"192.0.2.7"},)"
      R"("count":5,"first":"2026-09-21T14:13:20Z","last":"2026-09-21T14:13:29Z",)"
      R"("limit":{"entries":100,"milliseconds":10000},)"
      R"("reasons":[{"count":3,"kind":"access.deny","reason":"login"},)"
      R"({"count":2,"kind":"session.reject","reason":"login-wrong"}]})");
}

TEST(FloodRecord, ANetworkIsNamedAsSuch) {
  EXPECT_NE(text_of_sum(flood("2001:db8::/64")).find(R"("client":{"network":"2001:db8::/64"})"),
            std::string::npos);
}

TEST(FloodRecord, TheBeginningOfASuppressionSaysSo) {
  Suppressed sum = flood("192.0.2.7");
  sum.begins = true;
  EXPECT_EQ(text_of_sum(sum).find(R"({"begins":true,"client":)"), 0U);
}

TEST(FloodRecord, SourcesWithoutRoomAreMarkedAndNotNamed) {
  const std::string text = text_of_sum(flood(nullptr));
  EXPECT_EQ(text.find("client"), std::string::npos);
  EXPECT_NE(text.find(R"("overflow":true)"), std::string::npos);
}

}  // namespace
}  // namespace tallygate::access
