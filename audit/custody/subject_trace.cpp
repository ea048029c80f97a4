#include "audit/custody/subject_trace.hpp"

#include "audit/custody/clear_search.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/folder.hpp"
#include "audit/search/reader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>

namespace tallygate::audit {
namespace {

// Bytes of a policy's text before a part of it: a name may begin there.
constexpr std::size_t carried_bytes = 4'096;

class Tracer {
 public:
  Tracer(std::vector<SegmentFile> segments, std::vector<Hold> holds, std::string_view uuid,
         const std::vector<std::string>& names)
      : segments_(std::move(segments)),
        holds_(std::move(holds)),
        subject_(R"("subject":")" + std::string(uuid) + '"'),
        names_(names) {}

  void take(std::uint64_t seq, std::string_view body) {
    if (body.find(subject_) != std::string_view::npos &&
        body.find(R"("kind":"journal.erase")") == std::string_view::npos) {
      mine(seq);
    }
    const bool across =
        body.find(R"("kind":"policy.load")") != std::string_view::npos && is_across_parts(body);
    if (across || names_.finds(body)) {
      clear(seq, body);
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

  void clear(std::uint64_t seq, std::string_view body) {
    std::array<WantedMember, 1> kind = {WantedMember{"kind", {}}};
    const bool sound = !check_canonical_object(body, kind);
    ++trace_.in_clear;
    ++trace_.clear_kinds[sound ? json_string(kind[0].json).value_or("") : std::string()];
    if (trace_.clear_first.size() < clear_listed_max) {
      trace_.clear_first.push_back(seq);
    }
  }

  // A policy's text is recorded in parts, and a name may be cut in two between them.
  bool is_across_parts(std::string_view body) {
    boost::system::error_code error;
    const auto entry = boost::json::parse(body, error);
    const auto* object = error ? nullptr : entry.if_object();
    const auto* policy = object == nullptr ? nullptr : object->if_contains("policy");
    const auto* part = object == nullptr ? nullptr : object->if_contains("part");
    if (policy == nullptr || !policy->is_object()) {
      return false;
    }
    const std::string text(member_text(policy->get_object(), "text"));
    const bool goes_on = part != nullptr && part->is_int64() && part->get_int64() > 1;
    const bool found =
        goes_on && !names_.finds(carried_) && names_.finds(carried_ + text.substr(0, carried_bytes));
    carried_ = text.substr(text.size() - std::min(text.size(), carried_bytes));
    return found;
  }

  std::vector<SegmentFile> segments_;
  std::vector<Hold> holds_;
  std::string subject_;
  ClearSearch names_;
  std::string carried_;
  SubjectTrace trace_;
};

}  // namespace

Result<SubjectTrace> trace_subject(const std::filesystem::path& journal, std::string_view uuid,
                                   const std::vector<std::string>& names) {
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
  std::vector<Hold> in_force = *holds;
  Tracer tracer(std::move(*segments), std::move(*holds), uuid, names);
  const auto read = reader->up(0, *end, [&](std::uint64_t seq, std::string_view body) {
    tracer.take(seq, body);
    return true;
  });
  if (!read) {
    return read.error();
  }
  SubjectTrace trace = tracer.take_trace();
  trace.in_force = std::move(in_force);
  trace.read = *end;
  return trace;
}

Result<std::optional<std::uint64_t>> held_entry(const std::filesystem::path& journal, std::uint64_t first,
                                                std::string_view uuid, std::span<const Hold> holds) {
  std::optional<std::uint64_t> found;
  if (holds.empty()) {
    return found;
  }
  auto reader = JournalReader::open(journal);
  const auto end = reader ? reader->end() : Result<std::uint64_t>(reader.error());
  if (!end) {
    return end.error();
  }
  const std::string subject = R"("subject":")" + std::string(uuid) + '"';
  const auto read = reader->up(first, *end, [&](std::uint64_t seq, std::string_view body) {
    if (find_hold(holds, seq, seq) != nullptr && body.find(subject) != std::string_view::npos) {
      found = seq;
    }
    return !found;
  });
  return read ? Result<std::optional<std::uint64_t>>(found) : read.error();
}

}  // namespace tallygate::audit
