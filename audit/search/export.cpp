#include "audit/search/export.hpp"

#include "audit/bundle/bundle_files.hpp"
#include "audit/journal/file.hpp"
#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/time_text.hpp"
#include "audit/proof/key_chain.hpp"
#include "audit/proof/paths.hpp"
#include "audit/proof/proof_lines.hpp"
#include "audit/search/bundle_folder.hpp"
#include "audit/search/export_choice.hpp"
#include "audit/search/prover.hpp"
#include "audit/search/settled.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <memory>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr mode_t file_mode = 0640;
constexpr std::size_t ranges_max = 1'000'000;  // only retired bodies and clocks set back make gaps

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

File new_file(const std::filesystem::path& path) {
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode);
  File file(descriptor < 0 ? nullptr : ::fdopen(descriptor, "wb"));
  if (descriptor >= 0 && !file) {
    ::close(descriptor);
  }
  return file;
}

struct Written {
  ExportReport report;
  std::vector<EntryRange> ranges;
};

// Clocks may step back by some seconds: the record is read to its end, and each entry judged by its own time.
Result<Written> write_entries(Prover& prover, const ExportRequest& request,
                              const std::filesystem::path& path) {
  const File file = new_file(path);
  if (!file) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  Written written;
  Sha256 sha;
  sha.begin();
  ExportChoice choice(request.from_ns, request.to_ns);
  const auto write = [&](std::uint64_t, std::string_view body) {
    sha.add(body);
    sha.add("\n");
    return std::fwrite(body.data(), 1, body.size(), file.get()) == body.size() &&
           std::fputc('\n', file.get()) != EOF && choice.ranges().size() <= ranges_max;
  };
  const auto read = prover.reader().up(0, prover.size(), [&](std::uint64_t seq, std::string_view body) {
    return choice.look_at(seq, body, write);
  });
  if (!read) {
    return read.error();
  }
  if (std::ferror(file.get()) != 0 || std::fflush(file.get()) != 0 || ::fsync(::fileno(file.get())) != 0) {
    return fail(FailureKind::unreadable, path.string() + ": " + errno_text(errno));
  }
  written.ranges = choice.ranges();
  written.report.entries = choice.count();
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

// Path, keys, their consistency, and the checkpoint.
using ProofParts = std::array<std::string, 4>;

// What the prover makes as one text is taken apart again: each part has its length before it.
std::string packed(const ProofParts& parts) {
  std::string all;
  for (const std::string& part : parts) {
    all += std::to_string(part.size()) + "\n" + part;
  }
  return all;
}

ProofParts unpacked(std::string_view all) {
  ProofParts parts;
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
    return fail(FailureKind::missing,
                "no checkpoint of a key that counts covers these entries yet; one does once a key that "
                "the provisioning key names goes on: tallygate keys rotate --prepare");
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
  std::string consistency;
  for (const std::uint64_t before : keys.prefix_sizes(key, key)) {
    const auto one = consistency_from(sha, nodes, before, checkpoint.size);
    if (!one) {
      return one.error();
    }
    consistency += hashes_text(*one) + "\n";
  }
  return packed(
      {lines_of(*path), std::move(*lines), std::move(consistency), keys.signed_by_chain(note, key, key)});
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
  const auto [path, keys, consistency, note] = unpacked(proof);
  const auto chain = read_key_chain(keys, root);
  auto checkpoint = chain ? read_signed_checkpoint(note, *chain) : Result<SignedCheckpoint>(chain.error());
  if (!checkpoint) {
    return checkpoint.error();
  }
  const auto follows = check_prefixes(*chain, checkpoint->checkpoint, consistency);
  const auto holds = follows ? check_root(prover, written, path, checkpoint->checkpoint) : follows;
  return holds ? std::move(checkpoint) : Result<SignedCheckpoint>(holds.error());
}

Result<void> write_file(const std::filesystem::path& path, std::string_view content) {
  return create_file(path, content, file_mode);
}

boost::json::value moment(const std::optional<std::int64_t>& since_1970_ns) {
  return since_1970_ns ? boost::json::value(time_text(Time(std::chrono::nanoseconds(*since_1970_ns))))
                       : boost::json::value();
}

// Numbers between the first and the last that are not here, as [first, last].
boost::json::array gaps(const std::vector<EntryRange>& ranges) {
  boost::json::array all;
  for (std::size_t i = 1; i < ranges.size(); ++i) {
    all.push_back(boost::json::array{ranges[i - 1].second, ranges[i].first - 1});
  }
  return all;
}

std::string describe(const ExportRequest& request, const Written& written,
                     const SignedCheckpoint& checkpoint) {
  const ExportReport& report = written.report;
  return boost::json::serialize(boost::json::object{{"origin", checkpoint.checkpoint.origin},
                                                    {"from", moment(request.from_ns)},
                                                    {"to", moment(request.to_ns)},
                                                    {"entries", report.entries},
                                                    {"first", report.first},
                                                    {"last", report.last},
                                                    {"gaps", gaps(written.ranges)},
                                                    {"entries_sha256", report.entries_sha256},
                                                    {"size", report.size},
                                                    {"root", base64_encode(checkpoint.checkpoint.root)},
                                                    {"signed_by", report.signed_by}}) +
         "\n";
}

// What a test may want to fail at.
Result<void> at_step(const ExportRequest& request, ExportStep step) {
  return request.at_step ? request.at_step(step) : Result<void>();
}

// A bundle but for its last file.
struct Unproven {
  ExportReport report;
  std::string checkpoint;
};

Result<void> write_parts(const ExportRequest& request, const std::filesystem::path& folder,
                         const ProofParts& proof, const std::string& description) {
  if (auto go_on = at_step(request, ExportStep::files); !go_on) {
    return go_on;
  }
  const std::array<std::pair<const char*, std::string_view>, 6> files = {{{"path.txt", proof[0]},
                                                                          {"keys.txt", proof[1]},
                                                                          {"consistency.txt", proof[2]},
                                                                          {"bundle.json", description},
                                                                          {"README.md", bundle_readme()},
                                                                          {"verify.py", bundle_verifier()}}};
  for (const auto& [name, content] : files) {
    if (auto done = write_file(folder / name, content); !done) {
      return done;
    }
  }
  return {};
}

// The record is closed again when this returns.
Result<Unproven> write_bundle(const ExportRequest& request, const std::filesystem::path& folder) {
  auto prover = Prover::open(request.journal);
  if (!prover) {
    return prover.error();
  }
  if (auto go_on = at_step(request, ExportStep::entries); !go_on) {
    return go_on.error();
  }
  auto written = write_entries(*prover, request, folder / "entries.jsonl");
  if (!written) {
    return written.error();
  }
  if (auto go_on = at_step(request, ExportStep::proof); !go_on) {
    return go_on.error();
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
  auto parts = unpacked(*proof);
  if (auto done = write_parts(request, folder, parts, describe(request, *written, *checkpoint)); !done) {
    return done.error();
  }
  return Unproven{std::move(written->report), std::move(parts.back())};
}

// Begun again where a segment was retired meanwhile: then its bodies are gone, and the entry that says so is
// behind the size that was chosen.
Result<Unproven> write_settled(const ExportRequest& request, const BundleFolder& folder) {
  return read_settled(request.journal, Replaced::is_anew, [&]() -> Result<Unproven> {
    if (auto emptied = folder.empty(); !emptied) {
      return emptied.error();
    }
    return write_bundle(request, folder.path());
  });
}

// From here on the bundle proves something, so it is on record by now.
Result<void> complete(const ExportRequest& request, const Unproven& made, BundleFolder& folder) {
  if (auto go_on = at_step(request, ExportStep::checkpoint); !go_on) {
    return go_on;
  }
  if (auto done = write_file(folder.path() / "checkpoint", made.checkpoint); !done) {
    return done;
  }
  if (auto go_on = at_step(request, ExportStep::name); !go_on) {
    return go_on;
  }
  return folder.show();
}

}  // namespace

Result<ExportReport> export_bundle(const ExportRequest& request) {
  BundleFolder folder(request.folder);
  auto made = folder.make();
  if (folder.cleared() && request.tell) {
    request.tell(folder.path().string() + ": an export that was broken off had left it; it was removed");
  }
  if (!made) {
    return made.error();
  }
  auto unproven = write_settled(request, folder);
  if (!unproven) {
    return unproven.error();
  }
  auto allowed = at_step(request, ExportStep::record);
  if (allowed && request.before_shown) {
    allowed = request.before_shown(unproven->report);
  }
  allowed = allowed ? complete(request, *unproven, folder) : allowed;
  return allowed ? Result<ExportReport>(std::move(unproven->report)) : allowed.error();
}

}  // namespace tallygate::audit
