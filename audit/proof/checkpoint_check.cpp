#include "audit/proof/checkpoint_check.hpp"

#include <algorithm>
#include <cstring>

namespace tallygate::audit {
namespace {

std::string name_of(std::uint64_t size) {
  return "the checkpoint of size " + std::to_string(size);
}

}  // namespace

std::optional<Digest> PrefixRoots::at(Sha256& sha, std::uint64_t size) const {
  if (size == 0) {
    return sha.digest({});
  }
  if (!left_) {
    return std::nullopt;
  }
  if (size == left_->size()) {
    return left_->root(sha);
  }
  const auto found = std::lower_bound(inner_.begin(), inner_.end(), size,
                                      [](const InnerRoot& root, std::uint64_t s) { return root.size < s; });
  if (found == inner_.end() || found->size != size) {
    return std::nullopt;
  }
  // The subtrees of a prefix are joined from the smallest up, and all on the left are larger than the
  // chunk's.
  Digest hash = found->hash;
  const auto left = left_->hashes();
  for (std::size_t i = left.size(); i-- > 0;) {
    hash = sha.node(left[i], hash);
  }
  return hash;
}

void CheckpointCheck::row(Sha256& sha, std::uint64_t size, std::string_view bytes) {
  outcome_.seen.push_back(size);
  const auto note = parse_note(bytes);
  if (!note) {
    fault(size, "checkpoint-altered", note.error().message);
    return;
  }
  const auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint) {
    fault(size, "checkpoint-altered", checkpoint.error().message);
    return;
  }
  if (checkpoint->origin != origin_ || checkpoint->size != size || !checkpoint->extensions.empty()) {
    fault(size, "checkpoint-altered", "its text is not that of this journal at this size");
    return;
  }
  SignatureVerdict verdict = keys_->judge(*note, size);
  for (const std::uint32_t id : verdict.unknown_ids) {
    if (outcome_.unknown.size() < findings_max) {
      outcome_.unknown.emplace_back(size, id);
    }
  }
  const auto root = roots_.at(sha, size);
  if (verdict.faults.size() == 1) {
    fault(size, verdict.faults.front().what, verdict.faults.front().detail);
    return;
  }
  if (root && *root != checkpoint->root && verdict.faults.empty()) {
    fault(size, "root-mismatch", "the root it signs is not that of the entries, " + base64_encode(*root), {});
    return;
  }
  if (!verdict.faults.empty()) {
    end_run();
    for (const SignatureFault& wrong : verdict.faults) {
      outcome_.findings.add(size - 1, wrong.what, name_of(size) + ": " + wrong.detail);
    }
    return;
  }
  end_run();
  if (root && verdict.signer) {
    ++outcome_.good;
    ProvenCheckpoint& proven = outcome_.proven[keys_->ranges()[*verdict.signer].key.vkey()];
    proven.size = size;
    proven.note.assign(bytes);
  }
}

void CheckpointCheck::fault(std::uint64_t size, const char* what, const std::string& detail,
                            std::string_view cause) {
  if (run_what_ == nullptr || std::strcmp(run_what_, what) != 0 || run_cause_ != cause) {
    end_run();
    run_what_ = what;
    run_cause_ = cause;
  }
  if (++run_length_ <= findings_told_singly_max) {
    outcome_.findings.add(size == 0 ? 0 : size - 1, what, name_of(size) + ": " + detail);
    return;
  }
  if (++rest_length_ == 1) {
    rest_first_ = size;
    rest_detail_ = name_of(size) + ": " + detail;
  }
  rest_last_ = size;
}

void CheckpointCheck::end_run() {
  if (rest_length_ > 1) {
    rest_detail_ += "; the same holds for " + std::to_string(rest_length_ - 1) + " after it, up to size " +
                    std::to_string(rest_last_);
  }
  if (rest_length_ > 0) {
    outcome_.findings.add_run(rest_first_ - 1, run_what_, std::move(rest_detail_), rest_length_);
  }
  run_what_ = nullptr;
  run_cause_.clear();
  run_length_ = 0;
  rest_detail_.clear();
  rest_length_ = 0;
}

CheckpointOutcome CheckpointCheck::finish(std::span<const RequiredCheckpoint> required) {
  end_run();
  for (const RequiredCheckpoint& needed : required) {
    if (!std::binary_search(outcome_.seen.begin(), outcome_.seen.end(), needed.size)) {
      outcome_.findings.add(needed.size - 1, "checkpoint-missing",
                            name_of(needed.size) + " is missing: " + needed.why);
    }
  }
  return std::move(outcome_);
}

}  // namespace tallygate::audit
