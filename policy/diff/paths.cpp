#include "policy/diff/paths.hpp"

#include "policy/request/path_bytes.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <set>

namespace tallygate::policy::diff {
namespace {

/// Places of one segment whose encoding is tried both ways; two to the power of it are made.
constexpr std::size_t toggles_max = 4;

std::string wide_of(const std::string& segment) {
  std::string out;
  wide_form(segment, out);
  return out;
}

std::string folded(const std::string& segment) {
  std::string out;
  fold_case(segment, out);
  return out;
}

bool has_either_form(std::uint8_t byte) {
  return byte < 0x80 &&
         std::string_view("!$&'()*+,=:@").find(static_cast<char>(byte)) != std::string_view::npos;
}

/// A canonical segment cut into characters: single bytes and triplets.
std::vector<std::string> characters(const std::string& segment) {
  std::vector<std::string> out;
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const std::size_t length = is_triplet(segment, i) ? 3 : 1;
    out.push_back(segment.substr(i, length));
    i += length - 1;
  }
  return out;
}

std::uint8_t byte_of(const std::string& character) {
  return character.size() == 3 ? hex_pair(character, 1) : static_cast<std::uint8_t>(character.front());
}

/// The other spelling of a character that may stand raw or encoded.
std::string toggled(const std::string& character) {
  std::string out;
  if (character.size() == 3) {
    out.push_back(static_cast<char>(hex_pair(character, 1)));
  } else {
    append_triplet(byte_of(character), out);
  }
  return out;
}

/// The segment in every encoding, itself first.
std::vector<std::string> encodings(const std::string& segment) {
  const std::vector<std::string> parts = characters(segment);
  std::vector<std::size_t> places;
  for (std::size_t i = 0; i < parts.size() && places.size() < toggles_max; ++i) {
    if (has_either_form(byte_of(parts[i]))) {
      places.push_back(i);
    }
  }
  std::vector<std::string> out;
  for (std::size_t mask = 0; mask < std::size_t{1} << places.size(); ++mask) {
    std::string text;
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto place = std::find(places.begin(), places.end(), i);
      const bool toggle =
          place != places.end() && (mask >> static_cast<std::size_t>(place - places.begin()) & 1U) != 0;
      text += toggle ? toggled(parts[i]) : parts[i];
    }
    out.push_back(std::move(text));
  }
  return out;
}

/// The segment with the case of one letter changed, each letter in turn, until one is not in `taken`; empty
/// if there is none.
std::string other_case(const std::string& segment, const std::set<std::string>& taken) {
  const std::vector<std::string> parts = characters(segment);
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const char c = parts[i].front();
    const bool letter = parts[i].size() == 1 && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'));
    if (!letter) {
      continue;
    }
    std::string text;
    for (std::size_t j = 0; j < parts.size(); ++j) {
      text += j == i ? std::string(1, static_cast<char>(c ^ 0x20)) : parts[j];
    }
    if (!taken.contains(text)) {
      return text;
    }
  }
  return {};
}

class Walk {
 public:
  Walk(const std::vector<const PathPattern*>& patterns, const std::vector<PathOptions>& options)
      : patterns_(patterns) {
    for (const PathOptions& each : options) {
      any_.keep_encoded_slash |= each.keep_encoded_slash;
      any_.keep_double_encoding |= each.keep_double_encoding;
      any_.keep_slashes |= each.keep_slashes;
      any_.ignore_params |= each.ignore_params;
    }
    name_fresh_segment();
  }

  PathSet run() {
    descend("", patterns_, 0, 0);
    PathSet out;
    out.complete = !full_;
    out.paths.assign(paths_.begin(), paths_.end());
    return out;
  }

 private:
  using Patterns = std::vector<const PathPattern*>;

  static const std::vector<PatternSegment>& segments(const PathPattern* pattern) {
    return pattern->segments(Reading::narrow);
  }

  void name_fresh_segment() {
    std::set<std::string> taken;
    for (const PathPattern* pattern : patterns_) {
      for (const PatternSegment& segment : segments(pattern)) {
        taken.insert(wide_of(segment.text));
      }
    }
    fresh_ = "x";
    for (std::size_t i = 1; taken.contains(fresh_); ++i) {
      fresh_ = "x" + std::to_string(i);
    }
  }

  void emit(std::string path) {
    if (paths_.size() >= paths_max) {
      full_ = true;
      return;
    }
    if (any_.ignore_params) {
      paths_.insert(path + ";p");
    }
    paths_.insert(std::move(path));
  }

  /// `alive` are the patterns whose first `depth` segments the prefix meets, read widely. `specials` counts
  /// the segments of the prefix that only an option accepts.
  void descend(const std::string& prefix, const Patterns& alive, std::size_t depth, std::size_t specials) {
    if (full_) {
      return;
    }
    if (!prefix.empty()) {
      emit(prefix);
    }
    emit(prefix + "/");
    std::map<std::string, std::set<std::string>> literals;  // by wide form: as written
    Patterns loose;                                         // `*` and `/**`, which any segment meets
    for (const PathPattern* pattern : alive) {
      if (depth >= segments(pattern).size()) {
        if (pattern->subtree()) {
          loose.push_back(pattern);
        }
        continue;
      }
      const PatternSegment& segment = segments(pattern)[depth];
      if (segment.any) {
        loose.push_back(pattern);
      } else if (!segment.text.empty() || depth + 1 < segments(pattern).size()) {
        literals[wide_of(segment.text)].insert(segment.text);
      }
    }
    for (const auto& [wide, written] : literals) {
      Patterns next = loose;
      for (const PathPattern* pattern : alive) {
        if (depth < segments(pattern).size() && !segments(pattern)[depth].any &&
            wide_of(segments(pattern)[depth].text) == wide) {
          next.push_back(pattern);
        }
      }
      for (const std::string& spelling : spellings(written)) {
        std::string longer = prefix;
        descend(longer.append("/").append(spelling), next, depth + 1, specials);
      }
    }
    descend_fresh(prefix, loose, depth, specials);
  }

  /// Every way to write a literal that some pattern could tell from the others.
  static std::set<std::string> spellings(const std::set<std::string>& written) {
    std::set<std::string> folds;
    for (const std::string& text : written) {
      folds.insert(folded(text));
    }
    std::set<std::string> out = written;
    for (const std::string& text : written) {
      if (std::string other = other_case(text, written); !other.empty()) {
        out.insert(std::move(other));
      }
      for (const std::string& encoding : encodings(text)) {
        if (folds.insert(folded(encoding)).second) {
          out.insert(encoding);
          break;
        }
      }
    }
    return out;
  }

  void descend_fresh(const std::string& prefix, const Patterns& loose, std::size_t depth,
                     std::size_t specials) {
    // Below the last literal and the last `*` one more segment shows what lies deeper; then nothing changes.
    const bool deeper = std::any_of(loose.begin(), loose.end(), [&](const PathPattern* pattern) {
      return depth < segments(pattern).size();
    });
    const auto go = [&](const std::string& segment, const Patterns& next, std::size_t count) {
      const std::string path = prefix + "/" + segment;
      if (deeper) {
        descend(path, next, depth + 1, count);
      } else {
        emit(path);
        emit(path + "/");
      }
    };
    go(fresh_, loose, specials);
    if (specials >= specials_max) {
      return;
    }
    for (const std::string& segment : special_segments()) {
      go(segment, loose, specials + 1);
    }
    if (any_.keep_slashes) {
      Patterns below;
      std::copy_if(loose.begin(), loose.end(), std::back_inserter(below),
                   [&](const PathPattern* pattern) { return depth >= segments(pattern).size(); });
      emit(prefix + "//" + fresh_);
      if (!below.empty()) {
        emit(prefix + "//");
      }
    }
  }

  /// Segments that no pattern names and only an option accepts, in every mixture.
  [[nodiscard]] std::vector<std::string> special_segments() const {
    std::vector<std::string> out;
    if (any_.keep_encoded_slash) {
      out.push_back(fresh_ + "%2F" + fresh_);
    }
    if (any_.keep_double_encoding) {
      out.push_back(fresh_ + "%2541");
    }
    if (any_.keep_encoded_slash && any_.keep_double_encoding) {
      out.push_back(fresh_ + "%2F" + fresh_ + "%2541");
    }
    return out;
  }

  /// A second segment of the kind changes nothing: options accept them anywhere in the path or nowhere.
  static constexpr std::size_t specials_max = 1;

  const Patterns& patterns_;
  PathOptions any_;
  std::string fresh_;
  std::set<std::string> paths_;
  bool full_ = false;
};

}  // namespace

PathSet representative_paths(const std::vector<const PathPattern*>& patterns,
                             const std::vector<PathOptions>& options) {
  return Walk(patterns, options).run();
}

}  // namespace tallygate::policy::diff
