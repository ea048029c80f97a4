#include "gateway/review/policy_needs.hpp"

#include "gateway/access/json.hpp"
#include "policy/language/canonical_json.hpp"

#include <algorithm>
#include <iterator>
#include <variant>

namespace tallygate::review {
namespace {

constexpr std::size_t names_shown = 5;
/// A value that no policy can name: a header value holds no control character.
constexpr std::string_view none_of_them = "\x01";

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), names_shown); ++i) {
    text.append(i == 0 ? "" : ", ").append(names[i]);
  }
  return names.size() > names_shown ? text + " and " + std::to_string(names.size() - names_shown) + " more"
                                    : text;
}

/// Names of `wanted` that are not in `known`. Both sorted.
std::string missing_of(const std::vector<std::string>& wanted, const std::vector<std::string>* known) {
  std::vector<std::string> missing;
  if (known == nullptr) {
    missing = wanted;
  } else {
    std::set_difference(wanted.begin(), wanted.end(), known->begin(), known->end(),
                        std::back_inserter(missing));
  }
  return listed(missing);
}

void add_fractions(const std::vector<policy::Wanted>& claims, std::vector<PolicyNeeds::Fraction>& out) {
  for (const policy::Wanted& claim : claims) {
    for (const policy::Value& value : claim.any_of) {
      if (const auto* number = std::get_if<double>(&value)) {
        out.push_back({claim.name, policy::canonical_number(*number)});
      }
    }
  }
}

void add_headers(const policy::HeadersAre& test, const access::PolicyReads& reads,
                 std::vector<PolicyNeeds::Header>& headers) {
  for (const policy::HeaderWanted& one : test.headers) {
    auto header = std::find_if(headers.begin(), headers.end(),
                               [&one](const PolicyNeeds::Header& known) { return known.name == one.name; });
    if (header == headers.end()) {
      const bool sensitive =
          std::any_of(reads.headers.begin(), reads.headers.end(),
                      [&one](const auto& read) { return read.name == one.name && read.sensitive; });
      header = headers.insert(headers.end(), {one.name, sensitive, {}});
    }
    for (const std::string& value : one.any_of) {
      header->wanted.emplace_back(access::sha256_hex(value), value);
    }
  }
}

/// Whether the entry has a claim in that form, as text that may have been a number.
bool has_text(const RecordedDecision& decision, const PolicyNeeds::Fraction& fraction) {
  const auto& claims = decision.question.principal.claims;
  return std::any_of(claims.begin(), claims.end(), [&fraction](const policy::Attribute& claim) {
    return claim.name == fraction.claim &&
           std::any_of(claim.values.begin(), claim.values.end(), [&fraction](const policy::Value& value) {
             return policy::equals_text(value, fraction.text);
           });
  });
}

}  // namespace

PolicyNeeds needs_of(const policy::Policy& policy) {
  const access::PolicyReads reads = access::policy_reads(policy);
  PolicyNeeds needs{reads.groups, reads.claims, {}, {}};
  for (const policy::Binding& binding : policy.bindings) {
    add_fractions(binding.claims, needs.fractions);
  }
  for (const policy::Condition& condition : policy.conditions) {
    if (const auto* headers = std::get_if<policy::HeadersAre>(&condition.test)) {
      add_headers(*headers, reads, needs.headers);
    } else if (const auto* claims = std::get_if<policy::ClaimsAre>(&condition.test)) {
      add_fractions(claims->claims, needs.fractions);
    }
  }
  for (PolicyNeeds::Header& header : needs.headers) {
    std::sort(header.wanted.begin(), header.wanted.end());
  }
  std::sort(needs.headers.begin(), needs.headers.end(),
            [](const auto& left, const auto& right) { return left.name < right.name; });
  return needs;
}

Gaps::Gaps(const PolicyNeeds& wanted, const PolicyNeeds* recorded)
    : wanted_(wanted),
      groups_(missing_of(wanted.groups, recorded == nullptr ? nullptr : &recorded->groups)),
      claims_(missing_of(wanted.claims, recorded == nullptr ? nullptr : &recorded->claims)) {
  for (const PolicyNeeds::Header& header : wanted.headers) {
    HeaderGap gap{&header, false, false};
    if (recorded != nullptr) {
      const auto old =
          std::find_if(recorded->headers.begin(), recorded->headers.end(),
                       [&header](const PolicyNeeds::Header& known) { return known.name == header.name; });
      gap.always = old != recorded->headers.end();
      gap.values = gap.always && std::includes(old->wanted.begin(), old->wanted.end(), header.wanted.begin(),
                                               header.wanted.end());
    }
    headers_.push_back(gap);
  }
}

std::string Gaps::fill(RecordedDecision& decision) const {
  decision.question.circumstances.headers.clear();
  if (!decision.cut.empty()) {
    return "cut for its length: " + decision.cut;
  }
  if (decision.groups_partly && !groups_.empty()) {
    return "groups not recorded: " + groups_;
  }
  if (decision.claims_partly && !claims_.empty()) {
    return "claims not recorded: " + claims_;
  }
  for (const PolicyNeeds::Fraction& fraction : wanted_.fractions) {
    if (has_text(decision, fraction)) {
      return "recorded as text, so a number or a text: claim " + fraction.claim;
    }
  }
  for (const HeaderGap& gap : headers_) {
    if (std::string missing = fill_header(gap, decision); !missing.empty()) {
      return missing;
    }
  }
  return {};
}

std::string Gaps::fill_header(const HeaderGap& gap, RecordedDecision& decision) const {
  const PolicyNeeds::Header& header = *gap.header;
  bool found = false;
  for (const RecordedHeader& line : decision.headers) {
    if (line.name != header.name) {
      continue;
    }
    found = true;
    if (line.form == RecordedHeader::Form::value) {
      decision.question.circumstances.headers.add(line.name, line.value);
      continue;
    }
    const auto known = std::find_if(header.wanted.begin(), header.wanted.end(),
                                    [&line](const auto& wanted) { return wanted.first == line.value; });
    if (line.form == RecordedHeader::Form::other && !gap.values) {
      return "header values not recorded: " + header.name;
    }
    const bool named = line.form == RecordedHeader::Form::digest && known != header.wanted.end();
    decision.question.circumstances.headers.add(line.name, named ? known->second : std::string(none_of_them));
  }
  // A header that its policy did not read is there where the settings named it, as it was sent but for URLs.
  const bool whole = gap.always || (found && !header.sensitive && !decision.headers_partly);
  return whole ? std::string() : "header not recorded: " + header.name;
}

}  // namespace tallygate::review
