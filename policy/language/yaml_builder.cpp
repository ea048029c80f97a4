#include "policy/language/yaml_builder.hpp"

#include "policy/language/yaml_reader.hpp"
#include "policy/language/yaml_scalar.hpp"

#include <utility>

namespace tallygate::policy::yaml {
namespace {

[[noreturn]] void stop(Mark mark, std::string message) {
  throw Stop{mark, std::move(message)};
}

}  // namespace

Builder::Builder(std::string file, Errors& errors) : storage_(std::make_unique<Storage>()), errors_(errors) {
  storage_->file = std::move(file);
}

void Builder::begin_document(Mark mark) {
  if (documents_++ != 0) {
    stop(mark, "a second document begins here; one file holds one document");
  }
}

void Builder::alias(Mark mark, std::string_view anchor) {
  if (++aliases_ > aliases_max) {
    stop(mark, "more than " + std::to_string(aliases_max) + " aliases in one file");
  }
  const auto target = anchors_.find(std::string(anchor));
  if (target == anchors_.end()) {
    stop(mark, "no anchor '&" + std::string(anchor) +
                   "' stands before this alias; quote text that begins with '*'");
  }
  const Seen& seen = target->second;
  if (seen.record == nullptr) {
    stop(mark, "an alias inside the very node it names");
  }
  if (open_.size() + seen.depth > depth_max) {
    stop(mark, "nested deeper than " + std::to_string(depth_max) + " levels (through this alias)");
  }
  place(mark, *seen.record, seen.size);
}

void Builder::scalar(Mark mark, const Properties& properties, std::string_view value, bool plain) {
  check_tag(mark, properties);
  if (value.size() > scalar_bytes_max) {
    stop(mark, "a value longer than " + std::to_string(scalar_bytes_max >> 10) + " KiB");
  }
  Record& record = make(mark, plain ? kind_of_plain(value) : Kind::text);
  record.quoted = !plain;
  if (record.kind != Kind::null) {
    record.scalar = value;
  }
  // Escapes such as "\x07" bring in what the text itself may not hold.
  if (!plain && find_forbidden(value)) {
    fail(mark, "a control character (as an escape) in a value");
  }
  if (!properties.anchor.empty()) {
    anchors_[std::string(properties.anchor)] = {&record, 1, 0};
  }
  place(mark, record, 1);
}

void Builder::end_map() {
  check_keys(*open_.back().record);
  end();
}

void Builder::fail(Mark mark, std::string message) {
  errors_.add(storage_->file, mark, std::move(message));
}

Record& Builder::make(Mark mark, Kind kind) {
  Record& record = storage_->records.emplace_back();
  record.kind = kind;
  record.mark = mark;
  return record;
}

/// Puts a node into the list or map that is open.
void Builder::place(Mark mark, const Record& record, std::size_t size) {
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

void Builder::check_key(const Record& key) {
  if (key.kind == Kind::text && !key.scalar.empty()) {
    return;
  }
  std::string message = key.kind == Kind::text ? "a key may not be empty"
                                               : "a key must be text, not " + std::string(name_of(key.kind));
  if (!key.scalar.empty()) {
    message += "; quote it: \"" + key.scalar + '"';
  }
  fail(key.mark, std::move(message));
}

void Builder::check_keys(const Record& map) {
  boost::unordered_flat_map<std::string_view, const Record*> seen;
  seen.reserve(map.children.size() / 2);
  for (std::size_t i = 0; i + 1 < map.children.size(); i += 2) {
    const Record& key = *map.children[i];
    check_key(key);
    const auto [first, added] = seen.emplace(key.scalar, &key);
    if (!added && key.kind == Kind::text) {
      fail(key.mark, "duplicate key '" + key.scalar + "'; it is already on line " +
                         std::to_string(first->second->mark.line));
    }
  }
}

void Builder::check_tag(Mark mark, const Properties& properties) {
  if (properties.tagged) {
    fail(mark, "tags (!…) are not allowed; quote a value to make it text");
  }
}

void Builder::begin(Mark mark, const Properties& properties, Kind kind) {
  check_tag(mark, properties);
  if (open_.size() >= depth_max) {
    stop(mark, "nested deeper than " + std::to_string(depth_max) + " levels");
  }
  Record& record = make(mark, kind);
  place(mark, record, 1);
  if (!properties.anchor.empty()) {
    anchors_[std::string(properties.anchor)] = {};
  }
  open_.push_back({&record, std::string(properties.anchor), 1, 1});
}

void Builder::end() {
  const Open done = std::move(open_.back());
  open_.pop_back();
  if (!done.anchor.empty()) {
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

}  // namespace tallygate::policy::yaml
