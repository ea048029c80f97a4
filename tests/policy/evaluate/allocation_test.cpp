// Counts allocations of the whole program, so it stands alone in caring where they come from.
#include "tests/policy/evaluate/support.hpp"
#include "tests/support/allocations.hpp"

namespace tallygate::policy::test {

using tallygate::testing::allocations;

TEST(Evaluate, AllocatesNothingWhateverTheOutcome) {
  const auto program = compile(
      "version: 1\npolicy: p\nroles: {r: {}, q: {includes: [r]}}\nbindings:\n- {role: q, users: [ana]}\n- "
      "{role: r, groups: [g], "
      "claims: {a: x, b: [1, 2]}, until: \"2030-01-01T00:00:00Z\"}\n"
      "resources: {s: {hosts: [a.test, \"*.a.test\"], paths: [/x/**, /*/y], except: [/x/no]}, t: {route: "
      "t}}\n"
      "conditions:\n  ip: {ip_in: [10.0.0.0/8]}\n  mfa: {mfa_within: 1m}\n  dev: {device: {managed: true}}\n"
      "  cl: {claims: {a: x}}\n  tm: {time: {zone: Europe/Madrid, days: [wed], from: \"22:00\", to: "
      "\"06:00\"}}\n"
      "  am: {method_of_auth: oidc}\n  hd: {header: {x-a: b}}\n  all: {all: [ip, mfa, dev]}\n  any: {any: "
      "[all, cl, tm, am, hd]}\n"
      "rules:\n- {id: a, effect: allow, roles: [r], resources: [s, t], methods: [read, PURGE], when: [any, "
      "mfa, dev]}\n"
      "- {id: b, effect: deny, roles: [everyone], resources: [s], methods: [PUT], unless: [tm, hd]}\n");
  const std::vector<CanonicalRequest> requests{
      request(*program, "GET", "a.test", "/x/y"), request(*program, "PUT", "w.v.a.test", "/X/Y/"),
      request(*program, "PURGE", "a.test", "/x/%40*/z"), request(*program, "GET", "b.test", "/")};
  const std::vector<Principal> people{
      {},
      person("ana"),
      person("eve", {"g", "h"}),
      person("eve", {}, {{"a", {std::string("x")}}, {"b", {std::int64_t{1}}}})};
  const Headers headers({{"X-A", "b"}, {"X-A", "c"}});
  const std::vector<Attribute> device{{"managed", {true}}};
  std::vector<Context> contexts(3);
  contexts[1].headers = &headers;
  contexts[1].device = device;
  contexts[1].mfa_age = std::chrono::seconds(1);
  contexts[1].client = parse_address("10.0.0.1");
  contexts[2].route = "t";
  Scratch scratch(*program);
  std::size_t seen[3] = {};
  const std::size_t before = allocations;
  for (const CanonicalRequest& asked : requests) {
    for (const Principal& principal : people) {
      for (const Context& context : contexts) {
        ++seen[static_cast<std::size_t>(evaluate(*program, principal, asked, context, scratch).outcome)];
      }
    }
  }
  EXPECT_EQ(allocations, before);
  for (const std::size_t count : seen) {
    EXPECT_GT(count, 0U);
  }
  const std::size_t now = allocations;
  EXPECT_NE(std::make_unique<int>(1), nullptr);
  EXPECT_GT(allocations, now) << "the counter itself";
}

}  // namespace tallygate::policy::test
