#include "policy/replay/accept.hpp"

#include "policy/language/yaml_map.hpp"

#include <algorithm>
#include <utility>

namespace tallygate::policy {
namespace {

std::optional<Expectation> read_answer(yaml::Map& map, std::string_view key, const Policy* policy,
                                       yaml::Errors& errors) {
  const std::optional<std::string> text = map.text(key);
  if (!text) {
    return std::nullopt;
  }
  const yaml::Node node = map.find(key).value_or(map.node());
  auto cell = read_cell(*text);
  if (cell.has_error()) {
    yaml::add(errors, node, cell.error().message);
    return std::nullopt;
  }
  if (policy != nullptr) {
    if (auto problem = find_name_problem(*cell, *policy)) {
      yaml::add(errors, node, *std::move(problem));
    }
  }
  return *std::move(cell);
}

/// Whether an entry speaks of some of what opens. A bare deny, a deny by default, a bare allow and `everyone`
/// are what nearly all of it has.
bool is_narrow(const Accept& accept) {
  const bool from = accept.from && (accept.from->outcome != CellOutcome::deny ||
                                    (!accept.from->by.empty() && accept.from->by != "default"));
  const bool to = accept.to && (accept.to->outcome != CellOutcome::allow || !accept.to->by.empty());
  const bool role = !accept.role.empty() && accept.role != "everyone";
  return from || to || role || !accept.resource.empty();
}

Accept read_accept(const yaml::Node& node, const Policy& policy, yaml::Errors& errors) {
  Accept accept;
  accept.mark = node.mark();
  yaml::Map map(node, "an accepted change", errors);
  if (!map) {
    return accept;
  }
  // The names of `from` are of policies that are gone.
  accept.from = read_answer(map, "from", nullptr, errors);
  accept.to = read_answer(map, "to", &policy, errors);
  accept.resource = map.text_or("resource", "");
  accept.role = map.text_or("role", "");
  const std::optional<yaml::Node> reason = map.find("reason");
  accept.reason = map.text_or("reason", "");
  if (!reason) {
    yaml::add(errors, node, "an accepted change has no 'reason'; say why it is wanted");
  }
  map.finish();
  const bool readable = (accept.from || !map.find("from")) && (accept.to || !map.find("to"));
  if (readable && !is_narrow(accept)) {
    yaml::add(errors, node,
              "this would accept every change; name a 'resource', a 'role' other than everyone, or a rule in "
              "'from' or 'to'");
  }
  return accept;
}

}  // namespace

yaml::Result<AcceptFile> read_accepts(const yaml::SourceFile& source, const Policy& policy) {
  const auto document = yaml::parse(source.text, source.name);
  if (document.has_error()) {
    return document.error();
  }
  yaml::Errors errors;
  AcceptFile file;
  file.file = source.name;
  yaml::Map map(document->root(), "the accept file", errors);
  if (map) {
    (void)map.integer("version", 1, 1);
    const std::vector<yaml::Node> items = map.list("accept");
    if (!map.find("accept")) {
      yaml::add(errors, map.node(), "the accept file has no 'accept', the list of accepted changes");
    }
    if (items.size() > accepts_max) {
      yaml::add(errors, map.node(), "an accept file has at most " + std::to_string(accepts_max) + " entries");
    } else {
      for (const yaml::Node& item : items) {
        file.accepts.push_back(read_accept(item, policy, errors));
      }
    }
    map.finish();
  }
  if (!errors.empty()) {
    return errors.take();
  }
  return file;
}

bool accepts(const Accept& accept, const Group& group) {
  const bool role = accept.role.empty() ||
                    std::find(group.roles.begin(), group.roles.end(), accept.role) != group.roles.end();
  return role && (accept.resource.empty() || accept.resource == group.resource) &&
         (!accept.from || meets(group.from, *accept.from)) && (!accept.to || meets(group.to, *accept.to));
}

}  // namespace tallygate::policy
