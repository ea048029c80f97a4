#pragma once
/// Verifies a whole journal (journal.md §9).

#include "audit/journal/clock.hpp"
#include "audit/journal/failure.hpp"
#include "audit/journal/note.hpp"
#include "audit/proof/findings.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::audit {

/// The provisioning public key, the one thing that is believed.
struct RootKey {
  Ed25519Verifier key;
  std::string name;  ///< of a vkey; empty for a PEM, which has none
};

/// Reads `--root`: a vkey, a file that holds one, or a PEM file. Errors: invalid (says what would be right),
/// missing.
[[nodiscard]] Result<RootKey> load_root_key(const std::string& text);

/// How far a verification has come.
struct VerifyProgress {
  std::uint64_t entries_done = 0;
  std::uint64_t entries_total = 0;
  std::uint64_t bytes_done = 0;
};

/// What to verify, and against what.
struct VerifyOptions {
  std::filesystem::path journal;  ///< the folder
  RootKey root;
  std::optional<std::filesystem::path> head;  ///< the companion head: its file, or the folder that holds it
  std::optional<std::filesystem::path> anchors;  ///< a folder with one checkpoint note a file
  std::optional<std::chrono::seconds> age_max;   ///< an older newest entry is a finding
  /// The time that entries are held against, also without age_max: one that is newer was recorded by a clock
  /// that was ahead, or made up. Asked when the record was read; none: nothing is said of the future.
  Clock clock{};
  unsigned threads = 0;  ///< 0: one for each processor
  /// Called on the calling thread now and then, and at the end.
  std::function<void(const VerifyProgress&)> progress;
  std::optional<std::filesystem::path> since{};  ///< a file with a checkpoint note that is trusted
};

/// Reads every byte of the record that is evidence and reports what it finds; never stops at the first
/// finding. Changes nothing in the folder, and may run while the journal is written: what was committed when
/// it began is verified; where a segment was replaced meanwhile (a retirement), or one was begun and
/// something was found, it is read again, a few times at most, and a remark says so and what had been found.
/// What no sealing and no retirement can have shown stays a finding. Memory does not grow with the record.
///
/// With `since` the caller says that the record was whole up to that checkpoint. Every body is read and
/// hashed all the same, and the record must give the checkpoint's root at its size, signed by the key in
/// force there: where it does, every body before it is, bit for bit, what was verified then, and is not taken
/// apart again. What is saved are the fields, times and ids of these entries and the signatures of their
/// checkpoints, but for those where keys change or segments end; entries that concern keys, grants, segments
/// and the journal itself are judged as ever. Ids of new entries are not compared with those of settled ones.
/// Where it does not, that is a finding, and everything is verified as if there had been no such checkpoint;
/// also where its key was revoked from that size on, which is told as of an anchor.
///
/// Errors: missing or unreadable, only where the folder, the anchors' folder, the head file or the checkpoint
/// of `since` cannot be read at all, or a segment is of a later format; invalid where that is no checkpoint;
/// everything else is a finding.
[[nodiscard]] Result<VerifyReport> verify_journal(const VerifyOptions& options);

}  // namespace tallygate::audit
