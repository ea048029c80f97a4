#include "audit/custody/archive.hpp"

#include "audit/journal/file.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <zstd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>

namespace tallygate::audit {
namespace {

constexpr int level = 9;  // segments are written once and rarely read
constexpr mode_t archive_mode = 0440;

struct FreeCompressor {
  void operator()(ZSTD_CCtx* context) const { ZSTD_freeCCtx(context); }
};
struct FreeDecompressor {
  void operator()(ZSTD_DCtx* context) const { ZSTD_freeDCtx(context); }
};

Failure cannot(const std::filesystem::path& path, const std::string& what) {
  return fail(FailureKind::unreadable, path.string() + ": " + what);
}

// Calls `each` with a file piece by piece, from where it stands, and with nothing at its end.
Result<void> read_pieces(const FileDescriptor& file, const std::filesystem::path& path,
                         std::size_t piece_bytes, const std::stop_token& stop,
                         const std::function<Result<void>(std::string_view)>& each) {
  std::string piece(piece_bytes, '\0');
  for (;;) {
    if (stop.stop_requested()) {
      return cannot(path, "its archiving was stopped");
    }
    const ssize_t got = ::read(file.get(), piece.data(), piece.size());
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return cannot(path, errno_text(errno));
    }
    if (auto done = each(std::string_view(piece).substr(0, static_cast<std::size_t>(got)));
        !done || got == 0) {
      return done;
    }
  }
}

// Gives the hash of what was compressed.
Result<Digest> compress(const std::filesystem::path& from, const FileDescriptor& to,
                        const std::filesystem::path& path, const std::stop_token& stop) {
  // The folder may be another user's, who could have put a link of his choice there meanwhile.
  const auto source = open_own(from, O_RDONLY);
  if (!source) {
    return source.error();
  }
  const std::unique_ptr<ZSTD_CCtx, FreeCompressor> context(ZSTD_createCCtx());
  if (!context || ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_compressionLevel, level)) != 0 ||
      ZSTD_isError(ZSTD_CCtx_setParameter(context.get(), ZSTD_c_checksumFlag, 1)) != 0) {
    return cannot(path, "zstd cannot be used");
  }
  std::string out(ZSTD_CStreamOutSize(), '\0');
  Sha256 content;
  content.begin();
  const auto done =
      read_pieces(*source, from, ZSTD_CStreamInSize(), stop, [&](std::string_view piece) -> Result<void> {
        content.add(piece);
        const bool last = piece.empty();
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        for (bool more = true; more;) {
          ZSTD_outBuffer buffer{out.data(), out.size(), 0};
          const std::size_t left =
              ZSTD_compressStream2(context.get(), &buffer, &in, last ? ZSTD_e_end : ZSTD_e_continue);
          if (ZSTD_isError(left) != 0) {
            return cannot(path, ZSTD_getErrorName(left));
          }
          if (auto written = write_all(to, std::string_view(out).substr(0, buffer.pos), path); !written) {
            return written;
          }
          more = last ? left != 0 : in.pos < in.size;
        }
        return {};
      });
  return done ? Result<Digest>(content.finish()) : Result<Digest>(done.error());
}

// The hash of what the archive holds, and its own.
struct Restored {
  Digest content{};
  Digest archive{};
};

Result<Restored> restore(const FileDescriptor& file, const std::filesystem::path& path,
                         const std::stop_token& stop) {
  const std::unique_ptr<ZSTD_DCtx, FreeDecompressor> context(ZSTD_createDCtx());
  std::string out(ZSTD_DStreamOutSize(), '\0');
  Sha256 content;
  Sha256 archive;
  content.begin();
  archive.begin();
  std::size_t expected = 1;
  const auto read =
      read_pieces(file, path, ZSTD_DStreamInSize(), stop, [&](std::string_view piece) -> Result<void> {
        archive.add(piece);
        ZSTD_inBuffer in{piece.data(), piece.size(), 0};
        while (in.pos < in.size) {
          ZSTD_outBuffer buffer{out.data(), out.size(), 0};
          expected = ZSTD_decompressStream(context.get(), &buffer, &in);
          if (ZSTD_isError(expected) != 0) {
            return cannot(path, ZSTD_getErrorName(expected));
          }
          content.add(std::string_view(out).substr(0, buffer.pos));
        }
        return {};
      });
  if (!read) {
    return read.error();
  }
  if (expected != 0) {
    return cannot(path, "the archive ends too early");
  }
  return Restored{content.finish(), archive.finish()};
}

Failure altered(const std::filesystem::path& file) {
  return fail(FailureKind::tampered, file.string() + ": it is not the file that was sealed");
}

// Compresses into a new file, durable, and reads it back. Made by root it is in the end whose the segment is:
// who serves the journal must be able to read it. Not before its content is known to be the segment's, since
// root can read more than they.
Result<Restored> write_archive(const std::filesystem::path& file, const std::filesystem::path& fresh,
                               const Digest& sha256, const std::stop_token& stop) {
  const FileDescriptor opened(
      ::open(fresh.c_str(), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, archive_mode));
  if (!opened) {
    return cannot(fresh, errno_text(errno));
  }
  const auto compressed = compress(file, opened, fresh, stop);
  if (!compressed) {
    return compressed.error();
  }
  if (*compressed != sha256) {
    return altered(file);
  }
  // Refused by a disk that has no owners, or none but its own: no reason not to archive there.
  static_cast<void>(give_to_owner(opened, file));
  if (::fsync(opened.get()) != 0 || ::lseek(opened.get(), 0, SEEK_SET) != 0) {
    return cannot(fresh, errno_text(errno));
  }
  auto read = restore(opened, fresh, stop);
  if (read && read->content != sha256) {
    return altered(file);
  }
  return read;
}

}  // namespace

Result<Digest> archive_file(const std::filesystem::path& file, const std::filesystem::path& to,
                            const Digest& sha256, const std::stop_token& stop) {
  std::error_code error;
  if (std::filesystem::exists(to, error)) {
    const auto kept = open_to_read(to);
    const auto there = kept ? restore(*kept, to, stop) : Result<Restored>(kept.error());
    if (there && there->content == sha256) {
      return there->archive;
    }
    return stop.stop_requested()
               ? there.error()
               : fail(FailureKind::exists,
                      to.string() + ": it exists already, and is no archive of this segment");
  }
  std::filesystem::path fresh = to;
  fresh += ".new";
  std::filesystem::remove(fresh, error);
  const auto written = write_archive(file, fresh, sha256, stop);
  if (!written) {
    std::filesystem::remove(fresh, error);
    return written.error();
  }
  std::filesystem::rename(fresh, to, error);
  if (error) {
    return cannot(to, error.message());
  }
  if (auto synced = sync_folder(to.has_parent_path() ? to.parent_path() : std::filesystem::path("."));
      !synced) {
    return synced.error();
  }
  return written->archive;
}

Result<void> check_archive(const std::filesystem::path& folder) {
  std::error_code error;
  if (!std::filesystem::is_directory(folder, error)) {
    return fail(FailureKind::missing,
                folder.string() +
                    ": the folder for the archive is not there, so nothing is retired: make it "
                    "(or mount its disk), writable for the user who runs the gateway");
  }
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    return cannot(folder, "nothing can be archived there: " + errno_text(errno));
  }
  return {};
}

}  // namespace tallygate::audit
