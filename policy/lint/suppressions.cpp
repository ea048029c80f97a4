#include "policy/lint/suppressions.hpp"

#include "policy/language/yaml_comments.hpp"
#include "policy/lint/lint.hpp"

#include <algorithm>

namespace tallygate::policy::lint {
namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

/// Reads what stands behind `lint:`.
void read(std::string_view text, Suppression& out) {
  constexpr std::string_view verb = "allow";
  text = trimmed(text);
  if (!text.starts_with(verb) || trimmed(text.substr(verb.size())).empty()) {
    out.problem = "after 'lint:' stands 'allow', ids and a reason";
    return;
  }
  text = trimmed(text.substr(verb.size()));
  constexpr std::string_view because = "because";
  const std::size_t at = text.find(because);
  std::string_view list = text.substr(0, at);
  while (!list.empty()) {
    const std::size_t end = std::min(list.find_first_of(", \t"), list.size());
    if (end != 0) {
      out.ids.emplace_back(list.substr(0, end));
    }
    list.remove_prefix(std::min(end + 1, list.size()));
  }
  if (at != std::string_view::npos) {
    out.reason = trimmed(text.substr(at + because.size()));
  }
  const auto unknown =
      std::find_if(out.ids.begin(), out.ids.end(), [](const std::string& id) { return !is_check(id); });
  if (out.reason.empty()) {
    out.problem = "a suppression says why";
  } else if (out.ids.empty()) {
    out.problem = "a suppression names the check";
  } else if (unknown != out.ids.end()) {
    out.problem = "there is no check '" + *unknown + "'";
  }
}

}  // namespace

std::vector<Suppression> suppressions(std::string_view text) {
  constexpr std::string_view word = "lint:";
  if (text.find(word) == std::string_view::npos) {
    return {};
  }
  const std::vector<yaml::Comment> all = yaml::comments(text);
  std::vector<Suppression> out;
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!all[i].text.starts_with(word)) {
      continue;
    }
    Suppression suppression;
    suppression.mark = all[i].mark;
    suppression.line = all[i].mark.line;
    if (all[i].alone) {
      std::size_t last = i;
      while (last + 1 < all.size() && all[last + 1].alone &&
             all[last + 1].mark.line == all[last].mark.line + 1) {
        ++last;
      }
      suppression.line = all[last].mark.line + 1;
    }
    read(all[i].text.substr(word.size()), suppression);
    out.push_back(std::move(suppression));
  }
  return out;
}

}  // namespace tallygate::policy::lint
