#include "policy/language/keys.hpp"
#include "policy/language/load_state.hpp"

#include <algorithm>

namespace tallygate::policy {
namespace {

/// Built-in roles can't be bound or included (policy-details.md L03).
bool refuse_builtin(const yaml::Node& at, std::string_view verb, LoadState& state) {
  if (at.kind() != yaml::Kind::text || !is_builtin_role(at.scalar())) {
    return false;
  }
  state.error(at, "'" + at.scalar() + "' is a built-in role and can't be " + std::string(verb) +
                      "; rules name it directly");
  return true;
}

void load_role(const yaml::Node& key, const yaml::Node& value, LoadState& state) {
  const bool fresh = state.define(Named::role, key);
  Role role{key.scalar(), {}, state.place(key)};
  yaml::Map map(value, "role '" + key.scalar() + "'", keys::role, state.errors);
  if (const auto includes = map.find("includes")) {
    for (const yaml::Node& item : yaml::list(*includes, "includes", state.errors)) {
      if (refuse_builtin(item, "included", state)) {
        continue;
      }
      auto name = yaml::text(item, "includes", state.errors);
      if (!name) {
        continue;
      }
      state.refer(Named::role, item);
      role.includes.push_back(std::move(*name));
    }
    std::sort(role.includes.begin(), role.includes.end());
    role.includes.erase(std::unique(role.includes.begin(), role.includes.end()), role.includes.end());
  }
  map.finish();
  if (fresh) {
    state.policy.roles.push_back(std::move(role));
  }
}

std::vector<std::string> sorted_texts(const yaml::Node& node, std::string_view what, LoadState& state) {
  std::vector<std::string> texts = yaml::text_list(node, what, state.errors);
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  return texts;
}

void load_binding(const yaml::Node& node, LoadState& state) {
  yaml::Map map(node, "binding", keys::binding, state.errors);
  Binding binding;
  binding.place = state.place(node);
  if (const auto role = map.require("role"); role && !refuse_builtin(*role, "bound", state)) {
    if (auto name = yaml::text(*role, "role", state.errors)) {
      state.refer(Named::role, *role);
      binding.role = std::move(*name);
    }
  }
  const auto users = map.find("users");
  const auto groups = map.find("groups");
  const auto claims = map.find("claims");
  if (users) {
    binding.users = sorted_texts(*users, "users", state);
  }
  if (groups) {
    binding.groups = sorted_texts(*groups, "groups", state);
  }
  if (claims) {
    binding.claims = load_wanted(*claims, "claims", state);
  }
  if (map && !users && !groups && !claims) {
    state.error(node, "a binding needs 'users', 'groups' or 'claims': who has the role");
  }
  if (const auto until = map.find("until")) {
    binding.until = read_timestamp(*until, "until", state.errors);
  }
  map.finish();
  state.policy.bindings.push_back(std::move(binding));
}

/// Depth-first walk with an explicit stack, because a chain of inclusions may be as long as the list of
/// roles.
class CycleFinder {
 public:
  explicit CycleFinder(LoadState& state) : state_(state), marks_(state.policy.roles.size(), Mark::fresh) {}

  void run() {
    for (std::size_t role = 0; role < marks_.size(); ++role) {
      if (marks_[role] == Mark::fresh) {
        walk(role);
      }
    }
  }

 private:
  enum class Mark : std::uint8_t { fresh, open, done };
  struct Step {
    std::size_t role;
    std::size_t next;  ///< which inclusion comes next
  };

  const Role& role(std::size_t index) const { return state_.policy.roles[index]; }

  std::size_t index_of(const std::string& name) const {
    const auto& roles = state_.policy.roles;
    const auto found =
        std::lower_bound(roles.begin(), roles.end(), name,
                         [](const Role& left, const std::string& right) { return left.name < right; });
    return static_cast<std::size_t>(found - roles.begin());
  }

  void walk(std::size_t start) {
    path_.push_back({start, 0});
    marks_[start] = Mark::open;
    while (!path_.empty()) {
      Step& top = path_.back();
      if (top.next == role(top.role).includes.size()) {
        marks_[top.role] = Mark::done;
        path_.pop_back();
        continue;
      }
      const std::size_t next = index_of(role(top.role).includes[top.next++]);
      if (marks_[next] == Mark::open) {
        report(next);
      } else if (marks_[next] == Mark::fresh) {
        marks_[next] = Mark::open;
        path_.push_back({next, 0});
      }
    }
  }

  void report(std::size_t start) {
    if (state_.errors.full()) {
      return;  // each report walks the path, and a hostile file has millions of cycles
    }
    constexpr std::size_t shown_max = 8;
    auto step = std::find_if(path_.begin(), path_.end(), [&](const Step& at) { return at.role == start; });
    std::string chain;
    for (std::size_t shown = 0; step != path_.end() && shown < shown_max; ++step, ++shown) {
      chain += role(step->role).name + " -> ";
    }
    if (step != path_.end()) {
      chain += "... -> ";
    }
    const Place& place = role(start).place;
    state_.errors.add(state_.policy.files[place.file], place.mark,
                      "roles include each other in a cycle: " + chain + role(start).name, "L14");
  }

  LoadState& state_;
  std::vector<Mark> marks_;
  std::vector<Step> path_;
};

}  // namespace

void load_roles(const yaml::Node& node, LoadState& state) {
  const yaml::Map section(node, "roles", state.errors);
  if (!section) {
    return;
  }
  if (state.policy.roles.size() + node.size() > roles_max) {
    state.error(node, "more than " + std::to_string(roles_max) + " roles");
    return;
  }
  for (std::size_t i = 0; i < node.size(); ++i) {
    const auto [key, value] = node.entry(i);
    load_role(key, value, state);
  }
}

void load_bindings(const yaml::Node& node, LoadState& state) {
  const std::vector<yaml::Node> items = yaml::list(node, "bindings", state.errors);
  if (state.policy.bindings.size() + items.size() > bindings_max) {
    state.error(node, "more than " + std::to_string(bindings_max) + " bindings");
    return;
  }
  for (const yaml::Node& item : items) {
    load_binding(item, state);
  }
}

void check_role_cycles(LoadState& state) {
  CycleFinder(state).run();
}

}  // namespace tallygate::policy
