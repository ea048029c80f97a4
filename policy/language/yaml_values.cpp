#include "policy/language/nearest.hpp"
#include "policy/language/yaml_map.hpp"
#include "policy/language/yaml_scalar.hpp"

#include <algorithm>
#include <charconv>
#include <utility>

namespace tallygate::policy::yaml {
namespace {

constexpr std::int64_t duration_seconds_max = std::int64_t{100} * 365 * 86400;

std::string quote(std::string_view text) {
  return '\'' + std::string(text) + '\'';
}

/// The whole of `text` as a number without sign; false if it is anything else or too large.
bool read_number(std::string_view text, std::uint64_t& out) noexcept {
  if (text.empty() || text.front() < '0' || text.front() > '9') {
    return false;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  return error == std::errc{} && end == text.data() + text.size();
}

std::string join(std::initializer_list<std::string_view> choices) {
  std::string text;
  for (const std::string_view choice : choices) {
    if (!text.empty()) {
      text += ", ";
    }
    text += choice;
  }
  return text;
}

}  // namespace

std::string subject(std::string_view what) {
  return what.find_first_of("' ") == std::string_view::npos ? quote(what) : std::string(what);
}

std::string wrong_kind(std::string_view what, std::string_view wanted, const Node& node) {
  std::string message = subject(what) + " must be " + std::string(wanted) + ", not ";
  if (node.kind() == Kind::text) {
    return message + quote(node.scalar());
  }
  message += name_of(node.kind());
  if (!node.scalar().empty()) {
    message += " (" + node.scalar() + ')';
  }
  return message;
}

void add(Errors& errors, const Node& at, std::string message, std::string_view id) {
  errors.add(at.file(), at.mark(), std::move(message), id);
}

std::optional<std::string> text(const Node& node, std::string_view what, Errors& errors, bool allow_empty) {
  if (node.kind() == Kind::text) {
    if (!node.scalar().empty() || allow_empty) {
      return node.scalar();
    }
    add(errors, node, subject(what) + " may not be empty");
    return std::nullopt;
  }
  std::string message = wrong_kind(what, "text", node);
  if (!node.scalar().empty()) {
    message += "; quote it: \"" + node.scalar() + '"';
  }
  add(errors, node, std::move(message));
  return std::nullopt;
}

std::optional<bool> boolean(const Node& node, std::string_view what, Errors& errors) {
  if (node.kind() == Kind::boolean) {
    return node.scalar() == "true";
  }
  std::string message = wrong_kind(what, "true or false", node);
  if (node.quoted()) {
    message += "; remove the quotes";
  }
  add(errors, node, std::move(message));
  return std::nullopt;
}

std::optional<std::int64_t> integer(const Node& node, std::string_view what, std::int64_t min,
                                    std::int64_t max, Errors& errors) {
  if (node.kind() != Kind::integer) {
    std::string message = wrong_kind(what, "an integer", node);
    if (node.quoted() && kind_of_plain(node.scalar()) == Kind::integer) {
      message += "; remove the quotes";
    }
    add(errors, node, std::move(message));
    return std::nullopt;
  }
  std::int64_t value = 0;
  const std::string& digits = node.scalar();
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error == std::errc{} && value >= min && value <= max) {
    return value;
  }
  std::string range = min == max ? std::to_string(min)
                      : max == std::numeric_limits<std::int64_t>::max()
                          ? "at least " + std::to_string(min)
                          : "from " + std::to_string(min) + " to " + std::to_string(max);
  add(errors, node, subject(what) + " must be " + range + ", not " + digits);
  return std::nullopt;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept {
  if (text.size() < 2) {
    return std::nullopt;
  }
  std::int64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 3600;
      break;
    case 'd':
      unit = 86400;
      break;
    default:
      return std::nullopt;
  }
  std::uint64_t count = 0;
  if (!read_number(text.substr(0, text.size() - 1), count)) {
    return std::nullopt;
  }
  if (count > static_cast<std::uint64_t>(duration_seconds_max / unit)) {
    return std::nullopt;
  }
  return std::chrono::seconds(static_cast<std::int64_t>(count) * unit);
}

namespace {

/// Digits and a unit that are no duration only because they are too many.
bool is_long_duration(const Node& node) {
  const std::string& text = node.scalar();
  return node.kind() == Kind::text && text.size() > 1 &&
         text.find_first_not_of("0123456789") == text.size() - 1 &&
         std::string_view("smhd").find(text.back()) != std::string_view::npos;
}

}  // namespace

std::optional<std::chrono::seconds> duration(const Node& node, std::string_view what, Errors& errors) {
  if (node.kind() == Kind::text) {
    if (const auto value = parse_duration(node.scalar())) {
      return value;
    }
  }
  std::string message = wrong_kind(what, "a duration such as 30s, 15m, 12h or 7d", node);
  if (node.kind() == Kind::integer) {
    message += "; add a unit";
  } else if (is_long_duration(node)) {
    message += "; at most 36500d";
  }
  add(errors, node, std::move(message));
  return std::nullopt;
}

std::optional<std::uint64_t> byte_count(const Node& node, std::string_view what, Errors& errors) {
  struct Unit {
    std::string_view suffix;
    int shift;
  };
  constexpr Unit units[] = {{"KiB", 10}, {"MiB", 20}, {"GiB", 30}};
  std::uint64_t value = 0;
  if (node.kind() == Kind::integer && read_number(node.scalar(), value)) {
    return value;
  }
  if (node.kind() == Kind::text) {
    for (const Unit& unit : units) {
      std::string_view digits = node.scalar();
      if (!digits.ends_with(unit.suffix)) {
        continue;
      }
      digits.remove_suffix(unit.suffix.size());
      while (digits.ends_with(' ')) {
        digits.remove_suffix(1);
      }
      if (read_number(digits, value) && value <= (std::numeric_limits<std::uint64_t>::max() >> unit.shift)) {
        return value << unit.shift;
      }
    }
  }
  add(errors, node, wrong_kind(what, "bytes, such as 65536, 64KiB, 8MiB or 1GiB", node));
  return std::nullopt;
}

std::optional<std::string> choice(const Node& node, std::string_view what,
                                  std::initializer_list<std::string_view> choices, Errors& errors) {
  if (node.kind() == Kind::text &&
      std::find(choices.begin(), choices.end(), node.scalar()) != choices.end()) {
    return node.scalar();
  }
  std::string message = wrong_kind(what, "one of " + join(choices), node);
  if (node.kind() == Kind::text) {
    message += did_you_mean(node.scalar(), std::vector<std::string>(choices.begin(), choices.end()));
  }
  add(errors, node, std::move(message));
  return std::nullopt;
}

std::vector<Node> list(const Node& node, std::string_view what, Errors& errors, bool allow_empty) {
  std::vector<Node> items;
  if (node.kind() != Kind::list) {
    std::string message = wrong_kind(what, "a list", node);
    if (!node.scalar().empty()) {
      message += "; write [" + node.scalar() + ']';
    }
    add(errors, node, std::move(message));
    return items;
  }
  if (node.size() == 0 && !allow_empty) {
    add(errors, node, subject(what) + " may not be an empty list");
  }
  items.reserve(node.size());
  for (std::size_t i = 0; i < node.size(); ++i) {
    items.push_back(node.item(i));
  }
  return items;
}

std::vector<std::string> text_list(const Node& node, std::string_view what, Errors& errors,
                                   bool allow_empty) {
  std::vector<std::string> texts;
  for (const Node& item : list(node, what, errors, allow_empty)) {
    if (auto value = text(item, what, errors)) {
      texts.push_back(std::move(*value));
    }
  }
  return texts;
}

std::vector<std::string> text_or_list(const Node& node, std::string_view what, Errors& errors) {
  if (node.kind() == Kind::list) {
    return text_list(node, what, errors);
  }
  std::vector<std::string> texts;
  if (auto value = text(node, what, errors)) {
    texts.push_back(std::move(*value));
  }
  return texts;
}

}  // namespace tallygate::policy::yaml
