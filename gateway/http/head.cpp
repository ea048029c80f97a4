#include "gateway/http/head.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tallygate::http {
namespace {

auto named(std::string_view name) {
  return [name](const Field& field) {
    return field.name.size() == name.size() && boost::beast::iequals(field.name, name);
  };
}

auto known(boost::beast::http::field id) {
  return [id](const Field& field) { return field.id == id; };
}

template <class Match>
std::optional<std::string_view> first(const std::vector<Field>& fields, Match match) noexcept {
  const auto at = std::find_if(fields.begin(), fields.end(), match);
  if (at == fields.end()) {
    return std::nullopt;
  }
  return at->value;
}

}  // namespace

std::optional<std::string_view> Fields::find(std::string_view name) const noexcept {
  return first(fields_, named(name));
}

std::optional<std::string_view> Fields::find(boost::beast::http::field id) const noexcept {
  return first(fields_, known(id));
}

std::size_t Fields::count(std::string_view name) const noexcept {
  return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), named(name)));
}

std::size_t Fields::count(boost::beast::http::field id) const noexcept {
  return static_cast<std::size_t>(std::count_if(fields_.begin(), fields_.end(), known(id)));
}

}  // namespace tallygate::http
