#include "gateway/access/policy_reads.hpp"

#include "gateway/access/json.hpp"
#include "gateway/settings_secrets.hpp"

#include <algorithm>
#include <variant>

namespace tallygate::access {
namespace {

void sort_unique(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

void add_headers(const policy::HeadersAre& test, std::vector<PolicyReads::Header>& headers) {
  for (const policy::HeaderWanted& wanted : test.headers) {
    auto found = std::find_if(headers.begin(), headers.end(),
                              [&](const PolicyReads::Header& known) { return known.name == wanted.name; });
    if (found == headers.end()) {
      PolicyReads::Header header;
      header.name = wanted.name;
      header.sensitive = names_a_secret(wanted.name) || names_a_url(wanted.name);
      found = headers.insert(headers.end(), std::move(header));
    }
    for (const std::string& value : wanted.any_of) {
      const auto same = [&](const auto& known) { return known.first == value; };
      if (found->sensitive && std::none_of(found->named.begin(), found->named.end(), same)) {
        found->named.emplace_back(value, sha256_hex(value));
      }
    }
  }
}

}  // namespace

PolicyReads policy_reads(const policy::Policy& policy) {
  PolicyReads reads;
  for (const policy::Binding& binding : policy.bindings) {
    reads.groups.insert(reads.groups.end(), binding.groups.begin(), binding.groups.end());
    for (const policy::Wanted& claim : binding.claims) {
      reads.claims.push_back(claim.name);
    }
  }
  for (const policy::Condition& condition : policy.conditions) {
    if (const auto* headers = std::get_if<policy::HeadersAre>(&condition.test)) {
      add_headers(*headers, reads.headers);
    } else if (const auto* claims = std::get_if<policy::ClaimsAre>(&condition.test)) {
      for (const policy::Wanted& claim : claims->claims) {
        reads.claims.push_back(claim.name);
      }
    }
  }
  sort_unique(reads.claims);
  sort_unique(reads.groups);
  std::sort(reads.headers.begin(), reads.headers.end(),
            [](const PolicyReads::Header& a, const PolicyReads::Header& b) { return a.name < b.name; });
  return reads;
}

void add_reads(PolicyReads& reads, const PolicyReads& other) {
  reads.claims.insert(reads.claims.end(), other.claims.begin(), other.claims.end());
  reads.groups.insert(reads.groups.end(), other.groups.begin(), other.groups.end());
  sort_unique(reads.claims);
  sort_unique(reads.groups);
  for (const PolicyReads::Header& header : other.headers) {
    const auto at = std::lower_bound(
        reads.headers.begin(), reads.headers.end(), header.name,
        [](const PolicyReads::Header& known, const std::string& name) { return known.name < name; });
    if (at == reads.headers.end() || at->name != header.name) {
      reads.headers.insert(at, header);
      continue;
    }
    for (const auto& value : header.named) {
      if (std::find(at->named.begin(), at->named.end(), value) == at->named.end()) {
        at->named.push_back(value);
      }
    }
  }
}

}  // namespace tallygate::access
