#include "audit/custody/sealed_files.hpp"

#include "audit/custody/scan.hpp"
#include "audit/journal/head.hpp"
#include "audit/journal/note.hpp"
#include "audit/journal/tree.hpp"
#include "audit/journal/way_out.hpp"
#include "audit/proof/segment_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string_view>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::uint64_t entries_at_once = 4'096;

Failure tampered(const std::filesystem::path& path, const std::string& what) {
  return fail(FailureKind::tampered, path.string() + ": " + what + "; run tallygate audit verify");
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * ns_per_second + time.tv_nsec;
}

bool has_bytes(std::filesystem::path file, const char* suffix) {
  file += suffix;
  std::error_code error;
  return std::filesystem::file_size(file, error) > 0 && !error;
}

// Bytes of a final file that are others now: what puts an end to it is the copy that has this hash.
Failure altered(const std::filesystem::path& file, const Digest& found, const Digest& recorded) {
  return fail(
      FailureKind::tampered,
      file.string() +
          ": it is neither the file that was sealed nor a stub that is on record: its SHA-256 "
          "is " +
          to_hex(found) + ", and the one on record is " + to_hex(recorded) +
          ". Put back the copy for which sha256sum says that; until then nothing is done that rests on "
          "the record. All that is wrong with it is said by: tallygate audit verify --journal " +
          shell_path(file.parent_path()) + " --root ROOT.pub.pem");
}

// What SQLite would take up together with a file that is final.
Result<void> stands_alone(const std::filesystem::path& file) {
  for (const char* suffix : {"-wal", "-journal"}) {
    if (has_bytes(file, suffix)) {
      return tampered(file, "it is final, and " + file.filename().string() + suffix + " stands beside it");
    }
  }
  return {};
}

// Which segment is not there, where one says of itself that it follows another.
Failure hole(const std::filesystem::path& journal, std::uint64_t first, std::uint64_t last) {
  return fail(FailureKind::tampered, segment_missing(journal, first, last) + "; run tallygate audit verify");
}

}  // namespace

Result<SealedFiles::Stamp> SealedFiles::stamp_of(const std::filesystem::path& file) {
  struct stat status{};
  if (::stat(file.c_str(), &status) != 0) {
    return fail(errno == ENOENT ? FailureKind::missing : FailureKind::unreadable,
                file.string() + ": " + errno_text(errno));
  }
  return Stamp{{status.st_dev, status.st_ino},
               static_cast<std::uint64_t>(status.st_size),
               nanoseconds(status.st_mtim),
               nanoseconds(status.st_ctim)};
}

Result<void> SealedFiles::check(const std::filesystem::path& journal, const std::stop_token& stop) {
  for (;;) {
    const auto done = step(journal, stop);
    if (!done || *done) {
      return done ? Result<void>() : done.error();
    }
  }
}

Result<bool> SealedFiles::step(const std::filesystem::path& journal, const std::stop_token& stop) {
  auto looked = look(journal, stop);
  if (!looked) {
    *this = SealedFiles();
  }
  return looked;
}

Result<bool> SealedFiles::look(const std::filesystem::path& journal, const std::stop_token& stop) {
  const auto files = list_segments(journal);
  if (!files) {
    return files.error();
  }
  if (files->empty()) {
    return fail(FailureKind::missing, journal.string() + ": holds no segment of a journal");
  }
  const auto sealed = seals(*files);
  if (!sealed) {
    return sealed.error();
  }
  open_first_ = sealed->empty() ? 0 : sealed->back().last + 1;
  for (std::size_t i = 0; i < sealed->size(); ++i) {
    const SegmentFile& file = (*files)[i];
    if (auto alone = stands_alone(file.path); !alone) {
      return alone.error();
    }
    const auto known = look_at(file);
    if (!known) {
      return known.error();
    }
    if ((*known)->of == (*sealed)[i].sha256) {
      continue;
    }
    if (auto hashed = hash(journal, file, (*sealed)[i], stop); !hashed) {
      return hashed.error();
    }
    return i + 1 == sealed->size();
  }
  return true;
}

// What the seals say, one for each segment but the one that is written: it has none yet, nor has the one
// before it while it holds nothing.
Result<std::vector<Seal>> SealedFiles::seals(const std::vector<SegmentFile>& files) {
  const auto journal = files.front().path.parent_path();
  if (files.front().first != 0) {
    return hole(journal, 0, files.front().first - 1);
  }
  std::vector<Seal> all;
  for (std::size_t i = 1; i < files.size(); ++i) {
    const bool newest = i + 1 == files.size();
    auto seal = seal_before(files[i], newest);
    if (!seal) {
      return seal.error();
    }
    if (!*seal && newest) {
      break;
    }
    if (!*seal || (*seal)->last + 1 != files[i].first) {
      return tampered(files[i].path, "it does not begin with the journal.seal of the segment before it");
    }
    if ((*seal)->first != files[i - 1].first) {
      return hole(journal, (*seal)->first, (*seal)->last);
    }
    all.push_back(std::move(**seal));
  }
  return all;
}

// Nothing where there is no such entry: of the newest segment where there is no entry at all.
Result<std::optional<Seal>> SealedFiles::seal_before(const SegmentFile& file, bool newest) {
  const auto known = look_at(file);
  if (!known) {
    return known.error();
  }
  if ((*known)->before && !newest) {
    return (*known)->before;
  }
  auto reader = SegmentReader::open(file.path);
  auto body = reader ? reader->entry(static_cast<std::int64_t>(file.first))
                     : Result<std::optional<std::string>>(reader.error());
  if (!body) {
    return body.error();
  }
  (*known)->before = *body ? parse_seal(**body) : std::nullopt;
  if (*body && !(*known)->before) {
    return tampered(file.path, "it does not begin with the journal.seal of the segment before it");
  }
  return (*known)->before;
}

// What is known of the file that lies there now.
Result<SealedFiles::Known*> SealedFiles::look_at(const SegmentFile& file) {
  const auto stamp = stamp_of(file.path);
  if (!stamp) {
    return stamp.error();
  }
  Known& known = known_[file.first];
  if (known.stamp != *stamp) {
    known = Known{*stamp, {}, {}};
  }
  return &known;
}

Result<void> SealedFiles::hash(const std::filesystem::path& journal, const SegmentFile& file,
                               const Seal& seal, const std::stop_token& stop) {
  const auto sha256 = file_sha256(file.path, stop);
  const auto same = !sha256                  ? Result<bool>(sha256.error())
                    : *sha256 == seal.sha256 ? Result<bool>(true)
                                             : is_stub_of(journal, seal, *sha256, stop);
  const auto after = same ? stamp_of(file.path) : Result<Stamp>(same.error());
  if (!after) {
    return after.error();
  }
  Known& known = known_[file.first];
  if (*after != known.stamp) {  // by a retirement, most likely
    return fail(FailureKind::unreadable, file.path.string() + ": it changed while it was read; try again");
  }
  if (!*same) {
    const auto stub = retired_.find(seal.last);
    return altered(file.path, *sha256, stub == retired_.end() ? seal.sha256 : stub->second);
  }
  known.of = seal.sha256;
  return {};
}

// A retirement is recorded before its stub takes the place: so it is looked for after the file was hashed.
Result<bool> SealedFiles::is_stub_of(const std::filesystem::path& journal, const Seal& seal,
                                     const Digest& sha256, const std::stop_token& stop) {
  const auto found = [&] {
    const auto claim = retired_.find(seal.last);
    return claim != retired_.end() && claim->second == sha256;
  };
  if (found()) {
    return true;
  }
  constexpr std::array<std::string_view, 1> kinds = {"journal.retire"};
  const auto read =
      scan_kinds_from(journal, retired_read_, kinds,
                      [&](std::uint64_t seq, std::string_view, const boost::json::object& entry) {
                        const auto* last = entry.if_contains("last");
                        boost::system::error_code error;
                        const auto of = last == nullptr ? 0 : last->to_number<std::uint64_t>(error);
                        const auto stub = digest_from_hex(member_text(entry, "stub"));
                        if (last != nullptr && !error && stub && of < seq) {
                          retired_[of] = *stub;
                        }
                        return !stop.stop_requested();
                      });
  if (!read || stop.stop_requested()) {
    return read ? fail(FailureKind::unreadable, journal.string() + ": reading it was stopped") : read.error();
  }
  retired_read_ = *read;
  return found();
}

namespace {

// Adds the leaf hashes from the tree's end on.
Result<void> append_leaves(SegmentReader& reader, CompactRange& tree, std::uint64_t end) {
  Sha256 sha;
  while (tree.size() < end) {
    const std::uint64_t first = tree.size();
    const std::uint64_t stop = std::min(end, first + entries_at_once);
    const auto read = reader.entries(static_cast<std::int64_t>(first), static_cast<std::int64_t>(stop),
                                     [&](std::int64_t seq, std::string_view body) {
                                       if (static_cast<std::uint64_t>(seq) != tree.size()) {
                                         return false;
                                       }
                                       tree.append(sha, sha.leaf(body));
                                       return true;
                                     });
    reader.release();  // a live writer can start its WAL over
    if (!read || tree.size() != stop) {
      return read;
    }
  }
  return {};
}

// The root at that size; nothing where the entries before it are not all there.
Result<std::optional<Digest>> root_at(const SegmentFile& file, std::uint64_t size) {
  auto reader = SegmentReader::open(file.path);
  if (!reader) {
    return reader.error();
  }
  std::optional<CompactRange> tree = CompactRange();
  if (file.first != 0) {
    const auto body = reader->entry(static_cast<std::int64_t>(file.first));
    reader->release();
    if (!body) {
      return body.error();
    }
    const auto seal = *body ? parse_seal(**body) : std::nullopt;
    tree = seal ? tree_after(*seal) : std::nullopt;
  }
  if (!tree || tree->size() != file.first) {
    return std::optional<Digest>();
  }
  if (auto read = append_leaves(*reader, *tree, size); !read) {
    return read.error();
  }
  Sha256 sha;
  return tree->size() == size ? std::optional(tree->root(sha)) : std::nullopt;
}

}  // namespace

Result<void> check_end(const std::filesystem::path& journal, const KnownRoot& known) {
  if (known.size == 0) {
    return {};
  }
  constexpr int tries = 2;  // a segment may be sealed, and replaced by its copy, while it is read
  for (int left = tries; left > 0; --left) {
    const auto files = list_segments(journal);
    if (!files) {
      return files.error();
    }
    const auto after = std::partition_point(files->begin(), files->end(),
                                            [&](const SegmentFile& file) { return file.first < known.size; });
    const auto root = after == files->begin() ? Result<std::optional<Digest>>(std::optional<Digest>())
                                              : root_at(*std::prev(after), known.size);
    if (!root && left == 1) {
      return root.error();
    }
    if (root && *root && **root == known.root) {
      return {};
    }
  }
  return tampered(journal,
                  "its first " + std::to_string(known.size) + " entries are not those that were recorded");
}

std::optional<KnownRoot> acknowledged(const std::filesystem::path& head) {
  const auto file = open_to_read(head);
  std::string bytes(head_blocks * head_block_size, '\0');
  const ssize_t got = file ? ::pread(file->get(), bytes.data(), bytes.size(), 0) : -1;
  std::optional<KnownRoot> newest;
  for (std::size_t at = 0; got > 0 && at < static_cast<std::size_t>(got); at += head_block_size) {
    const auto block = std::string_view(bytes).substr(at, head_block_size);
    const auto note = parse_note(block.substr(0, block.find('\0')));
    const auto checkpoint = parse_checkpoint(note ? std::string_view(note->text) : std::string_view());
    if (checkpoint && (!newest || checkpoint->size > newest->size)) {
      newest = KnownRoot{checkpoint->size, checkpoint->root};
    }
  }
  return newest;
}

}  // namespace tallygate::audit
