#include "policy/language/yaml_node.hpp"

namespace tallygate::policy::yaml {

std::string_view name_of(Kind kind) noexcept {
  switch (kind) {
    case Kind::null:
      return "nothing (null)";
    case Kind::boolean:
      return "true or false";
    case Kind::integer:
      return "an integer";
    case Kind::number:
      return "a number";
    case Kind::text:
      return "text";
    case Kind::list:
      return "a list";
    case Kind::map:
      return "a map";
  }
  return "?";
}

Kind Node::kind() const noexcept {
  return record_->kind;
}
Mark Node::mark() const noexcept {
  return record_->mark;
}
const std::string& Node::file() const noexcept {
  return storage_->file;
}
const std::string& Node::scalar() const noexcept {
  return record_->scalar;
}
bool Node::quoted() const noexcept {
  return record_->quoted;
}

std::size_t Node::size() const noexcept {
  return kind() == Kind::map ? record_->children.size() / 2 : record_->children.size();
}

Node Node::item(std::size_t index) const noexcept {
  return {*storage_, *record_->children[index]};
}

std::pair<Node, Node> Node::entry(std::size_t index) const noexcept {
  return {item(2 * index), item(2 * index + 1)};
}

}  // namespace tallygate::policy::yaml
