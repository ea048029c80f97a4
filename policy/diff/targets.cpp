#include "policy/diff/targets.hpp"

#include "policy/diff/hosts.hpp"
#include "policy/diff/paths.hpp"
#include "policy/program/match.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>
#include <tuple>
#include <utility>

namespace tallygate::policy::diff {
namespace {

/// A resource that a request meets, and for the rules of which effect.
struct Met {
  ResourceIndex resource = 0;
  bool allow = false;
  bool deny = false;
  auto operator<=>(const Met&) const = default;
};

/// What one side sees of a place, before the method is looked at.
struct View {
  RejectCode code = RejectCode::none;
  std::vector<Met> met;
  auto operator<=>(const View&) const = default;
};

/// A place and how both sides see it.
struct Seen {
  Where place;
  std::array<View, 2> views;
};

View see(const Side& side, const std::vector<ResourceIndex>& resources, const WrittenRequest& request,
         CanonicalRequest& canonical, CanonicalScratch& scratch) {
  View view;
  view.code = canonicalise(request, side.program(), canonical, scratch);
  if (view.code != RejectCode::none || canonical.host.name.empty()) {
    return view;
  }
  const PathReadings path(canonical.path.matched);
  for (const ResourceIndex index : resources) {
    const Resource& resource = side.program().resource(index);
    if (!match_host(resource, canonical.host.name)) {
      continue;
    }
    const Met met{index, match_path(resource, path, Effect::allow).matched(),
                  match_path(resource, path, Effect::deny).matched()};
    if (met.allow || met.deny) {
      view.met.push_back(met);
    }
  }
  return view;
}

View see_route(const Side& side, const std::string& route) {
  View view;
  const std::vector<Resource>& resources = side.policy().resources;
  for (std::size_t i = 0; i < resources.size() && !route.empty(); ++i) {
    if (resources[i].route == route) {
      view.met.push_back({static_cast<ResourceIndex>(i), true, true});
    }
  }
  return view;
}

View join(const View& left, const View& right) {
  View out{left.code, left.met};
  out.met.insert(out.met.end(), right.met.begin(), right.met.end());
  return out;
}

ClassRules rules_of(const Side& side, const View& view, const std::string& method) {
  ClassRules out{view.code, {}};
  if (view.code != RejectCode::none) {
    return out;
  }
  for (const Met& met : view.met) {
    for (const RuleIndex index : side.rules_of(met.resource)) {
      const Rule& rule = side.program().rule(index);
      const bool deny = rule.effect == Effect::deny;
      if ((deny ? met.deny : met.allow) && rule.methods.match(method, deny)) {
        out.rules.push_back(index);
      }
    }
  }
  std::sort(out.rules.begin(), out.rules.end());
  out.rules.erase(std::unique(out.rules.begin(), out.rules.end()), out.rules.end());
  return out;
}

std::vector<ResourceIndex> all_resources(const Side& side) {
  std::vector<ResourceIndex> out(side.policy().resources.size());
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<ResourceIndex>(i);
  }
  return out;
}

class Finder {
 public:
  Finder(const Side& before, const Side& after, const Changes& changes)
      : sides_{&before, &after}, changes_(changes) {}

  Targets run() {
    out_.methods = representative_methods(*sides_[0], *sides_[1]);
    find_routes();
    for (const std::string& host : representative_hosts(*sides_[0], *sides_[1], wanted())) {
      look_at_host(host);
    }
    const std::vector<Seen> alone = take_groups();
    for (const Seen& seen : alone) {
      classify(seen);
    }
    for (const Seen& route : routes_) {
      classify(route);
    }
    // Last, so that the first of a class is a host or a route alone where it has one.
    for (const Seen& route : routes_) {
      for (const Seen& seen : alone) {
        classify_both(seen, route);
      }
    }
    for (auto& [key, found] : classes_) {
      out_.classes.push_back(std::move(found));
    }
    return std::move(out_);
  }

 private:
  using Views = std::array<View, 2>;
  using Sides = std::array<ClassRules, 2>;
  using ByRules = std::map<Sides, std::vector<std::string>>;

  /// Resources that a changed rule names, a rule of a changed role, or that changed themselves. A route in
  /// question may be that of any host.
  [[nodiscard]] std::array<std::vector<bool>, 2> wanted() const {
    std::array<std::vector<bool>, 2> out = changes_.resources;
    bool any_host = false;
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      for (std::size_t i = 0; i < out[side].size(); ++i) {
        const auto& rules = sides_[side]->rules_of(static_cast<ResourceIndex>(i));
        out[side][i] = out[side][i] || std::any_of(rules.begin(), rules.end(), [&](RuleIndex rule) {
                         return concerns_change(side, rule);
                       });
        any_host = any_host || (out[side][i] && !sides_[side]->policy().resources[i].route.empty());
      }
    }
    for (std::vector<bool>& side : out) {
      if (any_host) {
        side.assign(side.size(), true);
      }
    }
    return out;
  }

  [[nodiscard]] bool concerns_change(std::size_t side, RuleIndex index) const {
    const std::vector<std::string>& roles = sides_[side]->program().rule(index).roles;
    return changes_.rules[side][index] ||
           std::any_of(roles.begin(), roles.end(),
                       [&](const std::string& role) { return changes_.roles.contains(role); });
  }

  void find_routes() {
    std::set<std::string> names;
    for (const Side* side : sides_) {
      for (const Resource& resource : side->policy().resources) {
        if (!resource.route.empty()) {
          names.insert(resource.route);
        }
      }
    }
    for (const std::string& name : names) {
      Seen seen{{"", "/", name, {}}, {see_route(*sides_[0], name), see_route(*sides_[1], name)}};
      seen.place.resources = names_of(seen.views);
      routes_.push_back(std::move(seen));
    }
  }

  /// Resources of one side that name the host.
  static std::vector<ResourceIndex> resources_of(const Side& side, const std::string& host) {
    std::vector<ResourceIndex> out = all_resources(side);
    std::erase_if(out,
                  [&](ResourceIndex index) { return !match_host(side.program().resource(index), host); });
    return out;
  }

  void look_at_host(const std::string& host) {
    std::vector<const PathPattern*> patterns;
    std::vector<PathOptions> options;
    const auto take = [&](const std::vector<PathPattern>& list) {
      std::transform(list.begin(), list.end(), std::back_inserter(patterns),
                     [](const PathPattern& pattern) { return &pattern; });
    };
    const std::array<std::vector<ResourceIndex>, 2> resources{resources_of(*sides_[0], host),
                                                              resources_of(*sides_[1], host)};
    for (std::size_t side = 0; side < sides_.size(); ++side) {
      for (const ResourceIndex index : resources[side]) {
        const Resource& resource = sides_[side]->program().resource(index);
        options.push_back(resource.options);
        take(resource.paths);
        take(resource.except);
      }
    }
    PathSet paths = representative_paths(patterns, options);
    if (!paths.complete) {
      out_.notes.push_back("host " + host + " has more kinds of paths than " + std::to_string(paths_max) +
                           "; the rest was not compared");
    }
    for (std::string& path : paths.paths) {
      if (++places_ > places_max) {
        note_once("there are more than " + std::to_string(places_max) +
                  " kinds of hosts and paths; the rest was not compared");
        return;
      }
      Where place{host, std::move(path), {}, {}};
      const WrittenRequest request = written(place, "GET");
      Views views{see(*sides_[0], resources[0], request, canonical_, scratch_),
                  see(*sides_[1], resources[1], request, canonical_, scratch_)};
      groups_[std::move(views)].push_back(std::move(place));
    }
  }

  /// One Seen for each place; those alike are next to each other.
  std::vector<Seen> take_groups() {
    std::vector<Seen> out;
    for (auto& [views, places] : groups_) {
      // Short paths without a final slash are the plainest.
      std::sort(places.begin(), places.end(), [](const Where& left, const Where& right) {
        const auto rank = [](const Where& place) {
          const bool slash = place.path.size() > 1 && place.path.ends_with('/');
          return std::tuple(slash, place.path.size(), std::string_view(place.host),
                            std::string_view(place.path));
        };
        return rank(left) < rank(right);
      });
      for (Where& place : places) {
        place.resources = names_of(views);
        out.push_back({std::move(place), views});
      }
    }
    return out;
  }

  /// A host on a route, with the methods for which each brings rules of its own: else one of them alone shows
  /// the same.
  void classify_both(const Seen& seen, const Seen& route) {
    Where where = seen.place;
    where.route = route.place.route;
    where.resources.insert(where.resources.end(), route.place.resources.begin(), route.place.resources.end());
    ByRules by_rules;
    for (const std::string& method : out_.methods) {
      const Sides of_host = rules_of_both(seen.views, method);
      const Sides of_route = rules_of_both(route.views, method);
      Sides together =
          rules_of_both({join(seen.views[0], route.views[0]), join(seen.views[1], route.views[1])}, method);
      if (together != of_host && together != of_route) {
        by_rules[std::move(together)].push_back(method);
      }
    }
    keep(where, by_rules);
  }

  [[nodiscard]] std::vector<std::string> names_of(const Views& views) const {
    std::set<std::string> names;
    for (std::size_t side = 0; side < views.size(); ++side) {
      for (const Met& met : views[side].met) {
        names.insert(sides_[side]->program().resource(met.resource).name);
      }
    }
    return {names.begin(), names.end()};
  }

  [[nodiscard]] bool matters(const std::array<ClassRules, 2>& sides) const {
    if (sides[0].code != sides[1].code) {
      return true;
    }
    for (std::size_t side = 0; side < sides.size(); ++side) {
      const std::size_t other = 1 - side;
      for (const RuleIndex index : sides[side].rules) {
        const auto twin = sides_[other]->program().find_rule(sides_[side]->program().rule(index).id);
        const bool there =
            twin && std::binary_search(sides[other].rules.begin(), sides[other].rules.end(), *twin);
        if (!there || concerns_change(side, index)) {
          return true;
        }
      }
    }
    return false;
  }

  [[nodiscard]] Sides rules_of_both(const Views& views, const std::string& method) const {
    return {rules_of(*sides_[0], views[0], method), rules_of(*sides_[1], views[1], method)};
  }

  void classify(const Seen& seen) {
    ByRules by_rules;
    for (const std::string& method : out_.methods) {
      by_rules[rules_of_both(seen.views, method)].push_back(method);
    }
    keep(seen.place, by_rules);
  }

  void keep(const Where& where, ByRules& by_rules) {
    for (auto& [sides, methods] : by_rules) {
      if (!matters(sides)) {
        continue;
      }
      if (classes_.size() >= classes_max && !classes_.contains(sides)) {
        note_once("there are more than " + std::to_string(classes_max) +
                  " kinds of requests; the rest was not compared");
        return;
      }
      TargetClass& found = classes_[sides];
      found.sides = sides;
      ++found.count;
      if (found.members.size() < examples_max) {
        found.members.push_back({where, std::move(methods)});
      }
    }
  }

  void note_once(std::string note) {
    if (std::find(out_.notes.begin(), out_.notes.end(), note) == out_.notes.end()) {
      out_.notes.push_back(std::move(note));
    }
  }

  std::array<const Side*, 2> sides_;
  const Changes& changes_;
  Targets out_;
  std::vector<Seen> routes_;
  std::size_t places_ = 0;
  std::map<Views, std::vector<Where>> groups_;
  std::map<Sides, TargetClass> classes_;
  CanonicalRequest canonical_;
  CanonicalScratch scratch_;
};

}  // namespace

WrittenRequest written(const Where& place, const std::string& method) {
  WrittenRequest out;
  out.line = method + " " + place.path + " HTTP/1.1";
  if (place.host.empty()) {
    out.route = place.route;
    out.label = "route " + place.route + " " + method + " " + place.path;
  } else {
    out.hosts = {place.host};
    out.label = method + " https://" + place.host + place.path;
  }
  return out;
}

Targets find_targets(const Side& before, const Side& after, const Changes& changes) {
  return Finder(before, after, changes).run();
}

ClassRules rules_met(const Side& side, const WrittenRequest& request, const std::string& route) {
  CanonicalRequest canonical;
  CanonicalScratch scratch;
  const View view = see(side, all_resources(side), request, canonical, scratch);
  if (view.code != RejectCode::none) {
    return {view.code, {}};
  }
  return rules_of(side, join(view, see_route(side, route)), canonical.method);
}

}  // namespace tallygate::policy::diff
