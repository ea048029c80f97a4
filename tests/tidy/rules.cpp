#include "tests/tidy/rules.hpp"

#include "tests/tidy/scan.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <span>

namespace tallygate::tidy {
namespace {

constexpr std::size_t lines_max = 600;

/// Files that begin with `from` may include files that begin with one of `to`. The first row that fits
/// counts.
struct Arrow {
  std::string_view from;
  std::vector<std::string_view> to;
};

const std::vector<Arrow>& arrows() {
  static const std::vector<Arrow> table{
      {"policy/", {"policy/"}},
      {"audit/", {"audit/"}},
      {"plugin/audit_plugin", {"plugin/", "audit/"}},
      {"plugin/journal_config", {"plugin/", "audit/"}},
      {"plugin/", {"plugin/"}},
      {"gateway/settings", {"gateway/settings", "policy/"}},
      {"gateway/net/", {"gateway/net/", "policy/request/"}},
      {"gateway/http/", {"gateway/http/", "gateway/net/", "policy/"}},
      {"gateway/http2/", {"gateway/http2/", "gateway/http/", "gateway/net/", "policy/"}},
      {"gateway/identity/",
       {"gateway/identity/", "gateway/http/", "gateway/net/", "gateway/settings", "policy/"}},
      {"gateway/upstream/",
       {"gateway/upstream/", "gateway/http2/", "gateway/http/", "gateway/net/", "gateway/settings",
        "policy/"}},
      {"gateway/access/",
       {"gateway/access/", "gateway/identity/", "gateway/upstream/", "gateway/http/", "gateway/net/",
        "gateway/settings", "gateway/log", "plugin/", "policy/"}},
      {"gateway/review/",
       {"gateway/review/", "gateway/access/", "gateway/identity/", "gateway/upstream/", "gateway/http/",
        "gateway/net/", "gateway/settings", "gateway/log", "plugin/", "policy/", "audit/"}},
      {"gateway/cli/", {"gateway/", "plugin/", "policy/", "audit/"}},
      {"gateway/",
       {"gateway/review/", "gateway/access/", "gateway/identity/", "gateway/upstream/", "gateway/http/",
        "gateway/net/", "gateway/settings", "gateway/log", "gateway/server", "gateway/", "plugin/",
        "policy/"}}};
  return table;
}

bool begins_with_any(std::string_view text, std::span<const std::string_view> beginnings) {
  return std::any_of(beginnings.begin(), beginnings.end(),
                     [&](auto begin) { return text.starts_with(begin); });
}

bool is_production(std::string_view path) {
  static constexpr std::array<std::string_view, 4> rooms{"policy/", "audit/", "plugin/", "gateway/"};
  return begins_with_any(path, rooms);
}

bool is_cpp(std::string_view path) {
  return path.ends_with(".cpp") || path.ends_with(".hpp");
}

/// What may not stand in code, where it may nevertheless, and what to do instead. A word that ends in `(` is
/// a call: blanks may stand before the parenthesis.
struct Ban {
  std::vector<std::string_view> words;
  std::vector<std::string_view> except;  ///< beginnings of paths
  std::string_view only;                 ///< beginning of the paths it holds for; empty: all rooms
  std::string_view instead;
};

const std::vector<Ban>& bans() {
  static const std::vector<Ban> table{
      {{"strcpy(", "strcat(", "sprintf(", "vsprintf(", "gets(", "strtok(", "alloca("},
       {},
       "",
       "use std::string, fmt"},
      {{"rand(", "srand("}, {}, "", "randomness comes from RAND_bytes"},
      {{"system(", "popen("}, {}, "", "no shell is ever started"},
      {{"detach("}, {}, "", "every thread is joined by who made it"},
      {{"sleep_for(", "sleep_until(", "usleep(", "nanosleep("},
       {"gateway/cli/audit_read.cpp"},  // `tail -f` paces itself by design
       "",
       "wait for what you wait for, with a deadline"},
      {{"std::cout", "std::cerr", "std::clog"},
       {"gateway/cli/"},
       "",
       "only the edge speaks: return the error, or log it"},
      {{"std::regex"}, {}, "", "its running time has no bound"},
      {{"getenv("},
       {"gateway/cli/", "gateway/settings.cpp", "audit/journal/kek.cpp", "audit/journal/pkcs11_pin.cpp"},
       "",
       "configuration arrives as values"},
      {{"steady_clock::now(", "system_clock::now("}, {}, "policy/", "the policy is told the time"},
      {{"std::thread", "std::jthread", "std::mutex", "std::atomic", "std::async"},
       {},
       "policy/",
       "the policy is pure: values in, values out"},
      {{"spdlog::", "asio::"}, {}, "policy/", "the policy is pure: values in, values out"},
      {{"asio::"}, {}, "audit/", "the journal knows no event loop"},
  };
  return table;
}

bool is_word_char(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}

/// The next place at or after `from` where `word` stands by itself.
std::size_t find_word(std::string_view code, std::string_view word, std::size_t from) {
  const bool call = word.ends_with('(');
  const std::string_view name = call ? word.substr(0, word.size() - 1) : word;
  for (std::size_t at = code.find(name, from); at != std::string_view::npos; at = code.find(name, at + 1)) {
    const std::size_t end = at + name.size();
    const std::size_t next = std::min(code.find_first_not_of(" \n", end), code.size() - 1);
    const bool ends = call ? code[next] == '('
                           : (!is_word_char(name.back()) || end == code.size() || !is_word_char(code[end]));
    if (ends && (at == 0 || !is_word_char(code[at - 1]))) {
      return at;
    }
  }
  return std::string_view::npos;
}

/// `new` is for handing straight to a smart pointer where a constructor is private, and nowhere else.
bool is_owned_at_once(std::string_view code, std::size_t at) {
  const std::size_t start = code.find_last_of(";{}", at == 0 ? 0 : at - 1);
  const std::string_view statement = code.substr(start == std::string_view::npos ? 0 : start, at - start);
  const std::size_t next = code.find_first_not_of(' ', at + 3);
  const bool header = at > 0 && code[at - 1] == '<';  // #include <new>
  const bool member = statement.ends_with("_(");      // owner_(new …) of a constructor
  const bool placement = next != std::string_view::npos && code[next] == '(';
  return header || member || placement || statement.find("_ptr<") != std::string_view::npos ||
         statement.find(".reset(") != std::string_view::npos;
}

std::size_t matching_bracket(std::string_view code, std::size_t close) {
  std::size_t depth = 0;
  for (std::size_t i = close + 1; i-- > 0;) {
    depth += code[i] == ']' ? 1U : 0U;
    if (code[i] == '[' && --depth == 0) {
      return i;
    }
  }
  return std::string_view::npos;
}

/// If the `{` at `brace` opens a lambda's body, what that lambda captures.
std::optional<std::string_view> captures_of_lambda(std::string_view code, std::size_t brace,
                                                   std::size_t from) {
  const std::string_view before = code.substr(from, brace - from);
  // The introducer is the last `]` before the body that is followed by parameters, a specifier, or the body
  // itself.
  const std::size_t close = before.rfind(']');
  if (close == std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view between = before.substr(close + 1);
  const std::size_t text = between.find_first_not_of(" \n");
  const bool parameters =
      text != std::string_view::npos && (between[text] == '(' || between.substr(text).starts_with("mutable"));
  if (text != std::string_view::npos && !parameters) {
    return std::nullopt;
  }
  const std::size_t open = matching_bracket(before, close);
  return open == std::string_view::npos ? std::nullopt
                                        : std::optional(before.substr(open + 1, close - open - 1));
}

bool captures_by_value(std::string_view captures) {
  while (!captures.empty()) {
    const std::size_t end = std::min(captures.find(','), captures.size());
    std::string_view one = captures.substr(0, end);
    one = one.substr(std::min(one.find_first_not_of(" \n"), one.size()));
    if (!one.empty() && one.front() != '&' && !one.starts_with("this")) {
      return true;
    }
    captures.remove_prefix(std::min(end + 1, captures.size()));
  }
  return false;
}

std::size_t past_block(std::string_view code, std::size_t brace) {
  std::size_t depth = 0;
  for (std::size_t i = brace; i < code.size(); ++i) {
    depth += code[i] == '{' ? 1U : 0U;
    if (code[i] == '}' && --depth == 0) {
      return i + 1;
    }
  }
  return code.size();
}

/// What is wrong in the expression that begins with the co_await at `start`; empty if nothing.
std::string_view wrong_in_expression(std::string_view code, std::size_t start) {
  int depth = 0;
  for (std::size_t i = start; i < code.size();) {
    const char c = code[i];
    if (c == ';' || ((c == ')' || c == '}') && depth == 0)) {
      return {};
    }
    depth += c == '(' ? 1 : c == ')' ? -1 : 0;
    if (c == '{') {
      const auto captures = captures_of_lambda(code, i, start);
      if (!captures) {
        return "a braced temporary inside an expression with co_await: name it first, then move it in";
      }
      if (captures_by_value(*captures)) {
        return "a lambda with captures by value inside an expression with co_await: name it first, then move "
               "it in";
      }
      i = past_block(code, i);
      continue;
    }
    ++i;
  }
  return {};
}

void check_lines(const Source& source, std::vector<Finding>& findings) {
  // Pieced together, so that this file does not find itself.
  static const std::array<std::string, 3> notes{std::string("TO") + "DO", std::string("FIX") + "ME",
                                                std::string("XX") + "X"};
  std::size_t number = 1;
  for (std::size_t start = 0; start < source.text.size(); ++number) {
    const std::size_t end = std::min(source.text.find('\n', start), source.text.size());
    const std::string_view line = std::string_view(source.text).substr(start, end - start);
    if (line.ends_with(' ') || line.find('\t') != std::string_view::npos || line.ends_with('\r')) {
      findings.push_back(
          {source.path, number, "a tab, a carriage return, or a space at the end of the line"});
    }
    for (const auto& note : notes) {
      if (line.find(note) != std::string_view::npos && line.find("XXXX") == std::string_view::npos) {
        findings.push_back({source.path, number, note + ": do it, or write it into the issue list"});
      }
    }
    start = end + 1;
  }
  if (number > lines_max && is_production(source.path)) {
    findings.push_back(
        {source.path, number, "over " + std::to_string(lines_max) + " lines: one idea a file"});
  }
}

}  // namespace

std::vector<Finding> arrows_that_point_up(const Source& source) {
  std::vector<Finding> findings;
  const auto row = std::find_if(arrows().begin(), arrows().end(),
                                [&](const Arrow& arrow) { return source.path.starts_with(arrow.from); });
  if (row == arrows().end() || source.path.starts_with("plugin/example/")) {
    return findings;
  }
  static constexpr std::array<std::string_view, 5> ours{"policy/", "audit/", "plugin/", "gateway/", "tests/"};
  const bool from_top = source.path.find('/', std::string_view("gateway/").size()) == std::string::npos;
  for (const auto& include : includes_of(source.text)) {
    const bool known = begins_with_any(include.path, ours);
    const bool into_cli = include.path.starts_with("gateway/cli/") && row->from == "gateway/" && from_top;
    if (known && (into_cli || !begins_with_any(include.path, row->to))) {
      findings.push_back({source.path, include.line, "includes " + include.path + ", which it may not know"});
    }
    // The ABI is included as a plugin's author would.
    if (!known && !include.system && !include.path.starts_with("tallygate/")) {
      findings.push_back(
          {source.path, include.line, "includes \"" + include.path + "\": write the path from the root"});
    }
  }
  return findings;
}

std::vector<Finding> unsafe_awaits(const Source& source) {
  std::vector<Finding> findings;
  const std::string code = code_only(source.text);
  constexpr std::string_view keyword = "co_await";
  for (std::size_t at = code.find(keyword); at != std::string::npos;
       at = code.find(keyword, at + keyword.size())) {
    const std::string_view wrong = wrong_in_expression(code, at + keyword.size());
    if (!wrong.empty()) {
      findings.push_back({source.path, line_of(code, at), std::string(wrong)});
    }
  }
  return findings;
}

std::vector<Finding> forbidden_calls(const Source& source) {
  std::vector<Finding> findings;
  if (!is_production(source.path) || !is_cpp(source.path)) {
    return findings;
  }
  const std::string code = code_only(source.text);
  for (const auto& ban : bans()) {
    if (!source.path.starts_with(ban.only) || begins_with_any(source.path, ban.except)) {
      continue;
    }
    for (const auto word : ban.words) {
      for (std::size_t at = find_word(code, word, 0); at != std::string::npos;
           at = find_word(code, word, at + 1)) {
        findings.push_back(
            {source.path, line_of(code, at), std::string(word) + ": " + std::string(ban.instead)});
      }
    }
  }
  for (std::size_t at = find_word(code, "new", 0); at != std::string::npos;
       at = find_word(code, "new", at + 1)) {
    // What crosses the C ABI is a void pointer whose owner is the host.
    if (!is_owned_at_once(code, at) && !source.path.starts_with("plugin/include/")) {
      findings.push_back({source.path, line_of(code, at), "new: use std::make_unique"});
    }
  }
  return findings;
}

std::vector<Finding> untidy_text(const Source& source) {
  std::vector<Finding> findings;
  check_lines(source, findings);
  if (source.path.ends_with(".hpp") && source.text.find("#pragma once") == std::string::npos) {
    findings.push_back({source.path, 1, "no #pragma once"});
  }
  if (!source.text.empty() && !source.text.ends_with('\n')) {
    findings.push_back({source.path, line_of(source.text, source.text.size()), "no newline at the end"});
  }
  return findings;
}

}  // namespace tallygate::tidy
