#include "audit/journal/head.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::size_t head_size = head_blocks * head_block_size;

std::optional<Checkpoint> read_block(std::string_view block, std::span<const VerifyKey> keys) {
  const std::size_t end = std::min(block.find('\0'), block.size());
  if (block.find_first_not_of('\0', end) != std::string_view::npos) {
    return std::nullopt;
  }
  const auto note = parse_note(block.substr(0, end));
  if (!note || !verify_note(*note, keys)) {
    return std::nullopt;
  }
  auto checkpoint = parse_checkpoint(note->text);
  if (!checkpoint || checkpoint->origin != keys.front().name) {
    return std::nullopt;
  }
  return std::move(*checkpoint);
}

int pwrite_all(int descriptor, std::span<const char> block, std::int64_t offset) {
  while (!block.empty()) {
    const ssize_t wrote = ::pwrite(descriptor, block.data(), block.size(), offset);
    if (wrote < 0 && errno == EINTR) {
      continue;
    }
    if (wrote < 0) {
      return errno;
    }
    block = block.subspan(static_cast<std::size_t>(wrote));
    offset += wrote;
  }
  return 0;
}

}  // namespace

WriteDurably write_through() {
  return pwrite_all;
}

std::vector<HeadBlock> valid_heads(std::string_view bytes, std::span<const VerifyKey> keys) {
  std::vector<HeadBlock> valid;
  for (std::size_t index = 0; index < head_blocks && index * head_block_size < bytes.size(); ++index) {
    auto checkpoint = read_block(bytes.substr(index * head_block_size, head_block_size), keys);
    if (checkpoint) {
      valid.push_back({index, std::move(*checkpoint)});
    }
  }
  return valid;
}

std::optional<HeadBlock> newest_head(std::string_view bytes, std::span<const VerifyKey> keys) {
  std::optional<HeadBlock> newest;
  for (HeadBlock& block : valid_heads(bytes, keys)) {
    if (!newest || block.checkpoint.size > newest->checkpoint.size) {
      newest = std::move(block);
    }
  }
  return newest;
}

Result<void> Head::create(const std::filesystem::path& path, std::string_view note) {
  if (note.size() > head_block_size) {
    return fail(FailureKind::invalid, path.string() + ": a checkpoint is longer than a block of head");
  }
  std::string content(note);
  content.resize(head_size);
  return create_file(path, content, 0640);
}

Result<Head> Head::open(const std::filesystem::path& path, WriteDurably write) {
  const auto target = follow_links(path);
  auto opened = target ? open_own(*target, O_RDWR | O_DSYNC) : Result<FileDescriptor>(target.error());
  if (!opened) {
    return fail(opened.error().kind == FailureKind::missing ? FailureKind::missing : FailureKind::unreadable,
                opened.error().message + "; it holds the newest acknowledged checkpoint");
  }
  FileDescriptor file = std::move(*opened);
  const auto identity = identify(file, path);
  if (!identity) {
    return identity.error();
  }
  return Head(std::move(file), path, *identity, std::move(write));
}

Result<HeadBlock> Head::read(std::span<const VerifyKey> keys) {
  std::string bytes(head_size, '\0');
  const ssize_t got = ::pread(file_.get(), bytes.data(), bytes.size(), 0);
  if (got < 0) {
    return fail(FailureKind::unreadable, path_.string() + ": cannot read: " + errno_text(errno));
  }
  bytes.resize(static_cast<std::size_t>(got));
  auto newest = newest_head(bytes, keys);
  if (!newest) {
    return fail(FailureKind::tampered,
                path_.string() + ": neither block holds a checkpoint signed by " + keys.back().vkey());
  }
  next_ = (newest->index + 1) % head_blocks;
  return std::move(*newest);
}

Result<void> Head::write(std::string_view note) {
  if (note.size() > head_block_size) {
    return fail(FailureKind::invalid, path_.string() + ": a checkpoint is longer than a block of head");
  }
  std::array<char, head_block_size> block{};
  std::copy(note.begin(), note.end(), block.begin());
  const auto offset = static_cast<std::int64_t>(next_ * head_block_size);
  if (const int error = write_(file_.get(), block, offset); error != 0) {
    return fail(FailureKind::unreadable, path_.string() + ": cannot write durably: " + errno_text(error));
  }
  next_ = (next_ + 1) % head_blocks;
  return {};
}

Result<void> Head::check_in_place() const {
  const auto now = identify(path_);
  if (!now) {
    return now.error();
  }
  if (*now != identity_) {
    return fail(FailureKind::tampered, path_.string() + ": the file was replaced by another while in use");
  }
  return {};
}

}  // namespace tallygate::audit
