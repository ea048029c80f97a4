#include "audit/search/export.hpp"

#include "audit/bundle/bundle_files.hpp"
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/paths.hpp"
#include "audit/search/prover.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <memory>
#include <system_error>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr mode_t file_mode = 0640;
constexpr std::size_t ranges_max = 1'000'000;  // only retired bodies make gaps

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

// Removes the folder again, unless it is kept.
class NewFolder {
 public:
  explicit NewFolder(std::filesystem::path path) : path_(std::move(path)) {}
  NewFolder(const NewFolder&) = delete;
  NewFolder& operator=(const NewFolder&) = delete;
  ~NewFolder() {
    if (made_) {
      std::error_code ignored;  // what cannot be removed is left for a person to see
      std::filesystem::remove_all(path_, ignored);
    }
  }
  Result<void> make() {
    std::error_code error;
    made_ = std::filesystem::create_directory(path_, error);
    if (!made_) {
      return fail(error ? FailureKind::unreadable : FailureKind::exists,
                  path_.string() +
                      (error ? ": " + error.message() : ": it is there already; nothing is overwritten"));
    }
    return {};
  }
  void keep() { made_ = false; }

 private:
  std::filesystem::path path_;
  bool made_ = false;
};

std::optional<std::int64_t> time_of(std::string_view body) {
  std::array<WantedMember, 1> time = {WantedMember{"time", {}}};
  if (check_canonical_object(body, time)) {
    return std::nullopt;
  }
  return parse_entry_time(json_string(time[0].json).value_or(std::string()));
}

struct Written {
  ExportReport report;
  std::vector<EntryRange> ranges;
};

// Clocks may step back by some seconds: the record is read to its end, and each entry judged by its own time.
Result<Written> write_entries(Prover& prover, const ExportRequest& request) {
  const auto path = request.folder / "entries.jsonl";
  const File file(std::fopen(path.c_str(), "wbx"));
  if (!file) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  Written written;
  Sha256 sha;
  sha.begin();
  const auto read = prover.reader().up(0, prover.size(), [&](std::uint64_t seq, std::string_view body) {
    const auto time = time_of(body);
    if (!time || (request.from_ns && *time < *request.from_ns) ||
        (request.to_ns && *time >= *request.to_ns)) {
      return true;
    }
    if (written.ranges.empty() || written.ranges.back().second != seq) {
      written.ranges.emplace_back(seq, seq);
    }
    written.ranges.back().second = seq + 1;
    ++written.report.entries;
    sha.add(body);
    sha.add("\n");
    return std::fwrite(body.data(), 1, body.size(), file.get()) == body.size() &&
           std::fputc('\n', file.get()) != EOF && written.ranges.size() <= ranges_max;
  });
  if (!read) {
    return read.error();
  }
  if (std::ferror(file.get()) != 0 || std::fflush(file.get()) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  if (written.ranges.empty() || written.ranges.size() > ranges_max) {
    return fail(
        written.ranges.empty() ? FailureKind::missing : FailureKind::invalid,
        written.ranges.empty() ? "no entry was recorded in that time" : "the entries have too many gaps");
  }
  written.report.first = written.ranges.front().first;
  written.report.last = written.ranges.back().second - 1;
  written.report.entries_sha256 = to_hex(sha.finish());
  return written;
}

std::string lines_of(const std::vector<Digest>& hashes) {
  std::string text;
  for (const Digest& hash : hashes) {
    text += base64_encode(hash) + "\n";
  }
  return text;
}

// What the prover makes as one text is taken apart again: path, keys and checkpoint, each with its length
// before it.
std::string packed(const std::array<std::string, 3>& parts) {
  std::string all;
  for (const std::string& part : parts) {
    all += std::to_string(part.size()) + "\n" + part;
  }
  return all;
}

std::array<std::string, 3> unpacked(std::string_view all) {
  std::array<std::string, 3> parts;
  for (std::string& part : parts) {
    const std::size_t line = all.find('\n');
    const auto size = static_cast<std::size_t>(std::stoull(std::string(all.substr(0, line))));
    part = all.substr(line + 1, size);
    all.remove_prefix(line + 1 + size);
  }
  return parts;
}

Result<std::string> make_proof(Prover& prover, TreeIndex& index, const NodeSource& nodes,
                               const KeyHistory& keys, const Written& written) {
  auto kept = keys.checkpoint(prover.reader(), written.report.last + 1, prover.size() + 1);
  if (!kept) {
    return kept.error();
  }
  if (!*kept) {
    return fail(FailureKind::missing, "no checkpoint of a key that counts covers these entries yet");
  }
  const auto& [note, checkpoint, key] = **kept;
  Sha256 sha;
  const auto path = complement_from(sha, nodes, written.ranges, checkpoint.size);
  if (!path) {
    return path.error();
  }
  auto lines = keys.lines(prover.reader(), index, key, key);
  if (!lines) {
    return lines.error();
  }
  return packed({lines_of(*path), std::move(*lines), keys.signed_by_chain(note, key, key)});
}

// Puts the tree together from the bundle's own parts, as its reader will.
Result<void> check_root(Prover& prover, const Written& written, const std::string& path,
                        const Checkpoint& checkpoint) {
  Sha256 sha;
  PartialTree tree(checkpoint.size);
  const auto parts = complement_parts(written.ranges, checkpoint.size);
  auto part = parts.begin();
  std::string_view rest = path;
  bool fits = true;
  const auto add_before = [&](std::uint64_t seq) {
    for (; fits && part != parts.end() && part->first < seq; ++part) {
      const std::size_t line = rest.find('\n');
      const auto raw = base64_decode(rest.substr(0, line));
      Digest hash{};
      fits = line != std::string_view::npos && raw && raw->size() == hash.size();
      if (fits) {
        std::copy(raw->begin(), raw->end(), hash.begin());
        rest.remove_prefix(line + 1);
        fits = tree.add(sha, *part, hash);
      }
    }
  };
  for (const EntryRange& range : written.ranges) {
    const auto read =
        prover.reader().up(range.first, range.second, [&](std::uint64_t seq, std::string_view body) {
          add_before(seq);
          fits = fits && tree.add(sha, {seq, seq + 1}, sha.leaf(body));
          return fits;
        });
    if (!read) {
      return read.error();
    }
  }
  add_before(checkpoint.size);
  if (!fits || tree.root() != checkpoint.root) {
    return fail(FailureKind::tampered, "the entries do not give the root that was signed");
  }
  return {};
}

Result<SignedCheckpoint> check_proof(Prover& prover, const Written& written, const std::string& proof,
                                     const RootKey& root) {
  const auto [path, keys, note] = unpacked(proof);
  const auto chain = read_key_chain(keys, root);
  auto checkpoint = chain ? read_signed_checkpoint(note, *chain) : Result<SignedCheckpoint>(chain.error());
  if (!checkpoint) {
    return checkpoint.error();
  }
  const auto holds = check_root(prover, written, path, checkpoint->checkpoint);
  return holds ? std::move(checkpoint) : Result<SignedCheckpoint>(holds.error());
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content) {
  return create_file(path, content, file_mode);
}

std::string describe(const ExportReport& report, const SignedCheckpoint& checkpoint) {
  return boost::json::serialize(boost::json::object{{"origin", checkpoint.checkpoint.origin},
                                                    {"entries", report.entries},
                                                    {"first", report.first},
                                                    {"last", report.last},
                                                    {"entries_sha256", report.entries_sha256},
                                                    {"size", report.size},
                                                    {"root", base64_encode(checkpoint.checkpoint.root)},
                                                    {"signed_by", report.signed_by}}) +
         "\n";
}

}  // namespace

Result<ExportReport> export_bundle(const ExportRequest& request) {
  auto prover = Prover::open(request.journal);
  if (!prover) {
    return prover.error();
  }
  NewFolder folder(request.folder);
  if (auto made = folder.make(); !made) {
    return made.error();
  }
  auto written = write_entries(*prover, request);
  if (!written) {
    return written.error();
  }
  std::optional<SignedCheckpoint> checkpoint;
  const auto proof =
      prover->prove([&](TreeIndex& index, const NodeSource& nodes,
                        const KeyHistory& keys) { return make_proof(*prover, index, nodes, keys, *written); },
                    [&](const std::string& made, const RootKey& root) -> Result<void> {
                      auto checked = check_proof(*prover, *written, made, root);
                      if (!checked) {
                        return checked.error();
                      }
                      checkpoint = std::move(*checked);
                      return {};
                    });
  if (!proof) {
    return proof.error();
  }
  written->report.size = checkpoint->checkpoint.size;
  written->report.signed_by = checkpoint->signed_by;
  const auto [path, keys, note] = unpacked(*proof);
  const std::string description = describe(written->report, *checkpoint);
  const std::array<std::pair<const char*, std::string_view>, 6> files = {{{"checkpoint", note},
                                                                          {"path.txt", path},
                                                                          {"keys.txt", keys},
                                                                          {"bundle.json", description},
                                                                          {"README.md", bundle_readme()},
                                                                          {"verify.py", bundle_verifier()}}};
  for (const auto& [name, content] : files) {
    if (auto done = write_file(request.folder / name, content); !done) {
      return done.error();
    }
  }
  folder.keep();
  return std::move(written->report);
}

}  // namespace tallygate::audit
