#pragma once
/// Typed access to YAML nodes with messages a person can act on. Every function reports what is wrong into an
/// Errors and returns an empty optional (or the default), so that one run finds all mistakes.
///
///     Map map(node, "session", errors);              // reports if node is not a map
///     session.idle = map.duration_or("idle", 30min);
///     session.cookie = map.text_or("cookie", "__Host-tallygate");
///     map.finish();                                  // reports keys nobody asked for, with the nearest
///     known name
#include "policy/language/yaml_error.hpp"
#include "policy/language/yaml_node.hpp"

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::policy::yaml {

/// Adds an error at a node.
void add(Errors& errors, const Node& at, std::string message, std::string_view id = {});

/// How messages call a value: `'cookie'`; what is a phrase already ("a cell", "row 'ana'") stays as it is.
[[nodiscard]] std::string subject(std::string_view what);

/// "'cookie' must be text, not an integer (42)": for errors about the kind of a node.
[[nodiscard]] std::string wrong_kind(std::string_view what, std::string_view wanted, const Node& node);

// One node each. `what` names the value in messages ("'cookie'", "a group").

/// Text. A number, boolean or null is an error that says "quote it". May be empty only if `allow_empty`.
[[nodiscard]] std::optional<std::string> text(const Node& node, std::string_view what, Errors& errors,
                                              bool allow_empty = false);
/// `true` or `false`, unquoted; `yes`, `no`, `on`, `off` are errors that say so.
[[nodiscard]] std::optional<bool> boolean(const Node& node, std::string_view what, Errors& errors);
/// A whole number in [min, max], unquoted, without leading zero, `_`, sign `+` or base.
[[nodiscard]] std::optional<std::int64_t> integer(const Node& node, std::string_view what, std::int64_t min,
                                                  std::int64_t max, Errors& errors);
/// `[0-9]+(s|m|h|d)`, one unit (policy-details.md L08). A bare number is an error.
[[nodiscard]] std::optional<std::chrono::seconds> duration(const Node& node, std::string_view what,
                                                           Errors& errors);
/// Bytes: an integer, or an integer with `KiB`, `MiB` or `GiB`.
[[nodiscard]] std::optional<std::uint64_t> byte_count(const Node& node, std::string_view what,
                                                      Errors& errors);
/// One of `choices`, as text; else an error that lists them.
[[nodiscard]] std::optional<std::string> choice(const Node& node, std::string_view what,
                                                std::initializer_list<std::string_view> choices,
                                                Errors& errors);
/// The items of a list. Anything else is an error, an empty list too unless `allow_empty` (policy-details.md
/// L15).
[[nodiscard]] std::vector<Node> list(const Node& node, std::string_view what, Errors& errors,
                                     bool allow_empty = false);
/// A list of texts.
[[nodiscard]] std::vector<std::string> text_list(const Node& node, std::string_view what, Errors& errors,
                                                 bool allow_empty = false);
/// One text or a list of texts.
[[nodiscard]] std::vector<std::string> text_or_list(const Node& node, std::string_view what, Errors& errors);

/// `[0-9]+(s|m|h|d)` outside YAML (command-line options). Empty if malformed or over ~100 years.
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text) noexcept;

/// Names of keys.
using KeyList = std::span<const std::string_view>;

/// A map with known keys. Remembers which keys were asked for. Owns: nothing. Threads: one.
class Map {
 public:
  /// `what` names the map in messages ("rule", "session"); reports if `node` is not a map, and is then empty.
  Map(const Node& node, std::string what, Errors& errors);
  /// The same with a table of all keys (which outlives the map): none beside them can be found, so that the
  /// table is the whole truth.
  Map(const Node& node, std::string what, KeyList keys, Errors& errors);

  /// False if the node was not a map.
  explicit operator bool() const noexcept { return is_map_; }
  [[nodiscard]] const Node& node() const noexcept { return node_; }

  /// The value of `key`, whatever it is. Makes the key known.
  [[nodiscard]] std::optional<Node> find(std::string_view key);
  /// The same; a missing key is an error at the map.
  [[nodiscard]] std::optional<Node> require(std::string_view key);

  // Each of these finds the key and types its value; absent or wrong gives an empty optional or the default.
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::string> require_text(std::string_view key);
  [[nodiscard]] std::string text_or(std::string_view key, std::string_view otherwise);
  [[nodiscard]] std::optional<bool> boolean(std::string_view key);
  [[nodiscard]] bool boolean_or(std::string_view key, bool otherwise);
  [[nodiscard]] std::optional<std::int64_t> integer(
      std::string_view key, std::int64_t min, std::int64_t max = std::numeric_limits<std::int64_t>::max());
  [[nodiscard]] std::int64_t integer_or(std::string_view key, std::int64_t otherwise, std::int64_t min,
                                        std::int64_t max = std::numeric_limits<std::int64_t>::max());
  [[nodiscard]] std::optional<std::chrono::seconds> duration(std::string_view key);
  [[nodiscard]] std::chrono::seconds duration_or(std::string_view key, std::chrono::seconds otherwise);
  [[nodiscard]] std::uint64_t bytes_or(std::string_view key, std::uint64_t otherwise);
  [[nodiscard]] std::optional<std::string> choice(std::string_view key,
                                                  std::initializer_list<std::string_view> choices);
  /// Items of a list; empty if absent. An empty list in the file is an error.
  [[nodiscard]] std::vector<Node> list(std::string_view key);
  [[nodiscard]] std::vector<std::string> text_list(std::string_view key);
  [[nodiscard]] std::vector<std::string> text_or_list(std::string_view key);

  /// Reports every key that was never asked for: "unknown key 'rolse' in rule; did you mean 'roles'?". Call
  /// it last.
  void finish();

 private:
  Node node_;
  std::string what_;
  Errors& errors_;
  std::optional<KeyList> keys_;
  bool is_map_;
  std::vector<bool> used_;
  std::vector<std::string> known_;
};

}  // namespace tallygate::policy::yaml
