/// The paths that every request takes allocate nothing once a credential is known. An executable of its own,
/// since it replaces the allocator, which the sanitizers do as well.
#include "gateway/identity/assertion.hpp"
#include "gateway/identity/bearer.hpp"
#include "gateway/identity/sessions.hpp"
#include "tests/gateway/identity/support.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>

namespace {
thread_local std::size_t allocations = 0;  // counted by the operators below
}  // namespace

// NOLINTBEGIN(cppcoreguidelines-no-malloc): these are the allocator.
void* operator new(std::size_t size) {
  ++allocations;
  if (void* memory = std::malloc(size)) {
    return memory;
  }
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept {
  std::free(memory);
}
void operator delete(void* memory, std::size_t /*size*/) noexcept {
  std::free(memory);
}
// NOLINTEND(cppcoreguidelines-no-malloc)

namespace tallygate::identity {
namespace {

using testing::Head;
using testing::key_of;
using testing::now;

/// Allocations of `work`.
template <class Work>
std::size_t allocations_of(Work work) {
  const std::size_t before = allocations;
  work();
  return allocations - before;
}

TEST(HotPath, FindingAVerifiedTokenAgainAllocatesNothing) {
  const testing::TempDir folder;
  JwksLocation location;
  location.file = folder.write("keys.json", testing::all_keys());
  Issuer issuer;
  issuer.rules.issuer = "https://ci.example.com";
  issuer.rules.audience = {"tallygate"};
  issuer.keys = std::make_shared<Jwks>(location);
  ASSERT_TRUE(issuer.keys->load_file(now));
  const auto jwt = std::make_shared<JwtAuthenticator>(std::vector<Issuer>{issuer});
  const Authenticators ways(
      {std::make_shared<SessionAuthenticator>(std::make_shared<Sessions>(SessionLimits{}), "__Host-x"), jwt});
  Head head;
  head.add("Host", "wiki.example.com").add("Cookie", "a=b").add("Accept", "*/*");
  head.add("Authorization", "Bearer " + testing::token_of(key_of(Algorithm::rs256), testing::good_claims()));
  std::optional<Outcome> outcome = ways.try_authenticate(head.get(), {}, now);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(allocations_of([&] { outcome = ways.try_authenticate(head.get(), {}, now); }), 0U);
  ASSERT_TRUE(outcome && *outcome);
  EXPECT_EQ(jwt->hits(), 1U);
}

TEST(HotPath, FindingASessionAllocatesNothing) {
  Sessions sessions({});
  IdentityFacts facts;
  facts.method = Method::local;
  facts.user = "alice";
  const NewSession fresh = sessions.start(make_identity(facts), {}, {}, now);
  IdentityPtr found;
  EXPECT_EQ(allocations_of([&] { found = sessions.use(fresh.secret, now); }), 0U);
  EXPECT_EQ(found, fresh.identity);
}

TEST(HotPath, FindingAnAssertionAgainAndWritingTheActorAllocateNothing) {
  Assertions assertions(AssertionKey::generate(), "gw");
  IdentityFacts facts;
  facts.method = Method::local;
  facts.user = "alice";
  facts.auth_time = now;
  const IdentityPtr identity = make_identity(facts);
  const auto first = assertions.get(identity, "wiki", now);
  std::shared_ptr<const std::string> again;
  std::string actor;
  actor.reserve(1'024);
  EXPECT_EQ(allocations_of([&] {
              again = assertions.get(identity, "wiki", now);
              append_actor(*identity, now, actor);
            }),
            0U);
  EXPECT_EQ(again, first);
}

}  // namespace
}  // namespace tallygate::identity
