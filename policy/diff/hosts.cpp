#include "policy/diff/hosts.hpp"

#include "policy/program/match.hpp"

#include <algorithm>
#include <set>
#include <utility>

namespace tallygate::policy::diff {
namespace {

/// No resource should name it: RFC 2606 keeps the ending free.
constexpr std::string_view elsewhere = "elsewhere.invalid";

/// A name that no pattern names, in front of `rest`; empty if names can't be that long.
std::string fresh_name(const std::string& rest, const std::set<std::string>& taken) {
  std::string name = "any." + rest;
  for (std::size_t i = 1; taken.contains(name); ++i) {
    name = "any" + std::to_string(i) + "." + rest;
  }
  return name.size() <= max_host_name_bytes ? name : std::string();
}

bool in_question(const Side& side, const std::vector<bool>& wanted, const std::string& host) {
  const std::vector<Resource>& resources = side.policy().resources;
  for (std::size_t i = 0; i < resources.size(); ++i) {
    if (wanted[i] && match_host(resources[i], host)) {
      return true;
    }
  }
  return false;
}

}  // namespace

std::vector<std::string> representative_hosts(const Side& before, const Side& after,
                                              const std::array<std::vector<bool>, 2>& wanted) {
  std::set<std::string> exact;
  std::set<std::string> wild;
  for (const Side* side : {&before, &after}) {
    for (const Resource& resource : side->policy().resources) {
      for (const HostPattern& host : resource.hosts) {
        (host.wildcard() ? wild : exact).insert(host.name());
      }
    }
  }
  std::set<std::string> names = exact;
  for (const std::string& rest : wild) {
    if (std::string name = fresh_name(rest, exact); !name.empty()) {
      names.insert(std::move(name));
    }
  }
  names.insert(fresh_name(std::string(elsewhere), exact));
  std::vector<std::string> out;
  std::copy_if(names.begin(), names.end(), std::back_inserter(out), [&](const std::string& host) {
    return in_question(before, wanted[0], host) || in_question(after, wanted[1], host);
  });
  return out;
}

std::vector<std::string> representative_methods(const Side& before, const Side& after) {
  std::vector<std::string> out{"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"};
  std::set<std::string> named(out.begin(), out.end());
  const auto take = [&](const std::string& method) {
    if (named.insert(method).second) {
      out.push_back(method);
    }
  };
  for (const Side* side : {&before, &after}) {
    for (const Rule& rule : side->policy().rules) {
      std::for_each(rule.methods.names.begin(), rule.methods.names.end(), take);
    }
  }
  std::string other = "OTHER";
  for (std::size_t i = 1; named.contains(other); ++i) {
    other = "OTHER" + std::to_string(i);
  }
  out.push_back(std::move(other));
  return out;
}

}  // namespace tallygate::policy::diff
