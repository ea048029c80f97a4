#pragma once
/// Whether an entry holds somebody's name where everybody can read it.

#include <array>
#include <clocale>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

namespace tallygate::audit {

/// Looks for names as whole words in the text of entries: as they stand, behind the escapes of JSON and of
/// what lies in its strings (a policy's YAML, a record of another system), and percent-encoded up to three
/// times. Letters are alike in both cases: those of ASCII always, others as the C library pairs them, one for
/// one. It rather finds too much: another `robot` than the one that is meant is one. Immutable; may be used
/// from several threads.
class ClearSearch {
 public:
  /// Empty names are never found.
  explicit ClearSearch(const std::vector<std::string>& names);

  [[nodiscard]] bool finds(std::string_view body) const;

 private:
  [[nodiscard]] bool stands_in(std::string_view text) const;
  [[nodiscard]] bool stands_as_it_is(std::string_view text) const;
  [[nodiscard]] bool stands_behind_escapes(std::string_view& text, std::string& held) const;

  std::shared_ptr<std::remove_pointer_t<locale_t>> letters_;  // null where all names are of ASCII
  std::vector<std::string> names_;                            // with small letters
  std::array<bool, 256> begins_{};                            // bytes that one of them begins with
};

}  // namespace tallygate::audit
