#include "audit/search/reader.hpp"

#include "audit/journal/format.hpp"

#include <algorithm>
#include <cstring>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::uint64_t entries_at_once = 1'024;
constexpr std::uint64_t leaves_at_once = 4'096;

}  // namespace

Result<JournalReader> JournalReader::open(const std::filesystem::path& folder) {
  JournalReader reader(folder);
  if (const auto listed = reader.list(); !listed) {
    return listed.error();
  }
  return reader;
}

Result<void> JournalReader::list() {
  auto segments = list_segments(folder_);
  if (!segments) {
    return segments.error();
  }
  if (segments->empty()) {
    return fail(FailureKind::missing,
                folder_.string() + ": holds no segment of a journal (a file like 000000000000.db)");
  }
  segments_ = std::move(*segments);
  reader_.reset();
  return {};
}

Result<SegmentReader*> JournalReader::reader(std::size_t index) {
  if (!reader_ || index_ != index || !reader_->undisturbed()) {
    auto opened = SegmentReader::open(segments_[index].path);
    if (!opened) {
      return opened.error();
    }
    // What a segment without that row is, the verifier says.
    const auto format = opened->meta("format");
    opened->release();
    if (const auto known =
            format && *format ? check_format(**format, segments_[index].path.string()) : Result<void>();
        !known) {
      return known.error();
    }
    reader_.emplace(std::move(*opened));
    index_ = index;
    version_.reset();
  }
  return &*reader_;
}

Result<std::uint64_t> JournalReader::segment_end(std::size_t index) {
  if (index + 1 < segments_.size()) {
    return segments_[index + 1].first;
  }
  const auto segment = reader(index);
  if (!segment) {
    return segment.error();
  }
  const auto extent = (*segment)->extent();
  (*segment)->release();
  if (!extent) {
    return extent.error();
  }
  const std::int64_t last = extent->entry_last.value_or(-1);
  return std::max(segments_[index].first, last < 0 ? 0 : static_cast<std::uint64_t>(last) + 1);
}

Result<std::uint64_t> JournalReader::end() {
  return segment_end(segments_.size() - 1);
}

Result<std::optional<std::string>> JournalReader::entry(std::uint64_t seq) {
  const std::size_t index = segment_of(seq);
  if (seq < segments_[index].first || seq > static_cast<std::uint64_t>(INT64_MAX)) {
    return std::optional<std::string>();
  }
  const auto segment = reader(index);
  if (!segment) {
    return segment.error();
  }
  auto found = (*segment)->entry(static_cast<std::int64_t>(seq));
  (*segment)->release();
  if (const auto known = found && *found ? check_entry_version(seq, **found) : Result<void>(); !known) {
    return known.error();
  }
  return found;
}

Result<std::optional<std::string>> JournalReader::checkpoint() {
  std::optional<std::string> found;
  // A segment that was just begun may have none yet.
  for (std::size_t index = segments_.size(); index-- > 0 && !found;) {
    const auto segment = reader(index);
    if (!segment) {
      return segment.error();
    }
    const auto extent = (*segment)->extent();
    if (!extent) {
      return extent.error();
    }
    const std::int64_t last = extent->checkpoint_last.value_or(-1);
    const auto read = (*segment)->checkpoints(last, last + 1, [&found](std::int64_t, std::string_view note) {
      found = std::string(note);
      return false;
    });
    (*segment)->release();
    if (!read) {
      return read.error();
    }
  }
  return found;
}

// The segment whose part of the record holds that seq; the first one for what comes before all.
std::size_t JournalReader::segment_of(std::uint64_t seq) const {
  const auto after = std::partition_point(segments_.begin(), segments_.end(),
                                          [seq](const SegmentFile& file) { return file.first <= seq; });
  return after == segments_.begin() ? 0 : static_cast<std::size_t>(after - segments_.begin()) - 1;
}

Result<std::optional<std::string>> JournalReader::checkpoint_from(std::uint64_t first, std::uint64_t end) {
  std::optional<std::string> found;
  // A checkpoint stands in the segment of the last entry it covers.
  for (std::size_t index = segment_of(first == 0 ? 0 : first - 1);
       index < segments_.size() && segments_[index].first < end && !found; ++index) {
    const auto segment = reader(index);
    if (!segment) {
      return segment.error();
    }
    const auto read =
        (*segment)->checkpoints(static_cast<std::int64_t>(first), static_cast<std::int64_t>(end),
                                [&found](std::int64_t, std::string_view note) {
                                  found = std::string(note);
                                  return false;
                                });
    (*segment)->release();
    if (!read) {
      return read.error();
    }
  }
  return found;
}

Result<std::vector<Digest>> JournalReader::leaves(std::uint64_t first, std::uint64_t end) {
  std::vector<Digest> found;
  const auto segment = reader(segment_of(first));
  if (!segment) {
    return segment.error();
  }
  const auto read = (*segment)->leaves(
      static_cast<std::int64_t>(first), static_cast<std::int64_t>(std::min(end, first + leaves_at_once)),
      [&found, first](std::int64_t seq, std::string_view hash) {
        if (static_cast<std::uint64_t>(seq) != first + found.size() || hash.size() != sizeof(Digest)) {
          return false;
        }
        std::memcpy(found.emplace_back().data(), hash.data(), hash.size());
        return true;
      });
  (*segment)->release();
  if (!read) {
    return read.error();
  }
  return found;
}

// True: go on with the next piece.
Result<bool> JournalReader::piece(std::size_t index, std::uint64_t first, std::uint64_t end, bool descending,
                                  const VisitEntry& visit) {
  const auto segment = reader(index);
  if (!segment) {
    return segment.error();
  }
  // Rows are copied out and shown when the read transaction has ended: what shows them may be a pipe that
  // stands still.
  std::vector<std::pair<std::uint64_t, std::string>> rows;
  const auto collect = [&rows](std::int64_t seq, std::string_view body) {
    rows.emplace_back(static_cast<std::uint64_t>(seq), std::string(body));
    return true;
  };
  const auto from = static_cast<std::int64_t>(first);
  const auto to = static_cast<std::int64_t>(end);
  const auto read =
      descending ? (*segment)->entries_down(from, to, collect) : (*segment)->entries(from, to, collect);
  (*segment)->release();
  if (!read) {
    return read.error();
  }
  for (const auto& [seq, body] : rows) {
    if (const auto known = check_entry_version(seq, body); !known) {
      return known.error();
    }
    if (!visit(seq, body)) {
      return false;
    }
  }
  return true;
}

Result<void> JournalReader::up(std::uint64_t first, std::uint64_t end, const VisitEntry& visit) {
  for (std::size_t i = segment_of(first); i < segments_.size() && segments_[i].first < end; ++i) {
    const auto last = segment_end(i);
    if (!last) {
      return last.error();
    }
    const std::uint64_t stop = std::min(end, *last);
    for (std::uint64_t at = std::max(first, segments_[i].first); at < stop; at += entries_at_once) {
      const auto more = piece(i, at, std::min(at + entries_at_once, stop), false, visit);
      if (!more) {
        return more.error();
      }
      if (!*more) {
        return {};
      }
    }
  }
  return {};
}

Result<void> JournalReader::down(std::uint64_t first, std::uint64_t end, const VisitEntry& visit) {
  for (std::size_t i = segments_.size(); i-- > 0;) {
    const auto last = segment_end(i);
    if (!last) {
      return last.error();
    }
    const std::uint64_t start = std::max(first, segments_[i].first);
    for (std::uint64_t at = std::min(end, *last); at > start;) {
      const std::uint64_t from = at - start > entries_at_once ? at - entries_at_once : start;
      const auto more = piece(i, from, at, true, visit);
      if (!more) {
        return more.error();
      }
      if (!*more) {
        return {};
      }
      at = from;
    }
  }
  return {};
}

Result<bool> JournalReader::changed() {
  auto segments = list_segments(folder_);
  if (!segments) {
    return segments.error();
  }
  const bool same = segments->size() == segments_.size() && !segments->empty() &&
                    segments->back().path == segments_.back().path;
  if (!same) {
    if (const auto listed = list(); !listed) {
      return listed.error();
    }
  }
  const bool fresh = !same || !reader_ || !reader_->undisturbed();
  const auto segment = reader(segments_.size() - 1);
  if (!segment) {
    return segment.error();
  }
  if ((*segment)->access() != SegmentAccess::shared) {
    return fresh;
  }
  const auto version = (*segment)->data_version();
  if (!version) {
    return version.error();
  }
  const bool newer = version_ != *version;
  version_ = *version;
  return fresh || newer;
}

}  // namespace tallygate::audit
