// Places in lines.
#include "policy/diff/diff.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <tuple>

namespace tallygate::policy::diff {
namespace {

namespace json = boost::json;

constexpr std::size_t paths_shown = 4;
constexpr std::size_t lines_shown = 8;

/// `read`, `write PURGE`, `any`: as a policy would say it, and `others` for those that no rule names.
std::string method_words(const std::vector<std::string>& methods, const std::vector<std::string>& all) {
  std::set<std::string> left(methods.begin(), methods.end());
  if (left.size() == all.size()) {
    return "any";
  }
  std::string text;
  const auto take = [&](const std::string& words, std::initializer_list<const char*> names) {
    const auto has = [&left](const char* name) { return left.contains(name); };
    if (!std::all_of(names.begin(), names.end(), has)) {
      return;
    }
    for (const char* name : names) {
      left.erase(name);
    }
    text.append(text.empty() ? "" : " ").append(words);
  };
  take("read", {"GET", "HEAD", "OPTIONS"});
  take("write", {"POST", "PUT", "PATCH", "DELETE"});
  for (const std::string& method : all) {
    if (left.contains(method)) {
      text.append(text.empty() ? "" : " ").append(method == all.back() ? "others" : method);
    }
  }
  return text;
}

std::string joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string text;
  for (const std::string& part : parts) {
    text.append(text.empty() ? "" : separator).append(part);
  }
  return text;
}

std::string place_words(const std::string& host, const std::string& route, std::vector<std::string> paths) {
  if (host.empty()) {
    return "route " + route;
  }
  if (paths.size() > paths_shown) {
    const std::size_t more = paths.size() - paths_shown;
    paths.resize(paths_shown);
    paths.push_back("and " + std::to_string(more) + " more");
  }
  return "https://" + host + joined(paths, ", ") + (route.empty() ? "" : " on route " + route);
}

}  // namespace

std::vector<std::string> where_lines(const Row& row, const std::vector<std::string>& methods) {
  using Key = std::tuple<std::string, std::string, std::string, std::string>;
  std::map<Key, std::vector<std::string>> paths;  // by host, route, methods, resources
  for (const TargetClass::Member& member : row.where) {
    paths[{member.where.host, member.where.route, method_words(member.methods, methods),
           joined(member.where.resources, ", ")}]
        .push_back(member.where.path);
  }
  std::vector<std::string> out;
  for (const auto& [key, list] : paths) {
    const auto& [host, route, words, resources] = key;
    out.push_back(words + " " + place_words(host, route, list) +
                  (resources.empty() ? "  (no resource)" : "  (" + resources + ")"));
  }
  if (out.size() > lines_shown) {
    const std::size_t more = out.size() - lines_shown;
    out.resize(lines_shown);
    out.push_back("and " + std::to_string(more) + " more places");
  }
  return out;
}

json::array where_json(const Row& row, const std::vector<std::string>& methods) {
  json::array out;
  for (const TargetClass::Member& member : row.where) {
    json::object place;
    if (!member.where.host.empty()) {
      place["host"] = member.where.host;
      place["path"] = member.where.path;
    }
    if (!member.where.route.empty()) {
      place["route"] = member.where.route;
    }
    json::array names;
    for (const std::string& method : member.methods) {
      names.emplace_back(!methods.empty() && method == methods.back() ? "others" : method);
    }
    place["methods"] = std::move(names);
    place["resources"] = json::array(member.where.resources.begin(), member.where.resources.end());
    out.push_back(std::move(place));
  }
  return out;
}

}  // namespace tallygate::policy::diff
