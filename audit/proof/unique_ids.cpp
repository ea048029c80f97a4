#include "audit/proof/unique_ids.hpp"

#include <algorithm>
#include <queue>
#include <stdexcept>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t read_at_once = 4'096;

// Reads one spilled run from front to back.
class Run {
 public:
  Run(std::FILE* file, std::uint64_t offset, std::uint64_t count)
      : file_(file), offset_(offset), left_(count) {}

  // Nothing at the end.
  const IdOfEntry* next() {
    if (at_ == buffer_.size()) {
      buffer_.resize(static_cast<std::size_t>(std::min<std::uint64_t>(left_, read_at_once)));
      at_ = 0;
      if (buffer_.empty()) {
        return nullptr;
      }
      if (fseeko(file_, static_cast<off_t>(offset_ * sizeof(IdOfEntry)), SEEK_SET) != 0 ||
          std::fread(buffer_.data(), sizeof(IdOfEntry), buffer_.size(), file_) != buffer_.size()) {
        throw std::runtime_error("cannot read back the temporary file of ids");
      }
      offset_ += buffer_.size();
      left_ -= buffer_.size();
    }
    return &buffer_[at_++];
  }

 private:
  std::FILE* file_;
  std::uint64_t offset_;
  std::uint64_t left_;
  std::vector<IdOfEntry> buffer_;
  std::size_t at_ = 0;
};

struct Source {
  IdOfEntry id;
  std::size_t run = 0;
  friend bool operator>(const Source& a, const Source& b) { return a.id > b.id; }
};

// Sees ids in ascending order.
class Pairs {
 public:
  explicit Pairs(const UniqueIds::Repeated& repeated) : repeated_(repeated) {}
  void see(const IdOfEntry& id) {
    if (any_ && id.id == last_.id) {
      repeated_(id.seq, last_.seq);
    }
    last_ = id;
    any_ = true;
  }

 private:
  const UniqueIds::Repeated& repeated_;
  IdOfEntry last_;
  bool any_ = false;
};

}  // namespace

void UniqueIds::add(std::span<const IdOfEntry> run) {
  if (run.empty()) {
    return;
  }
  if (held_.size() >= held_max_) {
    // The newest quarter stays: later runs are likely to meet it.
    spill(held_.size() - held_.size() / 4);
  }
  const auto from = std::lower_bound(held_.begin(), held_.end(), run.front());
  const std::vector<IdOfEntry> met(from, held_.end());
  const auto keep = static_cast<std::size_t>(from - held_.begin());
  held_.resize(held_.size() + run.size());
  std::merge(met.begin(), met.end(), run.begin(), run.end(),
             held_.begin() + static_cast<std::ptrdiff_t>(keep));
}

void UniqueIds::spill(std::size_t count) {
  if (!file_) {
    file_.reset(std::tmpfile());
  }
  if (!file_ || fseeko(file_.get(), static_cast<off_t>(in_file_ * sizeof(IdOfEntry)), SEEK_SET) != 0 ||
      std::fwrite(held_.data(), sizeof(IdOfEntry), count, file_.get()) != count) {
    throw std::runtime_error(
        "cannot write a temporary file for the ids of entries (is the temporary folder full?)");
  }
  spilled_.push_back({in_file_, count});
  in_file_ += count;
  held_.erase(held_.begin(), held_.begin() + static_cast<std::ptrdiff_t>(count));
}

void UniqueIds::finish(const Repeated& repeated) {
  if (!held_.empty() && !spilled_.empty()) {
    spill(held_.size());
  }
  Pairs pairs(repeated);
  for (const IdOfEntry& id : held_) {
    pairs.see(id);
  }
  std::vector<Run> runs;
  std::priority_queue<Source, std::vector<Source>, std::greater<>> front;
  for (const Spilled& part : spilled_) {
    runs.emplace_back(file_.get(), part.offset, part.count);
    if (const IdOfEntry* id = runs.back().next()) {
      front.push({*id, runs.size() - 1});
    }
  }
  while (!front.empty()) {
    const Source source = front.top();
    front.pop();
    pairs.see(source.id);
    if (const IdOfEntry* id = runs[source.run].next()) {
      front.push({*id, source.run});
    }
  }
  held_.clear();
  spilled_.clear();
  file_.reset();
  in_file_ = 0;
}

void sort_nearly_sorted(std::vector<IdOfEntry>& ids) {
  // Insertion sort pays while elements move a few places; beyond that many moves it is the wrong tool.
  std::size_t moves_left = ids.size() * 16;
  for (std::size_t i = 1; i < ids.size(); ++i) {
    if (ids[i - 1] <= ids[i]) {
      continue;
    }
    const IdOfEntry id = ids[i];
    std::size_t at = i;
    while (at > 0 && id < ids[at - 1] && moves_left > 0) {
      ids[at] = ids[at - 1];
      --at;
      --moves_left;
    }
    ids[at] = id;
    if (moves_left == 0) {
      std::sort(ids.begin(), ids.end());
      return;
    }
  }
}

}  // namespace tallygate::audit
