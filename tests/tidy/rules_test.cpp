#include "tests/tidy/rules.hpp"

#include <gtest/gtest.h>

namespace tallygate::tidy {
namespace {

std::size_t arrows(const char* path, const std::string& include) {
  return arrows_that_point_up({path, "#include \"" + include + "\"\n"}).size();
}
std::size_t awaits(const std::string& text) {
  return unsafe_awaits({"gateway/x.cpp", text}).size();
}
std::size_t calls(const char* path, const std::string& text) {
  return forbidden_calls({path, text}).size();
}

TEST(Arrows, PointDown) {
  EXPECT_EQ(arrows("gateway/access/a.cpp", "gateway/identity/b.hpp"), 0U);
  EXPECT_EQ(arrows("gateway/identity/a.cpp", "gateway/access/b.hpp"), 1U);
  EXPECT_EQ(arrows("gateway/http/a.cpp", "gateway/identity/b.hpp"), 1U);
  EXPECT_EQ(arrows("gateway/server.cpp", "gateway/cli/b.hpp"), 1U);
  EXPECT_EQ(arrows("gateway/cli/a.cpp", "gateway/server.hpp"), 0U);
}

TEST(Arrows, PolicyAndAuditKnowNobody) {
  EXPECT_EQ(arrows("policy/a/b.cpp", "audit/c.hpp"), 1U);
  EXPECT_EQ(arrows("audit/a/b.cpp", "policy/c.hpp"), 1U);
  EXPECT_EQ(arrows("policy/a/b.cpp", "gateway/settings.hpp"), 1U);
  EXPECT_EQ(arrows("audit/a/b.cpp", "plugin/host.hpp"), 1U);
}

TEST(Arrows, TheRequestPathDoesNotKnowTheJournal) {
  for (const auto* path :
       {"gateway/access/a.cpp", "gateway/server.cpp", "gateway/upstream/a.cpp", "plugin/host.cpp"}) {
    EXPECT_EQ(arrows(path, "audit/journal/writer.hpp"), 1U) << path;
  }
  EXPECT_EQ(arrows("plugin/audit_plugin.cpp", "audit/journal/writer.hpp"), 0U);
  EXPECT_EQ(arrows("gateway/review/a.cpp", "audit/search/query.hpp"), 0U);
}

TEST(Arrows, AreWrittenFromTheRoot) {
  EXPECT_EQ(arrows("policy/a/b.cpp", "b.hpp"), 1U);
}

TEST(CoAwait, ABracedTemporaryInsideIsFound) {
  EXPECT_EQ(awaits("co_await f(Agg{1, name});"), 1U);
  EXPECT_EQ(awaits("co_await f({1, name});"), 1U);
  EXPECT_EQ(awaits("auto x = co_await g(a, std::vector<int>{1});"), 1U);
}

TEST(CoAwait, ALambdaThatCapturesByValueIsFound) {
  EXPECT_EQ(awaits("co_await f([v] { return v; });"), 1U);
  EXPECT_EQ(awaits("co_await f([=](int x) { return x; });"), 1U);
  EXPECT_EQ(awaits("co_await f([&a, b = std::move(c)]() mutable { use(b); });"), 1U);
  EXPECT_EQ(awaits("co_await f([&] { return v; });"), 0U);
  EXPECT_EQ(awaits("co_await f([](int x) { return x; });"), 0U);
}

TEST(CoAwait, WhatFollowsTheExpressionIsLeftAlone) {
  EXPECT_EQ(awaits("if (co_await f(a)) { g(B{}); }"), 0U);
  EXPECT_EQ(awaits("while (!co_await f(a[i])) { x = Y{1}; }"), 0U);
  EXPECT_EQ(awaits("auto named = Agg{1}; co_await f(std::move(named));"), 0U);
  EXPECT_EQ(awaits("// co_await f({1});\n"), 0U);
}

TEST(Calls, WhatTheProjectHasNoUseForIsFound) {
  EXPECT_EQ(calls("audit/a.cpp", "x = rand();"), 1U);
  EXPECT_EQ(calls("gateway/a.cpp", "std::thread(f).detach();"), 1U);
  EXPECT_EQ(calls("gateway/a.cpp", "auto* p = new Thing(1);"), 1U);
  EXPECT_EQ(calls("gateway/a.cpp", "return std::unique_ptr<Thing>(new Thing(1));"), 0U);
  EXPECT_EQ(calls("gateway/a.cpp", "f(); new (place) Thing(1);"), 0U);
  EXPECT_EQ(calls("gateway/a.cpp", "// new Thing\nauto s = \"new Thing\";"), 0U);
  EXPECT_EQ(calls("gateway/a.cpp", "operand(1); renew thing;"), 0U);
}

TEST(Calls, ThePolicyIsPure) {
  EXPECT_EQ(calls("policy/a.cpp", "auto t = std::chrono::system_clock::now();"), 1U);
  EXPECT_EQ(calls("policy/a.cpp", "std::mutex m;"), 1U);
  EXPECT_EQ(calls("audit/a.cpp", "auto t = std::chrono::system_clock::now();"), 0U);
}

TEST(Text, IsTidy) {
  EXPECT_EQ(untidy_text({"a.hpp", "#pragma once\nint a;\n"}).size(), 0U);
  EXPECT_EQ(untidy_text({"a.hpp", "int a; \n"}).size(), 2U);
  EXPECT_EQ(untidy_text({"a.cpp", "\tint a;\n"}).size(), 1U);
  EXPECT_EQ(untidy_text({"a.cpp", "int a;"}).size(), 1U);
  EXPECT_EQ(untidy_text({"a.cpp", std::string("// TO") + "DO later\n"}).size(), 1U);
  EXPECT_EQ(untidy_text({"policy/a.cpp", std::string(700, '\n')}).size(), 1U);
}

}  // namespace
}  // namespace tallygate::tidy
