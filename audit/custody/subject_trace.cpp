#include "audit/custody/subject_trace.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/folder.hpp"
#include "audit/search/reader.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

class Tracer {
 public:
  Tracer(std::vector<SegmentFile> segments, std::vector<Hold> holds, std::string_view uuid,
         std::string_view name)
      : segments_(std::move(segments)),
        holds_(std::move(holds)),
        subject_(R"("subject":")" + std::string(uuid) + '"') {
    if (!append_json_string(name_, name)) {
      name_.clear();
    }
  }

  void take(std::uint64_t seq, std::string_view body) {
    if (body.find(subject_) != std::string_view::npos &&
        body.find(R"("kind":"journal.erase")") == std::string_view::npos) {
      mine(seq);
    } else if (!name_.empty() && body.find(name_) != std::string_view::npos) {
      ++trace_.in_clear;
    }
  }

  [[nodiscard]] SubjectTrace take_trace() { return std::move(trace_); }

 private:
  void mine(std::uint64_t seq) {
    trace_.first = trace_.entries == 0 ? seq : trace_.first;
    trace_.last = seq;
    ++trace_.entries;
    const auto after = std::find_if(segments_.begin(), segments_.end(),
                                    [seq](const SegmentFile& file) { return file.first > seq; });
    if (after != segments_.begin()) {
      const std::string file = std::prev(after)->path.filename().string();
      if (trace_.segments.empty() || trace_.segments.back() != file) {
        trace_.segments.push_back(file);
      }
    }
    for (const Hold& hold : holds_) {
      if (hold.first <= seq && hold.last >= seq &&
          std::find(trace_.holds.begin(), trace_.holds.end(), hold) == trace_.holds.end()) {
        trace_.holds.push_back(hold);
      }
    }
  }

  std::vector<SegmentFile> segments_;
  std::vector<Hold> holds_;
  std::string subject_;
  std::string name_;
  SubjectTrace trace_;
};

}  // namespace

Result<SubjectTrace> trace_subject(const std::filesystem::path& journal, std::string_view uuid,
                                   std::string_view name) {
  auto segments = list_segments(journal);
  if (!segments) {
    return segments.error();
  }
  auto holds = read_holds(journal);
  if (!holds) {
    return holds.error();
  }
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  Tracer tracer(std::move(*segments), std::move(*holds), uuid, name);
  const auto read = reader->up(0, *end, [&](std::uint64_t seq, std::string_view body) {
    tracer.take(seq, body);
    return true;
  });
  return read ? Result<SubjectTrace>(tracer.take_trace()) : read.error();
}

}  // namespace tallygate::audit
