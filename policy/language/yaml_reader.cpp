#include "policy/language/yaml_reader.hpp"

#include "policy/language/yaml_scalar.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/node/node.h>
#include <yaml-cpp/parser.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <sstream>
#include <unordered_map>
#include <utility>

namespace tallygate::policy::yaml {
namespace {

/// Ends the walk: an error after which nothing that follows can be trusted.
struct Stop {
  YAML::Mark mark;
  std::string message;
};

/// Turns byte offsets into marks. Offsets come in rising order, so the whole text is looked at once.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : text_(text) {}

  Mark at(std::size_t offset) noexcept {
    if (offset < offset_) {
      offset_ = 0, mark_ = {1, 1};
    }
    for (; offset_ < offset && offset_ < text_.size(); ++offset_) {
      if (text_[offset_] == '\n') {
        mark_ = {mark_.line + 1, 1};
      } else if ((static_cast<std::uint8_t>(text_[offset_]) & 0xC0u) != 0x80u) {
        ++mark_.column;
      }
    }
    return mark_;
  }

 private:
  std::string_view text_;
  std::size_t offset_ = 0;
  Mark mark_{1, 1};
};

/// Builds records from the parser's events, and checks what the parser lets pass.
class Builder final : public YAML::EventHandler {
 public:
  Builder(std::string_view text, std::string file, Errors& errors)
      : text_(text), lines_(text), storage_(std::make_unique<Storage>()), errors_(errors) {
    storage_->file = std::move(file);
  }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (documents_++ != 0) {
      stop(mark, "a second document begins here; one file holds one document");
    }
  }
  void OnDocumentEnd() override {}

  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { add_scalar(mark, "?", anchor, {}); }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add_scalar(mark, tag, anchor, value);
  }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    if (++aliases_ > aliases_max) {
      stop(mark, "more than " + std::to_string(aliases_max) + " aliases in one file");
    }
    const auto target = anchors_.find(anchor);
    if (target == anchors_.end()) {
      stop(mark, "an alias inside the very node it names");
    }
    const Seen& seen = target->second;
    if (open_.size() + seen.depth > depth_max) {
      stop(mark, "nested deeper than " + std::to_string(depth_max) + " levels (through this alias)");
    }
    place(mark, *seen.record, seen.size);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Kind::list);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Kind::map);
  }
  void OnMapEnd() override {
    check_keys(*open_.back().record);
    end();
  }

  [[noreturn]] static void stop(const YAML::Mark& mark, std::string message) {
    throw Stop{mark, std::move(message)};
  }

  void fail(const YAML::Mark& mark, std::string message) {
    errors_.add(storage_->file, mark_of(mark), std::move(message));
  }

  [[nodiscard]] const std::string& file() const noexcept { return storage_->file; }
  [[nodiscard]] const Record* root() const noexcept { return root_; }
  [[nodiscard]] std::unique_ptr<const Storage> take() { return std::move(storage_); }

 private:
  /// A list or map that has begun.
  struct Open {
    Record* record;
    YAML::anchor_t anchor;
    std::size_t size;   ///< nodes inside so far, those behind aliases counted each time
    std::size_t depth;  ///< levels inside so far
  };
  /// A finished node that an alias may name.
  struct Seen {
    const Record* record;
    std::size_t size;
    std::size_t depth;
  };

  Mark mark_of(const YAML::Mark& mark) noexcept {
    return lines_.at(mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos));
  }

  Record& make(const YAML::Mark& mark, Kind kind) {
    Record& record = storage_->records.emplace_back();
    record.kind = kind;
    record.mark = mark_of(mark);
    return record;
  }

  /// Puts a finished node into the list or map that is open.
  void place(const YAML::Mark& mark, const Record& record, std::size_t size) {
    nodes_ += size;
    if (nodes_ > nodes_max) {
      stop(mark, "more than " + std::to_string(nodes_max) + " values in one file");
    }
    if (open_.empty()) {
      root_ = &record;
      return;
    }
    Open& parent = open_.back();
    parent.record->children.push_back(&record);
    parent.size += size;
  }

  void check_key(const Record& key) {
    if (key.kind == Kind::text && !key.scalar.empty()) {
      return;
    }
    std::string message = key.kind == Kind::text
                              ? "a key may not be empty"
                              : "a key must be text, not " + std::string(name_of(key.kind));
    if (!key.scalar.empty()) {
      message += "; quote it: \"" + key.scalar + '"';
    }
    errors_.add(storage_->file, key.mark, std::move(message));
  }

  /// Runs when a map ends: inside a bracket that was never closed the parser takes items for keys.
  void check_keys(const Record& map) {
    boost::unordered_flat_map<std::string_view, const Record*> seen;
    for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
      const Record& key = *map.children[i];
      check_key(key);
      const auto [first, added] = seen.emplace(key.scalar, &key);
      if (!added && key.kind == Kind::text) {
        errors_.add(storage_->file, key.mark,
                    "duplicate key '" + key.scalar + "'; it is already on line " +
                        std::to_string(first->second->mark.line));
      }
    }
  }

  /// Whether a tag stands at a node. The parser reports `!` for quoted scalars too, so the text decides.
  [[nodiscard]] bool tagged(const YAML::Mark& mark, const std::string& tag) const noexcept {
    if (tag.empty() || tag == "?") {
      return false;
    }
    if (tag != "!") {
      return true;
    }
    std::size_t at = mark.pos < 0 ? 0 : static_cast<std::size_t>(mark.pos);
    constexpr std::string_view blanks = " \t\r\n";
    if (at < text_.size() && text_[at] == '&') {
      at = text_.find_first_of(blanks, at);
      at = text_.find_first_not_of(blanks, at);
    }
    return at < text_.size() && text_[at] == '!';
  }

  void check_tag(const YAML::Mark& mark, const std::string& tag) {
    if (tagged(mark, tag)) {
      fail(mark, "tags (!…) are not allowed; quote a value to make it text");
    }
  }

  void add_scalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  const std::string& value) {
    check_tag(mark, tag);
    if (value.size() > scalar_bytes_max) {
      stop(mark, "a value longer than " + std::to_string(scalar_bytes_max >> 10) + " KiB");
    }
    Record& record = make(mark, Kind::text);
    record.quoted = tag == "!";
    record.scalar = value;
    if (!record.quoted) {
      record.kind = kind_of_plain(value);
    }
    // Escapes such as "\x07" bring in what the text itself may not hold.
    if (find_forbidden(value)) {
      fail(mark, "a control character (as an escape) in a value");
    }
    if (anchor != 0) {
      anchors_[anchor] = {&record, 1, 0};
    }
    place(mark, record, 1);
  }

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    check_tag(mark, tag == "!" ? "!!" : tag);
    if (open_.size() >= depth_max) {
      stop(mark, "nested deeper than " + std::to_string(depth_max) + " levels");
    }
    Record& record = make(mark, kind);
    place(mark, record, 1);
    open_.push_back({&record, anchor, 1, 1});
  }

  void end() {
    const Open done = open_.back();
    open_.pop_back();
    if (done.anchor != 0) {
      anchors_[done.anchor] = {done.record, done.size, done.depth};
    }
    if (open_.empty()) {
      return;
    }
    // place() has counted the node itself.
    open_.back().size += done.size - 1;
    if (open_.back().depth < done.depth + 1) {
      open_.back().depth = done.depth + 1;
    }
  }

  std::string_view text_;
  Lines lines_;
  std::unique_ptr<Storage> storage_;
  Errors& errors_;
  std::vector<Open> open_;
  std::unordered_map<YAML::anchor_t, Seen> anchors_;
  const Record* root_ = nullptr;
  std::size_t documents_ = 0;
  std::size_t aliases_ = 0;
  std::size_t nodes_ = 0;
};

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

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
  const auto byte = static_cast<unsigned>(static_cast<std::uint8_t>(text[*at]));
  char hex[8];
  std::snprintf(hex, sizeof hex, "0x%02X", byte);
  const bool control = byte < 0x80 || byte == 0xC2 || byte == 0xEF;
  errors.add(file, Lines(text).at(*at),
             std::string(control ? "a control character (byte " : "not UTF-8 (byte ") + hex +
                 "); a file holds printable UTF-8 text");
  return false;
}

/// Runs the parser over the text; yaml-cpp's own errors become ours.
void run(std::string_view text, Builder& builder) {
  std::istringstream stream{std::string(text)};
  try {
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Stop& stop) {
    builder.fail(stop.mark, stop.message);
  } catch (const YAML::Exception& error) {
    const auto at = static_cast<std::size_t>(error.mark.pos);
    const bool star = error.mark.pos >= 0 && at < text.size() && text[at] == '*';
    builder.fail(error.mark,
                 "not valid YAML: " + error.msg + (star ? "; quote text that begins with '*'" : ""));
  }
}

}  // namespace

Result<Document> parse(std::string_view text, std::string file) {
  Errors errors;
  if (!check_bytes(text, file, errors)) {
    return errors.take();
  }
  if (text.starts_with(byte_order_mark)) {
    text.remove_prefix(byte_order_mark.size());
  }
  Builder builder(text, std::move(file), errors);
  run(text, builder);
  if (errors.empty() && builder.root() == nullptr) {
    errors.add(builder.file(), {}, "the file is empty");
  }
  if (!errors.empty()) {
    return errors.take();
  }
  const Record& root = *builder.root();
  return Document(builder.take(), root);
}

}  // namespace tallygate::policy::yaml
