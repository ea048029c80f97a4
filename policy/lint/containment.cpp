#include "policy/lint/containment.hpp"

#include "policy/request/path_bytes.hpp"

#include <algorithm>
#include <map>
#include <set>

namespace tallygate::policy::lint {
namespace {

/// Sub-delimiters and others that a path may hold raw or as a triplet, and which N4 leaves as they are. Not
/// `*`, whose two spellings are the same to both readings.
constexpr std::string_view either_way = "!$&'()+,=:@";

bool has_two_spellings(char c) noexcept {
  return either_way.find(c) != std::string_view::npos;
}

/// The segment with its first letters and first such bytes in the other spelling where a bit is set.
std::string respelt(std::string_view segment, std::size_t case_bits, std::size_t encoding_bits) {
  std::string out;
  const auto take = [](std::size_t& bits) {
    const bool set = (bits & 1u) != 0;
    bits >>= 1u;
    return set;
  };
  for (std::size_t i = 0; i < segment.size(); ++i) {
    const char c = segment[i];
    if (is_triplet(segment, i)) {
      const auto byte = static_cast<char>(hex_pair(segment, i + 1));
      if (has_two_spellings(byte) && take(encoding_bits)) {
        out.push_back(byte);
      } else {
        out.append(segment.substr(i, 3));
      }
      i += 2;
    } else if (has_two_spellings(c) && take(encoding_bits)) {
      append_triplet(static_cast<std::uint8_t>(c), out);
    } else if (is_alnum(static_cast<std::uint8_t>(c)) && (c < '0' || c > '9') && take(case_bits)) {
      out.push_back(static_cast<char>(c ^ 0x20));
    } else {
      out.push_back(c);
    }
  }
  return out;
}

/// Patterns that still match, and how far a path has come.
struct Stand {
  std::vector<const PathPattern*> live;
  std::size_t depth = 0;
};

bool ends_by(const PathPattern& pattern, std::size_t depth) noexcept {
  return pattern.segments(Reading::narrow).size() <= depth;  // never fewer than widely
}

/// One walk: depth is bounded by sample_depth_max, so recursion is.
class Walker {
 public:
  Walker(const PathPattern& base, Reading reading, bool ignore_case, bool keep_slashes, std::size_t& steps,
         const PathSamples::Visit& visit)
      : base_(base),
        reading_(reading),
        ignore_case_(ignore_case),
        keep_slashes_(keep_slashes),
        steps_(steps),
        visit_(visit) {}

  [[nodiscard]] Walk run(std::vector<const PathPattern*> patterns) {
    patterns.push_back(&base_);
    const auto deep = [](const PathPattern* pattern) {
      return pattern->segments(Reading::narrow).size() > sample_depth_max;
    };
    if (std::any_of(patterns.begin(), patterns.end(), deep)) {
      return Walk::exhausted;
    }
    name_fresh(patterns);
    step({std::move(patterns), 0}, "");
    return result_;
  }

 private:
  /// A segment that no pattern names.
  void name_fresh(const std::vector<const PathPattern*>& patterns) {
    std::set<std::string_view> taken;
    for (const PathPattern* pattern : patterns) {
      for (const PatternSegment& segment : pattern->segments(Reading::wide)) {
        taken.insert(segment.text);
      }
    }
    fresh_ = "other";
    for (std::size_t i = 2; taken.contains(fresh_); ++i) {
      fresh_ = "other" + std::to_string(i);
    }
  }

  bool look(const std::string& path) {
    if (steps_ == 0) {
      result_ = Walk::exhausted;
      return false;
    }
    --steps_;
    std::string buffer;
    std::string wide;
    std::string_view form;
    if (reading_ == Reading::wide) {
      wide_form(path, wide);
      form = wide;
    } else {
      form = narrow_form(path, buffer);
    }
    if (base_.matches(form, reading_, ignore_case_) && !visit_(path)) {
      result_ = Walk::ended;
      return false;
    }
    return true;
  }

  /// Whether another slash may stand behind the path.
  [[nodiscard]] bool takes_slash(const std::string& path) const {
    return keep_slashes_ || !path.ends_with('/');
  }

  /// The path as it is, and with a slash behind it.
  bool look_here(const std::string& path) {
    if (path.empty()) {
      return look("/");
    }
    return look(path) && (!takes_slash(path) || look(path + '/'));
  }

  bool step(const Stand& stand, const std::string& path) {
    if (!look_here(path)) {
      return false;
    }
    if (!takes_slash(path)) {
      return true;
    }
    const bool more = std::any_of(stand.live.begin(), stand.live.end(),
                                  [&](const auto* pattern) { return !ends_by(*pattern, stand.depth); });
    if (!more) {
      return look(path + '/' + fresh_);
    }
    const std::vector<std::string> segments = next_segments(stand);
    return std::all_of(segments.begin(), segments.end(), [&](const std::string& segment) {
      Stand next{going_on(stand, segment), stand.depth + 1};
      const bool base_lives = std::find(next.live.begin(), next.live.end(), &base_) != next.live.end();
      return !base_lives || step(next, path + '/' + segment);
    });
  }

  /// What may follow: a segment that nobody names, and those that somebody does, in all spellings that
  /// matter.
  [[nodiscard]] std::vector<std::string> next_segments(const Stand& stand) const {
    const auto& base = base_.segments(reading_);
    const bool fixed = stand.depth < base.size() && !base[stand.depth].any;
    if (fixed && reading_ == Reading::narrow && !ignore_case_) {
      return {base[stand.depth].text};
    }
    std::map<std::string, std::set<std::string>> named;  // by what the wide reading sees
    for (const PathPattern* pattern : stand.live) {
      const auto& segments = pattern->segments(Reading::narrow);
      if (stand.depth < segments.size() && !segments[stand.depth].any) {
        std::string wide;
        wide_form(segments[stand.depth].text, wide);
        named[wide].insert(segments[stand.depth].text);
      }
    }
    std::vector<std::string> out;
    if (!fixed) {
      out.push_back(fresh_);
    }
    for (const auto& [wide, alike] : named) {
      if (!wide.empty()) {
        const std::set<std::string> others = other_spellings(alike);
        out.insert(out.end(), alike.begin(), alike.end());
        out.insert(out.end(), others.begin(), others.end());
      }
    }
    if (keep_slashes_) {
      out.emplace_back();
    }
    return out;
  }

  /// Of segments that the wide reading holds for the same, the spellings that none of them has.
  [[nodiscard]] static std::set<std::string> other_spellings(const std::set<std::string>& alike) {
    std::set<std::string> others;
    for (const std::string& segment : alike) {
      for (std::string& spelling : spellings(segment, alike.size() + 1)) {
        if (!alike.contains(spelling)) {
          others.insert(std::move(spelling));
        }
      }
    }
    return others;
  }

  [[nodiscard]] static std::vector<const PathPattern*> going_on(const Stand& stand,
                                                                const std::string& segment) {
    std::string wide;
    wide_form(segment, wide);
    std::vector<const PathPattern*> live;
    for (const PathPattern* pattern : stand.live) {
      const auto& segments = pattern->segments(Reading::wide);
      if (stand.depth >= segments.size() ? pattern->subtree() || segment.empty()
          : segments[stand.depth].any    ? !segment.empty()
                                         : segments[stand.depth].text == wide) {
        live.push_back(pattern);
      }
    }
    return live;
  }

  const PathPattern& base_;
  Reading reading_;
  bool ignore_case_;
  bool keep_slashes_;
  std::size_t& steps_;
  const PathSamples::Visit& visit_;
  std::string fresh_;
  Walk result_ = Walk::complete;
};

}  // namespace

bool covers(const HostPattern& wide, const HostPattern& narrow) noexcept {
  if (narrow.wildcard()) {
    return wide.wildcard() && (wide.name() == narrow.name() || wide.matches(narrow.name()));
  }
  return wide.matches(narrow.name());
}

bool overlap(const HostPattern& left, const HostPattern& right) noexcept {
  return covers(left, right) || covers(right, left);
}

bool covers(const PathPattern& wide, const PathPattern& narrow, bool ignore_case) noexcept {
  const auto& outer = wide.segments(Reading::narrow);
  const auto& inner = narrow.segments(Reading::narrow);
  if (inner.size() < outer.size() ||
      (!wide.subtree() && (narrow.subtree() || inner.size() != outer.size()))) {
    return false;
  }
  return std::equal(outer.begin(), outer.end(), inner.begin(),
                    [&](const PatternSegment& has, const PatternSegment& wanted) {
                      if (has.any) {
                        return wanted.any || !wanted.text.empty();
                      }
                      return !wanted.any && (ignore_case ? equal_ignoring_case(has.text, wanted.text)
                                                         : has.text == wanted.text);
                    });
}

bool overlap_widely(const PathPattern& left, const PathPattern& right) noexcept {
  const auto& a = left.segments(Reading::wide);
  const auto& b = right.segments(Reading::wide);
  if ((a.size() < b.size() && !left.subtree()) || (b.size() < a.size() && !right.subtree())) {
    return false;
  }
  const auto count = static_cast<std::ptrdiff_t>(std::min(a.size(), b.size()));
  return std::equal(a.begin(), a.begin() + count, b.begin(),
                    [](const PatternSegment& one, const PatternSegment& other) {
                      if (one.any || other.any) {
                        return (one.any || !one.text.empty()) && (other.any || !other.text.empty());
                      }
                      return one.text == other.text;
                    });
}

std::vector<std::string> sample_hosts(const HostPattern& base, std::span<const HostPattern* const> others) {
  if (!base.wildcard()) {
    return {base.name()};
  }
  std::set<std::string_view> exact;
  std::set<std::string_view> wildcards;
  for (const HostPattern* other : others) {
    if (covers(base, *other)) {
      (other->wildcard() ? wildcards : exact).insert(other->name());
    }
  }
  const auto fresh = [&](std::string_view parent) {
    std::string name = "other." + std::string(parent);
    for (std::size_t i = 2; exact.contains(name) || wildcards.contains(name); ++i) {
      name = "other" + std::to_string(i) + '.' + std::string(parent);
    }
    return name;
  };
  std::vector<std::string> out{fresh(base.name())};
  for (const std::string_view parent : wildcards) {
    if (parent != base.name()) {
      out.push_back(fresh(parent));
    }
  }
  out.insert(out.end(), exact.begin(), exact.end());
  return out;
}

std::vector<std::string> spellings(std::string_view segment, std::size_t each) {
  std::vector<std::string> out;
  for (std::size_t encoding = 0; encoding < std::max<std::size_t>(each, 1); ++encoding) {
    for (std::size_t letters = 0; letters < std::max<std::size_t>(each, 1); ++letters) {
      std::string spelling = respelt(segment, letters, encoding);
      if (std::find(out.begin(), out.end(), spelling) == out.end()) {
        out.push_back(std::move(spelling));
      }
    }
  }
  return out;
}

PathSamples::PathSamples(std::span<const Resource* const> resources) {
  for (const Resource* resource : resources) {
    keep_slashes_ = keep_slashes_ || resource->options.keep_slashes;
    for (const PathPatterns* patterns : {&resource->paths, &resource->except}) {
      for (const PathPattern& pattern : *patterns) {
        patterns_.push_back(&pattern);
      }
    }
  }
}

Walk PathSamples::visit(const PathPattern& base, Reading reading, bool ignore_case, std::size_t& steps,
                        const Visit& visit) const {
  return Walker(base, reading, ignore_case, keep_slashes_, steps, visit).run(patterns_);
}

}  // namespace tallygate::policy::lint
