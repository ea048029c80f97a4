#include "policy/language/nearest.hpp"
#include "policy/lint/study.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <algorithm>
#include <cstdio>
#include <tuple>

namespace tallygate::policy::lint {
namespace {

std::string date_text(std::chrono::sys_seconds time) {
  const std::chrono::year_month_day date(std::chrono::floor<std::chrono::days>(time));
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u-%02u", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()));
  return text;
}

/// Who a binding names, one by one.
struct Way {
  std::string_view key;  ///< of the binding
  std::string text;      ///< as it is shown, and compared
};

std::vector<Way> ways(const Binding& binding) {
  std::vector<Way> out;
  out.reserve(binding.users.size() + binding.groups.size() + 1);
  for (const std::string& user : binding.users) {
    out.push_back({"users", user});
  }
  for (const std::string& group : binding.groups) {
    out.push_back({"groups", group});
  }
  if (!binding.claims.empty()) {
    std::string text;
    for (const Wanted& claim : binding.claims) {
      text += (text.empty() ? "" : ", ") + claim.name + ": ";
      for (std::size_t i = 0; i < claim.any_of.size(); ++i) {
        text += (i == 0 ? "" : " or ") + policy::to_string(claim.any_of[i]);
      }
    }
    out.push_back({"claims", std::move(text)});
  }
  return out;
}

/// Whether the first binding ends before the second.
bool ends_sooner(const Binding& left, const Binding& right) noexcept {
  return left.until && (!right.until || *left.until < *right.until);
}

class DuplicateBindings {
 public:
  explicit DuplicateBindings(Study& study) : study_(study) {}

  void run() {
    const auto& bindings = study_.policy().bindings;
    for (std::size_t number = 0; number < bindings.size(); ++number) {
      for (const Way& way : ways(bindings[number])) {
        const std::string key = bindings[number].role + '\n' + std::string(way.key) + '\n' + way.text;
        const auto [first, added] = seen_.emplace(key, number);
        if (added) {
          continue;
        }
        // The one that ends sooner gives nothing that the other does not.
        if (ends_sooner(bindings[first->second], bindings[number])) {
          report(bindings[first->second], bindings[number], way);
          first->second = number;
        } else {
          report(bindings[number], bindings[first->second], way);
        }
      }
    }
  }

 private:
  void report(const Binding& useless, const Binding& other, const Way& way) {
    const Place place = way.key == "claims" ? study_.places().value(useless.place, way.key)
                                            : study_.places().item(useless.place, way.key, way.text);
    const std::string who = way.key == "users"    ? "user " + quoted(way.text)
                            : way.key == "groups" ? "group " + quoted(way.text)
                                                  : "whoever has the claims " + way.text;
    study_.add("L18", Severity::warning, place,
               who + " has the role " + quoted(useless.role) + " from the binding at " +
                   study_.policy().at(other.place) + " already" +
                   (ends_sooner(useless, other) ? ", and for longer" : "") + "; remove one of the two");
  }

  Study& study_;
  boost::unordered_flat_map<std::string, std::size_t> seen_;
};

}  // namespace

void check_bindings(Study& study) {
  const auto& seen = study.options().groups_seen;
  for (const Binding& binding : study.policy().bindings) {
    if (binding.until && *binding.until <= study.options().now) {
      study.add("L17", Severity::warning, study.places().value(binding.place, "until"),
                "this binding of the role " + quoted(binding.role) + " has expired on " +
                    date_text(*binding.until) + "; remove it, or set a later date");
    }
    for (const std::string& group : binding.groups) {
      if (seen && !std::binary_search(seen->begin(), seen->end(), group)) {
        study.add("L21", Severity::warning, study.places().item(binding.place, "groups", group),
                  "nobody was ever seen with the group " + quoted(group) + did_you_mean(group, *seen) +
                      "; correct it, or remove it");
      }
    }
  }
  DuplicateBindings(study).run();
}

}  // namespace tallygate::policy::lint
