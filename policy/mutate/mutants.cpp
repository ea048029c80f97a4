#include "policy/mutate/mutants.hpp"

#include "policy/explain/question.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace tallygate::policy::mutate {
namespace {

/// The pattern that matches one step more; none for what matches everything.
std::optional<PathPattern> widened(const PathPattern& pattern, const PathOptions& options) {
  constexpr std::string_view all = "/**";
  std::string text = pattern.text();
  if (!pattern.subtree()) {
    while (text.ends_with('/')) {
      text.pop_back();
    }
    text += all;
  } else {
    text.resize(text.size() - all.size());
    if (text.empty()) {
      return std::nullopt;
    }
    text.resize(text.rfind('/'));
    text += all;
  }
  ParseResult<PathPattern> read = PathPattern::parse(text, options);
  return read.has_error() ? std::nullopt : std::optional(*std::move(read));
}

void sort_patterns(PathPatterns& patterns) {
  const auto less = [](const PathPattern& left, const PathPattern& right) {
    return left.text() < right.text();
  };
  const auto equal = [](const PathPattern& left, const PathPattern& right) {
    return left.text() == right.text();
  };
  std::sort(patterns.begin(), patterns.end(), less);
  patterns.erase(std::unique(patterns.begin(), patterns.end(), equal), patterns.end());
}

template <typename T>
void remove_at(std::vector<T>& items, std::size_t at) {
  items.erase(items.begin() + static_cast<std::ptrdiff_t>(at));
}

/// `rule edit: without 'when: office'`
std::string without(const std::string& owner, std::string_view key, const std::string& what) {
  std::string words = owner;
  words.append(": without '").append(key).append(": ").append(what).append("'");
  return words;
}

std::string binding_words(const Binding& binding) {
  std::string ways;
  const auto add = [&ways](std::string_view kind, const std::string& name) {
    constexpr std::size_t long_enough = 60;
    if (ways.size() < long_enough) {
      ways += (ways.empty() ? "" : ", ") + std::string(kind) + " " + printable(name);
    } else if (!ways.ends_with("...")) {
      ways += ", ...";
    }
  };
  for (const std::string& user : binding.users) {
    add("user", user);
  }
  for (const std::string& group : binding.groups) {
    add("group", group);
  }
  for (const Wanted& claim : binding.claims) {
    add("claim", claim.name);
  }
  return "binding of " + binding.role + " to " + ways;
}

/// Collects the mutants of one policy.
class Breeder {
 public:
  explicit Breeder(const Policy& policy) : policy_(policy) {}

  std::vector<Mutant> run() {
    for (const Change change : changes) {
      change_ = change;
      breed();
    }
    return std::move(mutants_);
  }

 private:
  void add(std::size_t item, std::size_t part, const Place& place, std::string what) {
    mutants_.push_back({change_, item, part, place, std::move(what)});
  }

  void breed() {
    switch (change_) {
      case Change::delete_rule:
      case Change::flip_effect:
      case Change::drop_condition:
      case Change::drop_role:
      case Change::any_method:
        for (std::size_t i = 0; i < policy_.rules.size(); ++i) {
          of_rule(i);
        }
        break;
      case Change::widen_path:
      case Change::drop_except:
        for (std::size_t i = 0; i < policy_.resources.size(); ++i) {
          of_resource(i);
        }
        break;
      case Change::drop_binding:
      case Change::drop_end:
        for (std::size_t i = 0; i < policy_.bindings.size(); ++i) {
          of_binding(i);
        }
        break;
      case Change::drop_include:
        for (std::size_t i = 0; i < policy_.roles.size(); ++i) {
          of_role(i);
        }
        break;
    }
  }

  void of_rule(std::size_t i) {
    const Rule& rule = policy_.rules[i];
    const std::string name = "rule " + rule.id;
    if (change_ == Change::delete_rule) {
      add(i, 0, rule.place, name + ": deleted");
    } else if (change_ == Change::flip_effect) {
      add(i, 0, rule.place,
          name + (rule.effect == Effect::allow ? ": deny instead of allow" : ": allow instead of deny"));
    } else if (change_ == Change::any_method && !rule.methods.any) {
      add(i, 0, rule.place, name + ": any method");
    } else if (change_ == Change::drop_role && rule.roles.size() > 1) {
      for (std::size_t part = 0; part < rule.roles.size(); ++part) {
        add(i, part, rule.place, name + ": without role " + rule.roles[part]);
      }
    } else if (change_ == Change::drop_condition) {
      for (std::size_t part = 0; part < rule.when.size(); ++part) {
        add(i, part, rule.place, without(name, "when", rule.when[part]));
      }
      for (std::size_t part = 0; part < rule.unless.size(); ++part) {
        add(i, rule.when.size() + part, rule.place, without(name, "unless", rule.unless[part]));
      }
    }
  }

  void of_resource(std::size_t i) {
    const Resource& resource = policy_.resources[i];
    const std::string name = "resource " + resource.name;
    const bool widen = change_ == Change::widen_path;
    const PathPatterns& patterns = widen ? resource.paths : resource.except;
    for (std::size_t part = 0; part < patterns.size(); ++part) {
      const std::string& text = patterns[part].text();
      if (!widen) {
        add(i, part, resource.place, without(name, "except", text));
      } else if (const auto wide = widened(patterns[part], resource.options)) {
        std::string words = name;
        words.append(": path ").append(wide->text()).append(" instead of ").append(text);
        add(i, part, resource.place, std::move(words));
      }
    }
  }

  void of_binding(std::size_t i) {
    const Binding& binding = policy_.bindings[i];
    if (change_ == Change::drop_binding) {
      add(i, 0, binding.place, binding_words(binding) + ": deleted");
    } else if (binding.until) {
      add(i, 0, binding.place, binding_words(binding) + ": without 'until'");
    }
  }

  void of_role(std::size_t i) {
    const Role& role = policy_.roles[i];
    for (std::size_t part = 0; part < role.includes.size(); ++part) {
      add(i, part, role.place, "role " + role.name + ": does not include " + role.includes[part]);
    }
  }

  const Policy& policy_;
  Change change_ = Change::delete_rule;
  std::vector<Mutant> mutants_;
};

}  // namespace

std::string_view to_string(Change change) noexcept {
  constexpr std::array<std::string_view, 10> names{
      "delete-rule",  "flip-effect", "drop-condition", "widen-path", "drop-role",
      "drop-binding", "drop-end",    "drop-except",    "any-method", "drop-include"};
  return names[static_cast<std::size_t>(change)];
}

std::vector<Mutant> mutants_of(const Policy& policy) {
  return Breeder(policy).run();
}

Policy apply(const Policy& policy, const Mutant& mutant) {
  Policy changed = policy;
  switch (mutant.change) {
    case Change::delete_rule:
      remove_at(changed.rules, mutant.item);
      break;
    case Change::flip_effect: {
      Rule& rule = changed.rules[mutant.item];
      rule.effect = rule.effect == Effect::allow ? Effect::deny : Effect::allow;
      break;
    }
    case Change::drop_condition: {
      Rule& rule = changed.rules[mutant.item];
      const bool when = mutant.part < rule.when.size();
      remove_at(when ? rule.when : rule.unless, when ? mutant.part : mutant.part - rule.when.size());
      break;
    }
    case Change::widen_path: {
      Resource& resource = changed.resources[mutant.item];
      PathPattern& pattern = resource.paths[mutant.part];
      pattern = widened(pattern, resource.options).value_or(pattern);
      sort_patterns(resource.paths);
      break;
    }
    case Change::drop_role:
      remove_at(changed.rules[mutant.item].roles, mutant.part);
      break;
    case Change::drop_binding:
      remove_at(changed.bindings, mutant.item);
      break;
    case Change::drop_end:
      changed.bindings[mutant.item].until.reset();
      break;
    case Change::drop_except:
      remove_at(changed.resources[mutant.item].except, mutant.part);
      break;
    case Change::any_method:
      changed.rules[mutant.item].methods = {true, {}};
      break;
    case Change::drop_include:
      remove_at(changed.roles[mutant.item].includes, mutant.part);
      break;
  }
  return changed;
}

}  // namespace tallygate::policy::mutate
