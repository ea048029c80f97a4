#include "gateway/identity/whoami.hpp"

#include "gateway/identity/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include <array>
#include <cstdio>

namespace tallygate::identity {

std::string rfc3339(TimePoint time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const auto day = std::chrono::floor<std::chrono::days>(seconds);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{seconds - day};
  std::array<char, 48> text{};
  const int size =
      std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02dZ", static_cast<int>(date.year()),
                    static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  return {text.data(), static_cast<std::size_t>(size)};
}

std::string whoami_json(const Identity& identity, TimePoint now) {
  boost::json::object who;
  who["anonymous"] = identity.anonymous();
  if (!identity.anonymous()) {
    const auto put = [&](const char* name, const std::string& value) {
      if (!value.empty()) {
        who[name] = value;
      }
    };
    put("user", identity.user);
    put("subject", identity.subject);
    put("email", identity.email);
    put("issuer", identity.issuer);
    put("session", identity.session);
    put("method", std::string(name_of(identity.method)));
    who["groups"] = boost::json::array(identity.groups.begin(), identity.groups.end());
    if (identity.auth_time) {
      put("authenticated", rfc3339(*identity.auth_time));
    }
    if (identity.expires) {
      put("expires", rfc3339(*identity.expires));
    }
  }
  who["now"] = rfc3339(now);
  std::string text;
  append_canonical(who, text);
  text += '\n';
  return text;
}

}  // namespace tallygate::identity
