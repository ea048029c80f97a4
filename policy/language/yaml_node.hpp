#pragma once
/// A parsed YAML document: immutable, with the place of every node, and with scalars typed once and strictly.
#include "policy/language/yaml_error.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tallygate::policy::yaml {

/// What a node is. Plain scalars are typed by the JSON schema of YAML 1.2.2 §10.2; anything quoted, and
/// anything that schema does not know (`yes`, `010`, `1:30`, `08:00`), is text. Alone `~`, `Null` and `NULL`
/// are null as well, so that they are errors where text is wanted instead of a name nobody meant.
enum class Kind : std::uint8_t { null, boolean, integer, number, text, list, map };

/// "null", "true or false", "an integer", "a number", "text", "a list", "a map": for messages.
[[nodiscard]] std::string_view name_of(Kind kind) noexcept;

struct Record;
struct Storage;

/// A node of a Document: two pointers, copied freely. Owns: nothing; lives as long as its Document.
class Node {
 public:
  Node(const Storage& storage, const Record& record) noexcept : storage_(&storage), record_(&record) {}

  [[nodiscard]] Kind kind() const noexcept;
  [[nodiscard]] Mark mark() const noexcept;
  /// Name of the file this node stands in, as it was given to parse().
  [[nodiscard]] const std::string& file() const noexcept;
  /// The scalar as written (without quotes, escapes resolved); empty for lists and maps.
  [[nodiscard]] const std::string& scalar() const noexcept;
  /// True for scalars that were written with quotes or as a block.
  [[nodiscard]] bool quoted() const noexcept;

  /// Items of a list, or entries of a map; 0 for scalars.
  [[nodiscard]] std::size_t size() const noexcept;
  /// Item `index` of a list (index < size()).
  [[nodiscard]] Node item(std::size_t index) const noexcept;
  /// Entry `index` of a map in the order written (index < size()). Keys are text, unique, never empty.
  [[nodiscard]] std::pair<Node, Node> entry(std::size_t index) const noexcept;

  friend bool operator==(const Node&, const Node&) = default;

 private:
  const Storage* storage_;
  const Record* record_;
};

/// One node's data. Only the reader makes them.
struct Record {
  Kind kind = Kind::null;
  bool quoted = false;
  Mark mark;
  std::string scalar;
  std::vector<const Record*> children;  ///< items, or keys and values in turn
};

/// What a Document owns. A deque, because records point at each other.
struct Storage {
  std::string file;
  std::deque<Record> records;
};

/// Owns a parsed file. Moving it keeps its nodes valid.
class Document {
 public:
  Document(std::unique_ptr<const Storage> storage, const Record& root) noexcept
      : storage_(std::move(storage)), root_(&root) {}
  [[nodiscard]] Node root() const noexcept { return {*storage_, *root_}; }

 private:
  std::unique_ptr<const Storage> storage_;
  const Record* root_;
};

}  // namespace tallygate::policy::yaml
