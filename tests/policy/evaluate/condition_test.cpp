#include "policy/evaluate/atoms.hpp"
#include "tests/policy/evaluate/support.hpp"

namespace tallygate::policy::test {
namespace {

/// Truth of the condition `c` written as YAML.
Truth truth_of_condition(const std::string& condition, const Context& context,
                         const Principal& principal = person("ana")) {
  const auto program = compile("version: 1\npolicy: p\nconditions: {c: {" + condition + "}}\n");
  return test_atom(program->policy().conditions.front().test, principal, context);
}

Truth at_time(const std::string& window, std::string_view now) {
  Context context;
  context.now = at(now);
  return truth_of_condition("time: {" + window + "}", context);
}

}  // namespace

TEST(Conditions, ComparesAddressesOfBothFamilies) {
  Context context;
  const std::string condition = "ip_in: [10.20.0.0/16, \"2001:db8:20::/48\", 192.0.2.7]";
  EXPECT_EQ(truth_of_condition(condition, context), Truth::unknown);
  const std::pair<const char*, Truth> samples[] = {
      {"10.20.3.4", Truth::yes},      {"::ffff:10.20.3.4", Truth::yes}, {"10.21.0.0", Truth::no},
      {"2001:db8:20::1", Truth::yes}, {"2001:db8:21::1", Truth::no},    {"192.0.2.7", Truth::yes},
      {"192.0.2.8", Truth::no}};
  for (const auto& [address, expected] : samples) {
    context.client = parse_address(address);
    EXPECT_EQ(truth_of_condition(condition, context), expected) << address;
  }
}

TEST(Conditions, CountsAnAgeEqualToTheLimitAsWithin) {
  Context context;
  for (auto [condition, age] :
       {std::pair{"mfa_within: 15m", &context.mfa_age}, std::pair{"auth_within: 15m", &context.auth_age}}) {
    EXPECT_EQ(truth_of_condition(condition, context), Truth::unknown);
    *age = std::chrono::minutes(15);
    EXPECT_EQ(truth_of_condition(condition, context), Truth::yes);
    *age = std::chrono::seconds(901);
    EXPECT_EQ(truth_of_condition(condition, context), Truth::no);
  }
}

TEST(Conditions, KnowsAWrongDeviceFromAnUnknownOne) {
  const std::string condition = "device: {managed: true, level: [2, 3]}";
  Context context;
  EXPECT_EQ(truth_of_condition(condition, context), Truth::unknown);
  std::vector<Attribute> device{{"managed", {true}}};
  context.device = device;
  EXPECT_EQ(truth_of_condition(condition, context), Truth::unknown) << "level is not known";
  device.push_back({"level", {std::int64_t{3}}});
  context.device = device;
  EXPECT_EQ(truth_of_condition(condition, context), Truth::yes);
  device[0].values = {std::string("true")};
  EXPECT_EQ(truth_of_condition(condition, context), Truth::no) << "text is not a boolean";
  device = {{"managed", {false}}};
  context.device = device;
  EXPECT_EQ(truth_of_condition(condition, context), Truth::no)
      << "a wrong value counts more than a missing one";
}

TEST(Conditions, ComparesClaimsByTypeAndValue) {
  const std::string condition = "claims: {level: [senior, 42, true]}";
  const auto with = [](std::vector<Value> values) {
    return person("ana", {}, {{"level", std::move(values)}});
  };
  EXPECT_EQ(truth_of_condition(condition, {}, person("ana")), Truth::unknown);
  EXPECT_EQ(truth_of_condition(condition, {}, Principal{}), Truth::unknown);
  EXPECT_EQ(truth_of_condition(condition, {}, with({std::string("junior"), std::string("senior")})),
            Truth::yes);
  EXPECT_EQ(truth_of_condition(condition, {}, with({number_value(42.0)})), Truth::yes);
  EXPECT_EQ(truth_of_condition(condition, {}, with({std::string("42")})), Truth::no);
  EXPECT_EQ(truth_of_condition(condition, {}, with({std::string("true")})), Truth::no);
  EXPECT_EQ(truth_of_condition(condition, {}, with({})), Truth::no);
}

TEST(Conditions, NeedsAllLinesOfAHeaderForAllowAndOneForDeny) {
  const std::string condition = "header: {X-Level: [low, mid]}";
  Context context;
  EXPECT_EQ(truth_of_condition(condition, context), Truth::no);
  const auto with = [&](std::vector<std::pair<std::string, std::string>> lines) {
    const Headers headers(std::move(lines));
    Context one;
    one.headers = &headers;
    return truth_of_condition(condition, one);
  };
  EXPECT_EQ(with({{"x-level", "low"}}), Truth::yes);
  EXPECT_EQ(with({{"X-LEVEL", "low"}, {"x-level", "mid"}}), Truth::yes);
  EXPECT_EQ(with({{"x-level", "low"}, {"x-level", "high"}}), Truth::unknown);
  EXPECT_EQ(with({{"x-level", "LOW"}}), Truth::no);
  EXPECT_EQ(with({{"x-other", "low"}}), Truth::no);
}

TEST(Conditions, ReadsTheMethodOfAuthentication) {
  Context context;
  EXPECT_EQ(truth_of_condition("method_of_auth: [mtls, token]", context), Truth::unknown);
  context.auth_method = AuthMethod::token;
  EXPECT_EQ(truth_of_condition("method_of_auth: [mtls, token]", context), Truth::yes);
  EXPECT_EQ(truth_of_condition("method_of_auth: mtls", context), Truth::no);
}

TEST(Conditions, OpensAWindowAtItsStartAndClosesItAtItsEnd) {
  const std::string hours =
      "days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"18:00\", zone: Europe/Madrid";
  EXPECT_EQ(at_time(hours, "2026-03-04T06:59:59Z"), Truth::no);  // Wednesday, UTC+1
  EXPECT_EQ(at_time(hours, "2026-03-04T07:00:00Z"), Truth::yes);
  EXPECT_EQ(at_time(hours, "2026-03-04T16:59:59Z"), Truth::yes);
  EXPECT_EQ(at_time(hours, "2026-03-04T17:00:00Z"), Truth::no);
  EXPECT_EQ(at_time(hours, "2026-07-01T06:00:00Z"), Truth::yes);  // summer: UTC+2
  EXPECT_EQ(at_time(hours, "2026-03-07T10:00:00Z"), Truth::no);   // Saturday
}

TEST(Conditions, GivesAWindowAcrossMidnightToItsStartDay) {
  const std::string night = "days: [fri], from: \"22:00\", to: \"06:00\", zone: Etc/UTC";
  EXPECT_EQ(at_time(night, "2026-03-06T21:59:00Z"), Truth::no);
  EXPECT_EQ(at_time(night, "2026-03-06T22:00:00Z"), Truth::yes);  // Friday night
  EXPECT_EQ(at_time(night, "2026-03-07T05:59:59Z"), Truth::yes);  // Saturday morning
  EXPECT_EQ(at_time(night, "2026-03-07T06:00:00Z"), Truth::no);
  EXPECT_EQ(at_time(night, "2026-03-06T05:00:00Z"), Truth::no);  // Friday morning is Thursday's night
}

TEST(Conditions, FollowsDaylightSavingByTheWallClock) {
  // On 2026-03-29 Madrid goes from 02:00 to 03:00, on 2026-10-25 from 03:00 back to 02:00.
  const std::string gap = "from: \"02:00\", to: \"03:00\", zone: Europe/Madrid";
  EXPECT_EQ(at_time(gap, "2026-03-29T00:59:59Z"), Truth::no);   // 01:59:59
  EXPECT_EQ(at_time(gap, "2026-03-29T01:00:00Z"), Truth::no);   // 03:00:00, the window is skipped
  EXPECT_EQ(at_time(gap, "2026-10-25T00:30:00Z"), Truth::yes);  // 02:30 the first time
  EXPECT_EQ(at_time(gap, "2026-10-25T01:30:00Z"), Truth::yes);  // 02:30 the second time
  EXPECT_EQ(at_time(gap, "2026-10-25T02:00:00Z"), Truth::no);
}

TEST(Conditions, CoversAWholeDayByDefault) {
  EXPECT_EQ(at_time("days: [wed], zone: Etc/UTC", "2026-03-04T00:00:00Z"), Truth::yes);
  EXPECT_EQ(at_time("days: [wed], zone: Etc/UTC", "2026-03-04T23:59:59Z"), Truth::yes);
  EXPECT_EQ(at_time("days: [wed], zone: Etc/UTC", "2026-03-05T00:00:00Z"), Truth::no);
}

}  // namespace tallygate::policy::test
