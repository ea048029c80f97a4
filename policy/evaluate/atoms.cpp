#include "policy/evaluate/atoms.hpp"

#include <date/tz.h>

#include <algorithm>
#include <exception>

namespace tallygate::policy {
namespace {

constexpr int day_minutes = 24 * 60;

Truth within(const std::optional<std::chrono::seconds>& age, std::chrono::seconds limit) noexcept {
  return age ? truth_of(*age <= limit) : Truth::unknown;
}

/// Local wall-clock time against the window (policy.md N17, policy-details.md L12).
Truth inside(const TimeWindow& window, TimePoint now) noexcept {
  try {
    const auto local = window.rules->to_local(std::chrono::floor<std::chrono::seconds>(now));
    const auto day = std::chrono::floor<date::days>(local);
    const auto minute = static_cast<int>(std::chrono::floor<std::chrono::minutes>(local - day).count());
    const unsigned weekday = date::weekday(day).iso_encoding() - 1;  // Monday is 0
    const auto listed = [&](unsigned bit) { return (window.days >> bit & 1u) != 0; };
    if (window.from_minute < window.to_minute) {
      return truth_of(listed(weekday) && minute >= window.from_minute && minute < window.to_minute);
    }
    const bool begun_today = listed(weekday) && minute >= window.from_minute;
    const bool begun_yesterday = listed((weekday + 6) % 7) && minute < window.to_minute;
    return truth_of(begun_today || begun_yesterday);
  } catch (const std::exception&) {
    return Truth::unknown;  // the zone database is unusable
  }
}
static_assert(day_minutes == 1440, "TimeWindow counts minutes of one day");

/// Absent is false; of several lines all, some or none may be listed, and some is unknown: an allow rule
/// needs all, a deny rule one (policy-details.md L13).
Truth test_header(const HeaderWanted& wanted, const HeaderSource* headers) noexcept {
  if (headers == nullptr) {
    return Truth::no;
  }
  bool listed = false;
  bool other = false;
  for (std::size_t i = 0;; ++i) {
    const auto value = headers->header(wanted.name, i);
    if (!value) {
      break;
    }
    const bool found = std::find(wanted.any_of.begin(), wanted.any_of.end(), *value) != wanted.any_of.end();
    (found ? listed : other) = true;
  }
  return listed && other ? Truth::unknown : truth_of(listed);
}

class AtomTest {
 public:
  AtomTest(const Principal& principal, const Context& context) : principal_(principal), context_(context) {}

  Truth operator()(const IpIn& test) const noexcept {
    if (!context_.client) {
      return Truth::unknown;
    }
    return truth_of(std::any_of(test.networks.begin(), test.networks.end(),
                                [&](const Network& network) { return network.contains(*context_.client); }));
  }
  Truth operator()(const MfaWithin& test) const noexcept { return within(context_.mfa_age, test.limit); }
  Truth operator()(const AuthWithin& test) const noexcept { return within(context_.auth_age, test.limit); }
  Truth operator()(const DeviceIs& test) const noexcept {
    return context_.device ? test_wanted(test.attributes, *context_.device) : Truth::unknown;
  }
  Truth operator()(const ClaimsAre& test) const noexcept {
    if (principal_.anonymous) {
      return Truth::unknown;
    }
    return test_wanted(test.claims, principal_.claims);
  }
  Truth operator()(const TimeWindow& test) const noexcept { return inside(test, context_.now); }
  Truth operator()(const MethodIn& test) const noexcept {
    if (principal_.anonymous || !context_.auth_method) {
      return Truth::unknown;
    }
    return truth_of(std::find(test.methods.begin(), test.methods.end(), *context_.auth_method) !=
                    test.methods.end());
  }
  Truth operator()(const HeadersAre& test) const noexcept {
    Truth truth = Truth::yes;
    for (const HeaderWanted& wanted : test.headers) {
      truth = both(truth, test_header(wanted, context_.headers));
    }
    return truth;
  }
  Truth operator()(const AllOf&) const noexcept { return Truth::unknown; }
  Truth operator()(const AnyOf&) const noexcept { return Truth::unknown; }
  Truth operator()(const NotOf&) const noexcept { return Truth::unknown; }

 private:
  const Principal& principal_;
  const Context& context_;
};

}  // namespace

std::string_view to_string(Truth truth) noexcept {
  return truth == Truth::yes ? "true" : truth == Truth::no ? "false" : "unknown";
}

const Attribute* find_attribute(std::span<const Attribute> known, std::string_view name) noexcept {
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Attribute& have) { return have.name == name; });
  return found == known.end() ? nullptr : &*found;
}

Truth test_wanted(std::span<const Wanted> wanted, std::span<const Attribute> known) noexcept {
  Truth truth = Truth::yes;
  for (const Wanted& want : wanted) {
    const Attribute* have = find_attribute(known, want.name);
    if (have == nullptr) {
      truth = both(truth, Truth::unknown);
      continue;
    }
    const bool match = std::any_of(have->values.begin(), have->values.end(), [&](const Value& value) {
      return std::find(want.any_of.begin(), want.any_of.end(), value) != want.any_of.end();
    });
    if (!match) {
      return Truth::no;
    }
  }
  return truth;
}

Truth test_atom(const Test& test, const Principal& principal, const Context& context) noexcept {
  return std::visit(AtomTest(principal, context), test);
}

Mend mend_of(const Test& test, Truth truth, const Principal& principal) noexcept {
  if (std::holds_alternative<MfaWithin>(test) || std::holds_alternative<AuthWithin>(test)) {
    return Mend::itself;
  }
  if (std::holds_alternative<DeviceIs>(test)) {
    return truth == Truth::unknown ? Mend::itself : Mend::nothing;
  }
  const bool of_login = std::holds_alternative<ClaimsAre>(test) || std::holds_alternative<MethodIn>(test);
  return of_login && principal.anonymous ? Mend::login : Mend::nothing;
}

}  // namespace tallygate::policy
