#include "policy/mutate/report.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace tallygate::policy::mutate {
namespace {

namespace json = boost::json;

std::string number(std::size_t count, std::string_view what) {
  return std::to_string(count) + " " + std::string(what);
}

}  // namespace

std::size_t count(std::span<const Judged> judged, Fate fate) noexcept {
  std::size_t sum = 0;
  for (const Judged& each : judged) {
    sum += static_cast<std::size_t>(std::count(each.fates.begin(), each.fates.end(), fate));
  }
  return sum;
}

std::string to_text(std::span<const Judged> judged, const Style& style) {
  std::string out;
  std::size_t all = 0;
  for (const Judged& each : judged) {
    const Policy& policy = each.trial->program().policy();
    all += each.fates.size();
    for (std::size_t i = 0; i < each.fates.size(); ++i) {
      const Mutant& mutant = each.trial->mutants()[i];
      if (each.fates[i] == Fate::survived || each.fates[i] == Fate::untried) {
        out += policy.at(mutant.place) + ": " + style.bad(to_string(each.fates[i])) + " " +
               style.strong(to_string(mutant.change)) + ": " + mutant.what + "\n";
      }
    }
  }
  const std::size_t survived = count(judged, Fate::survived);
  const std::size_t untried = count(judged, Fate::untried);
  out += number(all, all == 1 ? "mutant: " : "mutants: ") + number(count(judged, Fate::killed), "killed, ") +
         (survived == 0 ? style.good("0 survived") : style.bad(number(survived, "survived"))) + ", " +
         number(count(judged, Fate::equivalent),
                "not counted, since they decide every question as the policy does");
  return out + (untried == 0 ? "\n" : ", " + number(untried, "not tried: they do not compile\n"));
}

json::object to_json(std::span<const Judged> judged) {
  json::array policies;
  std::size_t all = 0;
  for (const Judged& each : judged) {
    const Program& program = each.trial->program();
    all += each.fates.size();
    json::array mutants;
    for (std::size_t i = 0; i < each.fates.size(); ++i) {
      const Mutant& mutant = each.trial->mutants()[i];
      mutants.push_back({{"change", to_string(mutant.change)},
                         {"what", mutant.what},
                         {"place", program.policy().at(mutant.place)},
                         {"fate", to_string(each.fates[i])}});
    }
    policies.push_back({{"policy", program.policy().name},
                        {"digest", program.digest_hex()},
                        {"mutants", std::move(mutants)}});
  }
  const std::size_t survived = count(judged, Fate::survived);
  return {{"ok", survived == 0},
          {"mutants", all},
          {"killed", count(judged, Fate::killed)},
          {"survived", survived},
          {"equivalent", count(judged, Fate::equivalent)},
          {"untried", count(judged, Fate::untried)},
          {"policies", std::move(policies)}};
}

}  // namespace tallygate::policy::mutate
