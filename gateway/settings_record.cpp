// What is recorded: `audit.record`, and `record` of a route. Whatever computing a decision again needs is
// mandatory, and saying otherwise is an error.
#include "gateway/settings_reader.hpp"
#include "gateway/settings_secrets.hpp"
#include "policy/language/nearest.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t headers_max = 32;
constexpr std::size_t header_name_max = 128;
// Fewer would hide nearly all that a source is refused.
constexpr std::size_t flood_entries_min = 10;
constexpr std::size_t flood_entries_max = 1'000'000;
constexpr milliseconds flood_per_max{std::chrono::minutes{10}};

bool is_header_name(std::string_view name) {
  constexpr std::string_view others = "!#$%&'*+-.^_`|~";  // RFC 9110 §5.6.2
  return !name.empty() && name.size() <= header_name_max &&
         std::all_of(name.begin(), name.end(), [&](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                  others.find(c) != std::string_view::npos;
         });
}

void sort_unique(std::vector<std::string>& names) {
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
}

/// `kinds: {access.end: false}`. True if it speaks of access.end.
bool read_kinds(SettingsMap& record, bool& end) {
  const auto node = record.map().find("kinds");
  if (!node) {
    return false;
  }
  yaml::Errors& errors = record.context().errors;
  if (node->kind() != yaml::Kind::map) {
    record.error(*node, yaml::wrong_kind("'kinds'", "a map of kinds and true or false", *node));
    return false;
  }
  bool speaks_of_end = false;
  for (std::size_t at = 0; at < node->size(); ++at) {
    const auto [key, value] = node->entry(at);
    const std::string& name = key.scalar();
    const auto why = why_always_recorded(name);
    if (!why) {
      record.error(
          key, fmt::format("'{}' is no kind of entry{}", name, policy::did_you_mean(name, recorded_kinds())));
      continue;
    }
    const auto wanted = yaml::boolean(value, name, errors);
    if (wanted && why->empty()) {
      end = *wanted;
      speaks_of_end = true;
    } else if (wanted && !*wanted) {
      record.error(key, fmt::format("'{}' cannot be switched off: {}. Only access.end can", name, *why));
    }
  }
  return speaks_of_end;
}

void read_end(SettingsMap& record, bool& end) {
  const bool said = read_kinds(record, end);
  const bool of_kinds = end;
  record.boolean("end", end);
  if (said && of_kinds != end) {
    record.error(*record.map().find("end"), "'end' and 'kinds: {access.end: …}' contradict each other");
  }
}

/// `all`, `policy`, or the booleans that people try first.
void read_names(SettingsMap& fields, std::string_view key, RecordedNames& names) {
  const auto node = fields.map().find(key);
  if (!node) {
    return;
  }
  if (node->kind() == yaml::Kind::boolean) {
    if (node->scalar() == "true") {
      names = RecordedNames::all;
      return;
    }
    fields.error(*node,
                 fmt::format("'{}' cannot be left out of the record: without what the policy reads of them "
                             "the decision could not be computed again; 'policy' keeps just that",
                             key));
    return;
  }
  fields.word(*node, key, names, {{"all", RecordedNames::all}, {"policy", RecordedNames::policy}});
}

void read_fields(SettingsMap& record, RecordFields& settings) {
  const auto node = record.map().find("fields");
  if (!node) {
    return;
  }
  SettingsMap fields(*node, "fields", record.context());
  read_names(fields, "claims", settings.claims);
  fields.boolean("email", settings.email);
  read_names(fields, "groups", settings.groups);
  fields.boolean("query", settings.query);
  fields.boolean("referer", settings.referer);
  fields.boolean("tls", settings.tls);
  fields.boolean("trace", settings.trace);
  fields.boolean("user_agent", settings.user_agent);
  for (std::size_t at = 0; node->kind() == yaml::Kind::map && at < node->size(); ++at) {
    const auto [key, value] = node->entry(at);
    const std::string& name = key.scalar();
    const auto why = why_field_always_recorded(name);
    if (!why) {
      continue;
    }
    (void)fields.map().find(name);
    const auto wanted = yaml::boolean(value, name, record.context().errors);
    if (wanted && !*wanted) {
      fields.error(key, fmt::format("'{}' cannot be left out of the record: {}", name, *why));
    }
  }
  fields.finish();
}

void read_headers(SettingsMap& record, std::vector<std::string>& headers) {
  const auto node = record.map().find("headers");
  if (!node) {
    return;
  }
  headers.clear();
  for (auto& [written, at] : record.texts("headers", true)) {
    std::string name = written;
    std::transform(name.begin(), name.end(), name.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (!is_header_name(name)) {
      record.error(at, fmt::format("'{}' is no name of a header: letters, digits and '-', at most {}",
                                   written, header_name_max));
    } else if (names_a_secret(written)) {
      record.error(
          at,
          fmt::format("'{}' holds a credential, as its name says: no cookie, token, key or password enters "
                      "the record",
                      written));
    } else {
      headers.push_back(std::move(name));
    }
  }
  sort_unique(headers);
  if (headers.size() > headers_max) {
    record.error(*node, fmt::format("'headers' names {} headers, but at most {} can be recorded",
                                    headers.size(), headers_max));
  }
}

void read_choice(SettingsMap& record, RecordChoice& choice) {
  read_end(record, choice.end);
  read_fields(record, choice.fields);
  read_headers(record, choice.headers);
}

/// Replaces `values` by the list under `query_values`, if there is one.
bool read_query_values(SettingsMap& map, std::vector<std::string>& values) {
  if (!map.map().find("query_values")) {
    return false;
  }
  values.clear();
  for (auto& [value, at] : map.texts("query_values", true)) {
    if (names_a_secret_parameter(value)) {
      map.error(at, fmt::format("'{}' holds a credential, as its name says: no token, key, password or code "
                                "enters the record; its value stays '*'",
                                value));
    } else {
      values.push_back(std::move(value));
    }
  }
  sort_unique(values);
  return true;
}

void read_flood(SettingsMap& record, FloodSettings& settings) {
  const auto node = record.map().find("flood");
  if (!node) {
    return;
  }
  if (node->kind() == yaml::Kind::text && node->scalar() == "none") {
    settings.entries = 0;
    return;
  }
  SettingsMap flood(*node, "flood", record.context());
  flood.duration("per", settings.per);
  if (settings.per > flood_per_max) {
    flood.error(*flood.map().find("per"),
                "'per' must be at most 10m: each window records its first refusals one by one");
  }
  flood.count("entries", settings.entries, flood_entries_min, flood_entries_max);
  flood.finish();
}

}  // namespace

void read_record(const yaml::Node& node, SettingsContext& context, RecordSettings& settings) {
  SettingsMap record(node, "record", context);
  read_choice(record, settings);
  (void)read_query_values(record, settings.query_values);
  read_flood(record, settings.flood);
  record.finish();
}

void read_route_record(SettingsMap& route, const RecordSettings& all, RouteSettings& settings) {
  settings.record = static_cast<const RecordChoice&>(all);
  settings.query_values = all.query_values;
  std::vector<std::string> added;
  const bool adds = read_query_values(route, added);
  bool replaces = false;
  if (const auto node = route.map().find("record")) {
    SettingsMap record(*node, "record", route.context());
    read_choice(record, settings.record);
    replaces = read_query_values(record, settings.query_values);
    if (const auto flood = record.map().find("flood")) {
      record.error(*flood, "'flood' is about sources, not routes: it stands under 'audit: {record: …}'");
    }
    record.finish();
  }
  if (adds && replaces) {
    route.error(*route.map().find("query_values"),
                "'query_values' adds to those of audit and 'record: {query_values: …}' replaces them: write "
                "one of them");
    return;
  }
  settings.query_values.insert(settings.query_values.end(), added.begin(), added.end());
  sort_unique(settings.query_values);
}

}  // namespace tallygate
