#pragma once
/// The comments of a YAML file, which parse() passes over.
#include "policy/language/yaml_error.hpp"

#include <string_view>
#include <vector>

namespace tallygate::policy::yaml {

/// A comment.
struct Comment {
  Mark mark;              ///< of the `#`
  bool alone = true;      ///< nothing stands before it on its line
  std::string_view text;  ///< behind the `#`, blanks around it removed; a view of the file
};

/// The comments of a text that parse() accepts, in its order: what stands in no scalar, behind a `#` that
/// begins a line or follows a blank. Where scalars begin and end is libyaml's word, so a comment is what
/// parse() did not read. Of other texts, those before the first mistake. Linear. Threads: any.
[[nodiscard]] std::vector<Comment> comments(std::string_view text);

}  // namespace tallygate::policy::yaml
