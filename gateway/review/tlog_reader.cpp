#include "gateway/review/tlog_reader.hpp"

#include "audit/journal/note.hpp"

#include <algorithm>
#include <utility>
#include <vector>

namespace tallygate::review {
namespace {

using audit::Result;

constexpr unsigned tile_bits = 8;
constexpr unsigned retry_s = 2;
constexpr std::size_t entry_bytes_max = 65'535;
// A tile that is full never changes, and neither does a part of it. What holds entries stays out of shared
// caches.
constexpr std::string_view for_ever = "public, max-age=31536000, immutable";
constexpr std::string_view for_ever_here = "private, max-age=31536000, immutable";
constexpr std::string_view binary = "application/octet-stream";

AdminAnswer not_yet() {
  AdminAnswer answer = problem(503, "The tree is being made");
  answer.retry_after_s = retry_s;
  return answer;
}

AdminAnswer bytes_of(std::string body, std::string_view cache_control, const TlogRequest& request) {
  AdminAnswer answer;
  answer.content_type = binary;
  answer.body = std::move(body);
  answer.cache_control = request.width == tile_width ? cache_control : "no-store";
  return answer;
}

}  // namespace

AdminAnswer TlogReader::answer(const TlogRequest& request, bool entries) {
  using Kind = TlogRequest::Kind;
  if (!broken_.empty()) {
    return problem(500, "The entries do not give the root that was signed");
  }
  if (request.kind == Kind::entries && !entries) {
    return problem(404, "Entries are not shown here");
  }
  if (request.kind == Kind::checkpoint || !covers(request)) {
    const auto state = refresh();
    if (!state) {
      return failed(state.error());
    }
    if (*state == State::behind && size_ == 0) {
      return not_yet();
    }
  }
  if (request.kind == Kind::checkpoint) {
    AdminAnswer answer;
    answer.content_type = "text/plain; charset=utf-8";
    answer.body = note_;
    return answer;
  }
  if (!covers(request)) {
    return problem(404, "Beyond the tree");
  }
  return request.kind == Kind::tile ? tile(request) : bundle(request);
}

AdminAnswer TlogReader::failed(const audit::Failure& failure) {
  if (failure.kind == audit::FailureKind::missing) {
    return problem(404, "There is no checkpoint yet");
  }
  if (failure.kind == audit::FailureKind::tampered) {
    broken_ = failure.message;
    raise(failure.message);
    return problem(500, "The entries do not give the root that was signed");
  }
  raise(failure.message);
  return problem(500, "The journal cannot be read");
}

// The same thing is told once, however often somebody asks.
void TlogReader::raise(const std::string& what) {
  if (what != raised_) {
    raised_ = alarm_ = what;
  }
}

bool TlogReader::covers(const TlogRequest& request) const noexcept {
  const unsigned shift = request.level * tile_bits;
  const std::uint64_t hashes = shift < 64 ? size_ >> shift : 0;
  return request.number * tile_width + request.width <= hashes;
}

Result<void> TlogReader::open_index() {
  if (index_) {
    return {};
  }
  auto index = audit::TreeIndex::open(journal_);
  if (!index) {
    return index.error();
  }
  index_.emplace(std::move(*index));
  return {};
}

Result<TlogReader::State> TlogReader::refresh() {
  auto reader = audit::JournalReader::open(journal_);
  if (!reader) {
    return reader.error();
  }
  auto note = reader->checkpoint();
  if (!note) {
    return note.error();
  }
  if (!*note) {
    return audit::fail(audit::FailureKind::missing, "the journal has no checkpoint yet");
  }
  if (**note == note_) {
    return State::ready;
  }
  return adopt(std::move(**note), *reader);
}

// Shows the checkpoint from now on, once the index leads to its root.
Result<TlogReader::State> TlogReader::adopt(std::string bytes, audit::JournalReader& reader) {
  const auto note = audit::parse_note(bytes);
  const auto checkpoint = note ? audit::parse_checkpoint(note->text) : note.error();
  if (!checkpoint) {
    return audit::fail(audit::FailureKind::tampered,
                       "the newest checkpoint cannot be read: " + checkpoint.error().message);
  }
  const std::uint64_t size = checkpoint->size;
  if (const auto opened = open_index(); !opened) {
    return opened.error();
  }
  if (index_->size() + step_ < size) {
    target_ = size;
    return State::behind;
  }
  const auto extended = index_->extend(reader, size);
  if (!extended && extended.error().kind != audit::FailureKind::missing) {
    return extended.error();
  }
  const auto root = extended ? index_->root(size) : extended.error();
  if (root && *root == checkpoint->root) {
    note_ = std::move(bytes);
    size_ = size;
    target_ = 0;
    made_again_ = false;
    return State::ready;
  }
  if (made_again_) {
    return audit::fail(audit::FailureKind::tampered,
                       "the entries do not give the root that the checkpoint of size " +
                           std::to_string(size) + " signs; see: tallygate audit verify");
  }
  // The index is not believed: where it leads elsewhere it is made again, once.
  if (const auto begun = begin_again(size); !begun) {
    return begun.error();
  }
  made_again_ = true;
  return State::behind;
}

Result<void> TlogReader::begin_again(std::uint64_t size) {
  size_ = 0;
  note_.clear();
  target_ = size;
  return index_->clear();
}

void TlogReader::advance() {
  auto reader = audit::JournalReader::open(journal_);
  const auto opened = reader ? open_index() : reader.error();
  const auto extended =
      opened ? index_->extend(*reader, std::min(target_, index_->size() + step_)) : opened.error();
  if (!extended) {
    raise(extended.error().message);
    target_ = 0;
    return;
  }
  if (index_->size() >= target_) {
    target_ = 0;
    if (const auto shown = refresh(); !shown) {
      static_cast<void>(failed(shown.error()));
    }
  }
}

AdminAnswer TlogReader::tile(const TlogRequest& request) {
  const auto hashes = index_->tile(request.level, request.number);
  if (!hashes) {
    return failed(hashes.error());
  }
  const auto fits = index_->fits(request.level, request.number);
  if (!fits) {
    return failed(fits.error());
  }
  if (hashes->size() < request.width || !*fits) {
    // It was damaged, or somebody began it anew.
    const auto begun = begin_again(size_);
    return begun ? not_yet() : failed(begun.error());
  }
  std::string body;
  body.reserve(request.width * sizeof(audit::Digest));
  for (unsigned i = 0; i < request.width; ++i) {
    body.append((*hashes)[i].begin(), (*hashes)[i].end());
  }
  return bytes_of(std::move(body), for_ever, request);
}

AdminAnswer TlogReader::bundle(const TlogRequest& request) {
  auto reader = audit::JournalReader::open(journal_);
  if (!reader) {
    return failed(reader.error());
  }
  const std::uint64_t first = request.number * tile_width;
  std::uint64_t next = first;
  std::string body;
  const auto read = reader->up(first, first + request.width, [&](std::uint64_t seq, std::string_view entry) {
    if (seq != next || entry.size() > entry_bytes_max) {
      return false;
    }
    body += static_cast<char>(entry.size() >> 8U);
    body += static_cast<char>(entry.size() & 0xFFU);
    body += entry;
    ++next;
    return true;
  });
  if (!read) {
    return failed(read.error());
  }
  if (next != first + request.width) {
    return problem(404, "The bodies of these entries are no longer kept");
  }
  return bytes_of(std::move(body), for_ever_here, request);
}

}  // namespace tallygate::review
