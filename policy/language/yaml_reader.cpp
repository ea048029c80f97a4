#include "policy/language/yaml_reader.hpp"

#include "policy/language/yaml_builder.hpp"
#include "policy/language/yaml_scalar.hpp"

#include <yaml.h>

#include <cstdint>
#include <cstdio>
#include <new>
#include <utility>

namespace tallygate::policy::yaml {
namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

/// The place of a byte of the text.
Mark place_of(std::string_view text, std::size_t offset) noexcept {
  Mark mark{1, 1};
  for (const char c : text.substr(0, offset)) {
    if (c == '\n') {
      mark = {mark.line + 1, 1};
    } else if ((static_cast<std::uint8_t>(c) & 0xC0u) != 0x80u) {
      ++mark.column;
    }
  }
  return mark;
}

std::string hexadecimal(char byte) {
  char text[8];
  std::snprintf(text, sizeof text, "0x%02X", static_cast<unsigned>(static_cast<std::uint8_t>(byte)));
  return text;
}

/// What is wrong with the bytes, before any YAML.
bool check_bytes(std::string_view text, const std::string& file, Errors& errors) {
  if (text.size() > text_bytes_max) {
    errors.add(file, {}, "the file is longer than " + std::to_string(text_bytes_max >> 20) + " MiB");
    return false;
  }
  if (text.starts_with("\xFE\xFF") || text.starts_with("\xFF\xFE")) {
    errors.add(file, {1, 1}, "the file is UTF-16; save it as UTF-8");
    return false;
  }
  const auto at = find_forbidden(text);
  if (!at) {
    return true;
  }
  const std::string_view rest = text.substr(*at);
  const bool control = static_cast<std::uint8_t>(rest.front()) < 0x80 || rest.starts_with("\xC2") ||
                       rest.starts_with("\xE2\x80") || rest.starts_with("\xEF\xBB") ||
                       rest.starts_with("\xEF\xBF");
  errors.add(file, place_of(text, *at),
             std::string(control ? "a control character (byte " : "not UTF-8 (byte ") +
                 hexadecimal(rest.front()) + "); a file holds printable UTF-8 text");
  return false;
}

/// Directives change how the rest of a file reads, and none of them is needed: a file is YAML 1.2.
bool check_directives(std::string_view text, const std::string& file, Errors& errors) {
  const std::size_t at = text.starts_with('%') ? 0 : text.find("\n%") + 1;
  if (at == 0 && !text.starts_with('%')) {
    return true;
  }
  errors.add(file, place_of(text, at), "directives (%…) are not allowed; a file is YAML 1.2 as it stands");
  return false;
}

/// libyaml's parser over a text that outlives it.
class Parser {
 public:
  explicit Parser(std::string_view text) {
    if (yaml_parser_initialize(&parser_) == 0) {
      throw std::bad_alloc();
    }
    yaml_parser_set_input_string(&parser_, reinterpret_cast<const unsigned char*>(text.data()), text.size());
    yaml_parser_set_encoding(&parser_, YAML_UTF8_ENCODING);
  }
  ~Parser() { yaml_parser_delete(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  /// The next event; false where the text is not YAML.
  [[nodiscard]] bool next(yaml_event_t& event) {
    if (yaml_parser_parse(&parser_, &event) != 0) {
      return true;
    }
    if (parser_.error == YAML_MEMORY_ERROR) {
      throw std::bad_alloc();
    }
    return false;
  }

  /// What it was that next() could not read, and where.
  [[nodiscard]] SyntaxError problem() const;

 private:
  yaml_parser_t parser_{};
};

/// Lines and columns count from 1 here, from 0 there.
Mark mark_of(const yaml_mark_t& mark) noexcept {
  return {mark.line + 1, mark.column + 1};
}

SyntaxError Parser::problem() const {
  SyntaxError error;
  error.mark = mark_of(parser_.problem_mark);
  error.message = "not valid YAML: " + std::string(parser_.problem == nullptr ? "?" : parser_.problem);
  const std::string_view context = parser_.context == nullptr ? "" : parser_.context;
  if (context == "while scanning an alias") {
    error.message += "; quote text that begins with '*'";
  } else if (!context.empty() && parser_.context_mark.line != parser_.problem_mark.line) {
    error.message +=
        ' ' + std::string(context) + " that begins on line " + std::to_string(parser_.context_mark.line + 1);
  }
  return error;
}

class Event {
 public:
  Event() = default;
  ~Event() { yaml_event_delete(&event_); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  [[nodiscard]] yaml_event_t& get() noexcept { return event_; }

 private:
  yaml_event_t event_{};
};

std::string_view view(const yaml_char_t* text) noexcept {
  return text == nullptr ? std::string_view() : reinterpret_cast<const char*>(text);
}

/// Passes one event on; false after the last.
bool pass_on(const yaml_event_t& event, Builder& builder) {
  const Mark mark = mark_of(event.start_mark);
  switch (event.type) {
    case YAML_DOCUMENT_START_EVENT:
      builder.begin_document(mark);
      break;
    case YAML_ALIAS_EVENT:
      builder.alias(mark, view(event.data.alias.anchor));
      break;
    case YAML_SCALAR_EVENT: {
      const auto& scalar = event.data.scalar;
      builder.scalar(mark, {view(scalar.anchor), scalar.tag != nullptr},
                     {reinterpret_cast<const char*>(scalar.value), scalar.length},
                     scalar.style == YAML_PLAIN_SCALAR_STYLE);
      break;
    }
    case YAML_SEQUENCE_START_EVENT:
      builder.begin_list(mark,
                         {view(event.data.sequence_start.anchor), event.data.sequence_start.tag != nullptr});
      break;
    case YAML_SEQUENCE_END_EVENT:
      builder.end_list();
      break;
    case YAML_MAPPING_START_EVENT:
      builder.begin_map(mark,
                        {view(event.data.mapping_start.anchor), event.data.mapping_start.tag != nullptr});
      break;
    case YAML_MAPPING_END_EVENT:
      builder.end_map();
      break;
    case YAML_STREAM_END_EVENT:
      return false;
    default:
      break;
  }
  return true;
}

/// The rest of the text from a place on; empty if there is no such place.
std::string_view rest_from(std::string_view text, Mark mark) noexcept {
  std::size_t at = 0;
  for (std::size_t line = 1; line < mark.line; ++line) {
    const std::size_t end = text.find('\n', at);
    if (end == std::string_view::npos) {
      return {};
    }
    at = end + 1;
  }
  for (std::size_t column = 1; column < mark.column && at < text.size(); ++column) {
    do {
      ++at;
    } while (at < text.size() && (static_cast<std::uint8_t>(text[at]) & 0xC0u) == 0x80u);
  }
  return text.substr(at);
}

/// What an author may have meant who wrote what the parser stumbled on.
std::string hint(std::string_view text, Mark mark) {
  const std::string_view rest = rest_from(text, mark);
  if (rest.starts_with('\t')) {
    return "; indent with spaces, not with tabs";
  }
  if (rest.starts_with('@') || rest.starts_with('`') || rest.starts_with('%')) {
    return "; quote text that begins with '" + std::string(rest.substr(0, 1)) + '\'';
  }
  const std::string_view line = rest.substr(0, rest.find('\n'));
  return line.starts_with("::") ? "; quote an address that begins with '::'" : "";
}

void run(std::string_view text, Builder& builder) {
  Parser parser(text);
  try {
    for (bool more = true; more;) {
      Event event;
      if (!parser.next(event.get())) {
        const SyntaxError problem = parser.problem();
        builder.fail(problem.mark, problem.message + hint(text, problem.mark));
        return;
      }
      more = pass_on(event.get(), builder);
    }
  } catch (const Stop& stop) {
    builder.fail(stop.mark, stop.message);
  }
}

}  // namespace

Result<Document> parse(std::string_view text, std::string file) {
  Errors errors;
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  if (!check_bytes(text, file, errors) || !check_directives(text, file, errors)) {
    return errors.take();
  }
  Builder builder(std::move(file), errors);
  run(text, builder);
  if (errors.empty() && builder.root() == nullptr) {
    errors.add(builder.file(), {1, 1}, "the file is empty");
  }
  if (!errors.empty()) {
    return errors.take();
  }
  const Record& root = *builder.root();
  return Document(builder.take(), root);
}

}  // namespace tallygate::policy::yaml
