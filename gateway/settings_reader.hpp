#pragma once
/// How the parts of gateway.yaml are read: a map whose texts may name environment variables and whose paths
/// are relative to the file. Only the settings_*.cpp files use it, and their tests.
#include "gateway/settings.hpp"
#include "policy/language/yaml_map.hpp"

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace tallygate {

/// What a settings file depends on besides its text; tests hand in their own.
struct SettingsEnvironment {
  std::filesystem::path folder;  ///< absolute; relative paths start here
  std::function<std::optional<std::string>(const std::string&)> variable;  ///< of the environment
  std::function<std::error_code(const std::filesystem::path&)>
      readable;  ///< why a file cannot be read, if so
};

/// Reads settings from text; `file` is its name in messages. Pure, given the environment. Errors: as
/// load_settings.
[[nodiscard]] policy::yaml::Result<Settings> read_settings(std::string_view text, const std::string& file,
                                                           const SettingsEnvironment& environment);

/// What all sections of one file share. Owns nothing.
struct SettingsContext {
  const SettingsEnvironment& environment;
  policy::yaml::Errors& errors;
};

/// One map of the file. Every function reports a mistake and leaves the default, so that one run finds them
/// all.
class SettingsMap {
 public:
  SettingsMap(const policy::yaml::Node& node, std::string what, SettingsContext& context);

  using Node = policy::yaml::Node;

  [[nodiscard]] policy::yaml::Map& map() noexcept { return map_; }
  [[nodiscard]] const Node& node() const noexcept { return map_.node(); }
  [[nodiscard]] SettingsContext& context() const noexcept { return context_; }

  /// Text with `${NAME}` replaced; `$${` stands for `${` itself. Not empty.
  void text(std::string_view key, std::string& value);
  [[nodiscard]] std::optional<std::string> text(std::string_view key);
  [[nodiscard]] std::optional<std::string> require_text(std::string_view key);
  /// One text or a list of texts, expanded; with the node of each, for messages. Empty if absent.
  [[nodiscard]] std::vector<std::pair<std::string, Node>> texts(std::string_view key,
                                                                bool allow_empty = false);

  /// One text of a list, expanded; `what` names it in messages.
  [[nodiscard]] std::optional<std::string> item_text(const Node& item, std::string_view what) const;

  /// A path, made absolute. `must_exist`: a file that is not there is an error at its place.
  [[nodiscard]] std::optional<std::filesystem::path> path(std::string_view key, bool must_exist);
  [[nodiscard]] std::optional<std::filesystem::path> to_path(const Node& at, const std::string& text,
                                                             bool must_exist);

  void boolean(std::string_view key, bool& value);
  void count(std::string_view key, std::size_t& value, std::size_t min, std::size_t max);
  void bytes(std::string_view key, std::size_t& value, std::size_t min, std::size_t max);
  /// A duration in [1 s, 30 d]; `none`, which is 0, only where `may_be_none`.
  void duration(std::string_view key, milliseconds& value, bool may_be_none = false);

  /// One of a few words, each standing for a value.
  template <typename T>
  void word(std::string_view key, T& value, std::initializer_list<std::pair<std::string_view, T>> words) {
    if (const auto node = map_.find(key)) {
      word(*node, key, value, words);
    }
  }
  template <typename T>
  bool word(const Node& node, std::string_view what, T& value,
            std::initializer_list<std::pair<std::string_view, T>> words) {
    if (const auto chosen = choose(node, what, names_of(words))) {
      for (const auto& [name, meaning] : words) {
        if (name == *chosen) {
          value = meaning;
        }
      }
      return true;
    }
    return false;
  }

  /// A key of a later version: using it is an error that says so.
  void later(std::string_view key);

  void error(const Node& at, std::string message) const;
  /// `file:line:column` of a node, for what is found wrong later than here.
  [[nodiscard]] std::string place(const Node& at) const;
  void finish() { map_.finish(); }

 private:
  template <typename T>
  static std::vector<std::string_view> names_of(std::initializer_list<std::pair<std::string_view, T>> words) {
    std::vector<std::string_view> names;
    for (const auto& word : words) {
      names.push_back(word.first);
    }
    return names;
  }
  [[nodiscard]] std::optional<std::string> choose(const Node& node, std::string_view what,
                                                  const std::vector<std::string_view>& words) const;
  [[nodiscard]] std::optional<std::string> expand(const Node& at, std::string_view text) const;

  SettingsContext& context_;
  policy::yaml::Map map_;
};

// Each reads one section; `root` is the whole file, `node` the section's value.
void read_identity(SettingsMap& root, Settings& settings);
void read_policy(SettingsMap& root, Settings& settings);
/// One path or a list of them, to be read later; none if the key is absent.
void read_named_files(SettingsMap& map, std::string_view key, std::vector<NamedFile>& files);
void read_routes(SettingsMap& root, Settings& settings);
/// A server as a route names it: a text, or `{url, weight}`.
struct ServerEntry {
  std::string text;
  policy::yaml::Node at;
  std::uint32_t weight = 1;
};
[[nodiscard]] std::vector<ServerEntry> read_server_entries(SettingsMap& upstream);
/// What `upstream` says of more than one server. The servers have been read.
void read_spread(SettingsMap& upstream, RouteSettings& route);
/// The newest route must not check a server in another way than those before it.
void refuse_two_checks(const SettingsMap& root, const policy::yaml::Node& at, const Settings& settings);
void read_audit(SettingsMap& root, Settings& settings);
void read_limits(SettingsMap& root, Settings& settings);

/// `KEY: {requests: N, per: TIME, burst: N}`; none where the key is absent.
void read_rate(SettingsMap& map, std::string_view key, std::optional<RateSettings>& rate);

/// The kinds of the catalogue that why_always_recorded() knows.
[[nodiscard]] std::vector<std::string> recorded_kinds();
/// Why a field of a decision cannot be left out, as the end of a sentence; none for every other name.
[[nodiscard]] std::optional<std::string_view> why_field_always_recorded(std::string_view field) noexcept;

/// Reads `audit.record`.
void read_record(const policy::yaml::Node& node, SettingsContext& context, RecordSettings& settings);
/// Reads `routes[].record` and `routes[].query_values` over what holds for all routes.
void read_route_record(SettingsMap& route, const RecordSettings& all, RouteSettings& settings);

}  // namespace tallygate
