#include "policy/evaluate/describe.hpp"

#include "policy/evaluate/atoms.hpp"
#include "policy/evaluate/trace_parts.hpp"
#include "policy/language/load_time.hpp"

#include <date/tz.h>

#include <exception>
#include <utility>

namespace tallygate::policy {
namespace {

std::string values_words(const std::vector<Value>& values) {
  std::vector<std::string> words;
  words.reserve(values.size());
  for (const Value& value : values) {
    words.push_back(to_string(value));
  }
  return words.empty() ? "none" : list_words(words);
}

/// `managed: true; level: "a" or "b"` against what is known of the same names.
Description describe_wanted(const std::vector<Wanted>& wanted, std::span<const Attribute> known) {
  Description text;
  for (const Wanted& want : wanted) {
    const Attribute* have = find_attribute(known, want.name);
    const std::string separator = text.needed.empty() ? "" : "; ";
    text.actual += separator + want.name + ": " + (have == nullptr ? "unknown" : values_words(have->values));
    text.needed +=
        separator + want.name + ": " + (want.any_of.size() > 1 ? "one of " : "") + values_words(want.any_of);
  }
  return text;
}

Description describe_age(const std::optional<std::chrono::seconds>& age, std::chrono::seconds limit,
                         std::string_view what) {
  return {age ? std::string(what) + ' ' + duration_words(*age) + " ago" : std::string(what) + ": unknown",
          std::string(what) + " within " + duration_words(limit)};
}

std::string local_words(const TimeWindow& window, TimePoint now) {
  try {
    const auto local = window.rules->to_local(std::chrono::floor<std::chrono::seconds>(now));
    const auto day = std::chrono::floor<date::days>(local);
    const auto minute = static_cast<int>(std::chrono::floor<std::chrono::minutes>(local - day).count());
    return std::string(day_names[date::weekday(day).iso_encoding() - 1]) + ' ' + minute_text(minute) + ' ' +
           window.zone;
  } catch (const std::exception&) {
    return "unknown: the time zone database can't be read";
  }
}

class AtomWords {
 public:
  AtomWords(const Principal& principal, const Context& context) : principal_(principal), context_(context) {}

  Description operator()(const IpIn& test) const {
    std::vector<std::string> networks;
    networks.reserve(test.networks.size());
    for (const Network& network : test.networks) {
      networks.push_back(to_string(network));
    }
    return {"client address " + (context_.client ? to_string(*context_.client) : "unknown"),
            "client address in " + list_words(networks)};
  }
  Description operator()(const MfaWithin& test) const {
    return describe_age(context_.mfa_age, test.limit, "second factor");
  }
  Description operator()(const AuthWithin& test) const {
    return describe_age(context_.auth_age, test.limit, "login");
  }
  Description operator()(const DeviceIs& test) const {
    Description text =
        describe_wanted(test.attributes, context_.device.value_or(std::span<const Attribute>{}));
    if (!context_.device) {
      text.actual = "device unknown";
    }
    return text;
  }
  Description operator()(const ClaimsAre& test) const {
    if (!principal_.anonymous) {
      return describe_wanted(test.claims, principal_.claims);
    }
    return {"claims unknown before login", describe_wanted(test.claims, {}).needed};
  }
  Description operator()(const TimeWindow& test) const {
    std::vector<std::string> days;
    for (std::size_t day = 0; day < std::size(day_names); ++day) {
      if ((test.days >> day & 1u) != 0) {
        days.emplace_back(day_names[day]);
      }
    }
    return {local_words(test, context_.now),
            (days.size() == std::size(day_names) ? "any day" : list_words(days)) + ' ' +
                minute_text(test.from_minute) + "-" + minute_text(test.to_minute) + ' ' + test.zone};
  }
  Description operator()(const MethodIn& test) const {
    std::vector<std::string> names;
    names.reserve(test.methods.size());
    for (const AuthMethod method : test.methods) {
      names.emplace_back(to_string(method));
    }
    const bool known = context_.auth_method && !principal_.anonymous;
    return {"authenticated by: " + std::string(known ? to_string(*context_.auth_method) : "unknown"),
            "authenticated by: " + list_words(names)};
  }
  Description operator()(const HeadersAre& test) const {
    Description text;
    for (const HeaderWanted& header : test.headers) {
      std::vector<std::string> values;
      for (std::size_t i = 0; context_.headers != nullptr; ++i) {
        const auto value = context_.headers->header(header.name, i);
        if (!value) {
          break;
        }
        values.emplace_back(*value);
      }
      const std::string separator = text.needed.empty() ? "" : "; ";
      text.actual += separator + header.name + ": " + (values.empty() ? "absent" : list_words(values));
      text.needed += separator + header.name + ": " + list_words(header.any_of);
    }
    return text;
  }
  Description operator()(const AllOf&) const { return {}; }
  Description operator()(const AnyOf&) const { return {}; }
  Description operator()(const NotOf&) const { return {}; }

 private:
  const Principal& principal_;
  const Context& context_;
};

struct MismatchReason {
  Reason operator()(const IpIn&) const noexcept { return Reason::ip_outside; }
  Reason operator()(const MfaWithin&) const noexcept { return Reason::mfa_too_old; }
  Reason operator()(const AuthWithin&) const noexcept { return Reason::auth_too_old; }
  Reason operator()(const DeviceIs&) const noexcept { return Reason::device_mismatch; }
  Reason operator()(const ClaimsAre&) const noexcept { return Reason::claim_mismatch; }
  Reason operator()(const TimeWindow&) const noexcept { return Reason::time_outside; }
  Reason operator()(const MethodIn&) const noexcept { return Reason::auth_method; }
  Reason operator()(const HeadersAre&) const noexcept { return Reason::header_mismatch; }
  Reason operator()(const AllOf&) const noexcept { return Reason::none; }
  Reason operator()(const AnyOf&) const noexcept { return Reason::none; }
  Reason operator()(const NotOf&) const noexcept { return Reason::condition_true; }
};

}  // namespace

std::string duration_words(std::chrono::seconds duration) {
  struct Unit {
    std::int64_t seconds;
    char letter;
  };
  constexpr Unit units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}};
  const std::int64_t count = duration.count();
  for (const Unit& unit : units) {
    if (count != 0 && count % unit.seconds == 0) {
      return std::to_string(count / unit.seconds) + unit.letter;
    }
  }
  return std::to_string(count) + 's';
}

Description describe_atom(const Test& test, const Principal& principal, const Context& context) {
  return std::visit(AtomWords(principal, context), test);
}

Reason reason_of_atom(const Test& test, Truth truth) noexcept {
  if (truth == Truth::yes) {
    return Reason::none;
  }
  if (truth == Truth::no || std::holds_alternative<HeadersAre>(test)) {
    return std::visit(MismatchReason{}, test);
  }
  return std::holds_alternative<DeviceIs>(test) ? Reason::device_unknown : Reason::unknown_attribute;
}

}  // namespace tallygate::policy
