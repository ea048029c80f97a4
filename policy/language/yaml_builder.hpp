#pragma once
/// Builds the records of a Document from the events of a parser, and checks what parsers let pass. Internal
/// to policy/language.
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_node.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::yaml {

/// Ends the walk: an error after which nothing that follows can be trusted.
struct Stop {
  Mark mark;
  std::string message;
};

/// What may stand before a node: `&anchor`, `!tag`.
struct Properties {
  std::string_view anchor;
  bool tagged = false;
};

/// Threads: one. Every event may throw Stop; mistakes that leave the rest readable go into `errors`.
class Builder {
 public:
  Builder(std::string file, Errors& errors);

  void begin_document(Mark mark);
  void alias(Mark mark, std::string_view anchor);
  /// `plain`: without quotes, and not a block.
  void scalar(Mark mark, const Properties& properties, std::string_view value, bool plain);
  void begin_list(Mark mark, const Properties& properties) { begin(mark, properties, Kind::list); }
  void begin_map(Mark mark, const Properties& properties) { begin(mark, properties, Kind::map); }
  void end_list() { end(); }
  void end_map();

  /// Adds an error at a place of this file.
  void fail(Mark mark, std::string message);

  [[nodiscard]] const std::string& file() const noexcept { return storage_->file; }
  /// The document's root; null before it has one.
  [[nodiscard]] const Record* root() const noexcept { return root_; }
  [[nodiscard]] std::unique_ptr<const Storage> take() { return std::move(storage_); }

 private:
  /// A list or map that has begun.
  struct Open {
    Record* record;
    std::string anchor;
    std::size_t size;   ///< nodes inside so far, those behind aliases counted each time
    std::size_t depth;  ///< levels inside so far
  };
  /// What an alias may name; without a record while the node is not finished.
  struct Seen {
    const Record* record = nullptr;
    std::size_t size = 0;
    std::size_t depth = 0;
  };

  Record& make(Mark mark, Kind kind);
  void place(Mark mark, const Record& record, std::size_t size);
  void check_key(const Record& key);
  void check_keys(const Record& map);
  void check_tag(Mark mark, const Properties& properties);
  void begin(Mark mark, const Properties& properties, Kind kind);
  void end();

  std::unique_ptr<Storage> storage_;
  Errors& errors_;
  std::vector<Open> open_;
  boost::unordered_flat_map<std::string, Seen> anchors_;
  const Record* root_ = nullptr;
  std::size_t documents_ = 0;
  std::size_t aliases_ = 0;
  std::size_t nodes_ = 0;
};

}  // namespace tallygate::policy::yaml
