// The whole truth table of the verdict: every field of an exchange begins as "not allowed".
#include "gateway/access/exchange.hpp"

#include <gtest/gtest.h>

namespace tallygate::access {
namespace {

class VerdictTest : public testing::Test {
 protected:
  VerdictTest() {
    route.name = "wiki";
    exchange.head_fault = http::HeadFault::none;
    exchange.target_fault = policy::RejectCode::none;
    exchange.host_known = true;
    exchange.same_clients = true;
    exchange.identity = identity::anonymous_identity();
    exchange.route = &route;
    exchange.decision = policy::Decision{};
    exchange.decision->outcome = policy::Outcome::allow;
  }
  void expect_refusal(unsigned status, std::string_view reason) {
    const Verdict verdict = judge(exchange);
    EXPECT_FALSE(verdict.forward);
    EXPECT_EQ(verdict.status, status);
    EXPECT_EQ(verdict.reason, reason);
  }

  RouteSettings route;
  Exchange exchange;
  const policy::RuleIndex rule = 0;
};

TEST(Exchange, OneThatNobodyFilledIsRefused) {
  EXPECT_FALSE(judge(Exchange{}).forward);
}

TEST(Verdict, OneThatNobodyMadeRefuses) {
  EXPECT_FALSE(Verdict{}.forward);
}

TEST_F(VerdictTest, EverythingInOrderIsForwarded) {
  EXPECT_TRUE(judge(exchange).forward);
}

TEST_F(VerdictTest, AHeadFaultComesFirst) {
  exchange.head_fault = http::HeadFault::transfer_encoding;
  exchange.target_fault = policy::RejectCode::host;
  expect_refusal(400, "transfer-encoding");
  exchange.head_fault = http::HeadFault::too_large;
  expect_refusal(431, "head-too-large");
  exchange.head_fault = http::HeadFault::expectation;
  expect_refusal(417, "expectation");
}

TEST_F(VerdictTest, ATargetWithoutCanonicalFormIsABadRequest) {
  exchange.target_fault = policy::RejectCode::encoded_slash;
  expect_refusal(400, "encoded-slash");
  exchange.target_fault = policy::RejectCode::too_long;
  expect_refusal(414, "too-long");
}

TEST_F(VerdictTest, AHostNobodyServesIsMisdirected) {
  exchange.host_known = false;
  expect_refusal(421, "unknown-host");
}

TEST_F(VerdictTest, AHostThatAsksItsClientsForMoreThanTheConnectionDidIsMisdirected) {
  exchange.same_clients = false;
  expect_refusal(421, "misdirected");
}

TEST_F(VerdictTest, ARefusedCredentialIsNotAnonymous) {
  exchange.identity_fault = identity::RejectCode::token_expired;
  expect_refusal(401, "token-expired");
  exchange.identity_fault = identity::RejectCode::multiple_credentials;
  expect_refusal(400, "multiple-credentials");
}

TEST_F(VerdictTest, NoIdentityOrNoDecisionIsNeverForwarded) {
  exchange.identity = nullptr;
  expect_refusal(503, "not-judged");
  exchange.identity = identity::anonymous_identity();
  exchange.decision.reset();
  expect_refusal(503, "not-judged");
}

TEST_F(VerdictTest, WhatComesTooSoonIsRefusedWhereTheBucketStands) {
  exchange.rate = RateRefusal{rate_route};
  expect_refusal(429, "rate-route");
  exchange.decision = policy::Decision{};
  expect_refusal(403, "default");
  exchange.decision.reset();
  exchange.rate = RateRefusal{rate_principal};
  expect_refusal(429, "rate-principal");
  exchange.identity = nullptr;
  exchange.rate = RateRefusal{rate_address};
  expect_refusal(429, "rate-address");
  exchange.host_known = false;
  expect_refusal(421, "unknown-host");
}

TEST_F(VerdictTest, ADenialSaysWhetherARuleOrTheDefaultDecided) {
  exchange.decision = policy::Decision{};
  expect_refusal(403, "default");
  exchange.decision->rules = {&rule, 1};
  expect_refusal(403, "rule");
}

TEST_F(VerdictTest, StepUpAsksForLoginOrForMore) {
  exchange.decision->outcome = policy::Outcome::step_up;
  expect_refusal(403, "step-up");
  exchange.decision->login = true;
  expect_refusal(401, "login");
}

TEST_F(VerdictTest, WhatIsAllowedButHasNoRouteIsNotFound) {
  exchange.route = nullptr;
  expect_refusal(404, "no-route");
}

TEST_F(VerdictTest, AWebSocketNeedsItsRouteAndItsOrigin) {
  exchange.websocket = true;
  exchange.origin_ok = true;
  expect_refusal(403, "websocket");
  route.websocket = true;
  EXPECT_TRUE(judge(exchange).forward);
  exchange.origin_ok = false;
  expect_refusal(403, "origin");
}

TEST(Confirm, NothingHappensThatIsNotOnRecord) {
  const Verdict allowed{true, 200, "rule"};
  const Verdict denied{false, 403, "default"};
  EXPECT_TRUE(confirm(allowed, true, false, "POST").forward);
  EXPECT_EQ(confirm(allowed, false, false, "GET").status, 503U);
  EXPECT_EQ(confirm(denied, false, false, "GET").status, 503U);
  EXPECT_EQ(confirm(denied, true, false, "GET").status, 403U);
}

TEST(Confirm, AllowReadOnlyLetsSafeMethodsThroughAndNothingElse) {
  const Verdict allowed{true, 200, "rule"};
  for (const char* method : {"GET", "HEAD", "OPTIONS"}) {
    EXPECT_TRUE(confirm(allowed, false, true, method).forward);
  }
  for (const char* method : {"POST", "PUT", "DELETE", "PATCH", "get", "X"}) {
    EXPECT_FALSE(confirm(allowed, false, true, method).forward) << method;
  }
  EXPECT_FALSE(confirm({false, 403, "default"}, false, true, "GET").forward);
}

TEST_F(VerdictTest, ARouteThatAnotherProxyForwardsIsDecidedForThatProxyAlone) {
  route.external = true;
  expect_refusal(421, "external");
  exchange.asked = true;
  EXPECT_TRUE(judge(exchange).forward);
}

TEST_F(VerdictTest, WhoMayNotAskForOthersIsForbiddenAndAQuestionThatSaysNothingIsABadRequest) {
  exchange.head_fault = http::HeadFault::forward_auth_caller;
  expect_refusal(403, "forward-auth-caller");
  exchange.head_fault = http::HeadFault::forward_auth;
  expect_refusal(400, "forward-auth");
}

TEST_F(VerdictTest, ARouteThatIsNoHttpIsReachedOverAWebSocketAlone) {
  route.tcp = route.websocket = true;
  expect_refusal(403, "tcp");
  exchange.websocket = exchange.origin_ok = true;
  EXPECT_TRUE(judge(exchange).forward);
}

}  // namespace
}  // namespace tallygate::access
