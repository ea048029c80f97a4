#pragma once
/// What became of the mutants, for people and programs.
#include "policy/explain/explain.hpp"
#include "policy/mutate/judge.hpp"

#include <boost/json/object.hpp>

#include <span>
#include <string>
#include <vector>

namespace tallygate::policy::mutate {

/// The fates of one trial, as its mutants stand.
struct Judged {
  const Trial* trial = nullptr;
  std::vector<Fate> fates;
};

/// How many of all of them had a fate.
[[nodiscard]] std::size_t count(std::span<const Judged> judged, Fate fate) noexcept;

/// The survivors, each with its place and change, and the sums.
[[nodiscard]] std::string to_text(std::span<const Judged> judged, const Style& style);

/// `{ok, mutants, killed, survived, equivalent, untried, policies: [{policy, digest, mutants: [{change, what,
/// place, fate}]}]}`
[[nodiscard]] boost::json::object to_json(std::span<const Judged> judged);

}  // namespace tallygate::policy::mutate
