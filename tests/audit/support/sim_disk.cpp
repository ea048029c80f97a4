#include "tests/audit/support/sim_disk.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>
#include <new>
#include <stdexcept>

namespace tallygate::audit::testing {
namespace {

using Region = std::array<std::uint64_t, std::size_t{32} * 1024 / sizeof(std::uint64_t)>;  // of shared memory

struct Handle {
  sqlite3_file base;
  SimDisk* disk;
  SimFile* file;
  std::vector<std::unique_ptr<Region>>* shared;
  SimFile* scratch;  // of a file without a name
};

Handle* handle(sqlite3_file* file) {
  return reinterpret_cast<Handle*>(file);
}
SimDisk& disk_of(sqlite3_vfs* vfs) {
  return *static_cast<SimDisk*>(vfs->pAppData);
}

int on_close(sqlite3_file* f) {
  delete handle(f)->shared;
  delete handle(f)->scratch;
  return SQLITE_OK;
}

int on_read(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
  const std::string& bytes = handle(f)->file->bytes();
  const auto wanted = static_cast<std::size_t>(size);
  const auto from = std::min(static_cast<std::size_t>(at), bytes.size());
  const std::size_t got = std::min(wanted, bytes.size() - from);
  std::memcpy(data, bytes.data() + from, got);
  std::memset(static_cast<char*>(data) + got, 0, wanted - got);
  return got == wanted ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

int on_write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  Handle& open = *handle(f);
  const std::string_view bytes(static_cast<const char*>(data), static_cast<std::size_t>(size));
  if (open.scratch != nullptr) {
    open.file->write(bytes, static_cast<std::uint64_t>(at));
    return SQLITE_OK;
  }
  switch (open.disk->write(*open.file, bytes, static_cast<std::uint64_t>(at))) {
    case 0:
      return SQLITE_OK;
    case ENOSPC:
      return SQLITE_FULL;
    default:
      return SQLITE_IOERR_WRITE;
  }
}

int on_truncate(sqlite3_file* f, sqlite3_int64 size) {
  Handle& open = *handle(f);
  const DiskFault fault =
      open.scratch != nullptr ? DiskFault::none : open.disk->next(DiskOperation::truncate);
  if (fault == DiskFault::none || fault == DiskFault::power_cut) {
    open.file->truncate(static_cast<std::uint64_t>(size));
  }
  return fault == DiskFault::none ? SQLITE_OK : SQLITE_IOERR_TRUNCATE;
}

int on_sync(sqlite3_file* f, int /*flags*/) {
  Handle& open = *handle(f);
  const DiskFault fault = open.scratch != nullptr ? DiskFault::none : open.disk->next(DiskOperation::sync);
  if (fault == DiskFault::none) {
    open.file->sync();
    return SQLITE_OK;
  }
  if (fault == DiskFault::sync_error) {
    open.file->lose(open.disk->random(), open.disk->sector());
  }
  return SQLITE_IOERR_FSYNC;
}

int on_size(sqlite3_file* f, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>(handle(f)->file->bytes().size());
  return SQLITE_OK;
}
int on_lock(sqlite3_file* /*f*/, int /*level*/) {
  return SQLITE_OK;
}
int on_check_lock(sqlite3_file* /*f*/, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int on_control(sqlite3_file* /*f*/, int /*op*/, void* /*arg*/) {
  return SQLITE_NOTFOUND;
}
int on_sector(sqlite3_file* /*f*/) {
  return 4096;
}
// As the unix VFS: what was written stays whole when bytes beside it are written.
int on_traits(sqlite3_file* /*f*/) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;
}

int on_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  auto& regions = *handle(f)->shared;
  const auto index = static_cast<std::size_t>(page);
  *out = nullptr;
  if (static_cast<std::size_t>(size) > sizeof(Region)) {
    return SQLITE_IOERR_SHMMAP;
  }
  while (extend != 0 && regions.size() <= index) {
    regions.push_back(std::make_unique<Region>());
  }
  if (index < regions.size()) {
    *out = regions[index]->data();
  }
  return SQLITE_OK;
}
int on_shm_lock(sqlite3_file* /*f*/, int /*offset*/, int /*count*/, int /*flags*/) {
  return SQLITE_OK;
}
void on_shm_barrier(sqlite3_file* /*f*/) {}
int on_shm_unmap(sqlite3_file* f, int /*remove*/) {
  handle(f)->shared->clear();
  return SQLITE_OK;
}

constexpr sqlite3_io_methods sim_methods = {
    2,           on_close,       on_read,       on_write,   on_truncate, on_sync,   on_size,
    on_lock,     on_lock,        on_check_lock, on_control, on_sector,   on_traits, on_shm_map,
    on_shm_lock, on_shm_barrier, on_shm_unmap,  nullptr,    nullptr};

// So that the journal finds something to stat().
void stand_in(const std::string& path) {
  const int made = ::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
  if (made < 0) {
    throw std::runtime_error(path + ": cannot be made");
  }
  ::close(made);
}

int on_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  SimDisk& disk = disk_of(vfs);
  auto* opened = new (file) Handle{};
  SimFile* found = name == nullptr ? (opened->scratch = new SimFile) : disk.find(name);
  if (found == nullptr) {
    if ((flags & SQLITE_OPEN_CREATE) == 0 || disk.next(DiskOperation::create) != DiskFault::none) {
      return SQLITE_CANTOPEN;
    }
    stand_in(name);
    SimFile fresh;
    fresh.named = false;
    fresh.ghost = disk.file(name).ghost;
    found = &(disk.file(name) = fresh);
  }
  opened->base.pMethods = &sim_methods;
  opened->disk = &disk;
  opened->file = found;
  opened->shared = new std::vector<std::unique_ptr<Region>>;
  if (out_flags != nullptr) {
    *out_flags = flags;
  }
  return SQLITE_OK;
}

// The stand-in stays: it is the file that the journal holds for the one that it opened.
int on_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  SimDisk& disk = disk_of(vfs);
  SimFile* file = disk.find(name);
  if (file == nullptr) {
    return SQLITE_IOERR_DELETE_NOENT;
  }
  const DiskFault fault = disk.next(DiskOperation::remove);
  if (fault != DiskFault::none && fault != DiskFault::power_cut) {
    return SQLITE_IOERR_DELETE;
  }
  SimFile gone;
  gone.there = false;
  gone.named = sync != 0 && fault == DiskFault::none;
  if (!gone.named && file->named) {
    SimFile copy = *file;
    copy.power_cut(disk.random(), disk.sector());  // what would be there if the name came back
    gone.ghost = copy.bytes();
  } else {
    gone.ghost = file->ghost;
  }
  *file = gone;
  return fault == DiskFault::none ? SQLITE_OK : SQLITE_IOERR_DELETE;
}

int on_access(sqlite3_vfs* vfs, const char* name, int /*flags*/, int* out) {
  const SimFile* file = disk_of(vfs).find(name);
  *out = file != nullptr ? 1 : 0;
  return SQLITE_OK;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void put(const std::string& path, const std::string& bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out << bytes;
  if (!out.flush()) {
    throw std::runtime_error(path + ": cannot be written");
  }
}

}  // namespace

SimDisk::SimDisk(std::uint64_t seed) : base_(sqlite3_vfs_find(nullptr)), random_(seed) {
  static std::atomic<unsigned> count{0};
  name_ = "sim-" + std::to_string(count++);
  vfs_ = *base_;
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(Handle));
  vfs_.xOpen = on_open;
  vfs_.xDelete = on_delete;
  vfs_.xAccess = on_access;
  sqlite3_vfs_register(&vfs_, 0);
}

SimDisk::~SimDisk() {
  sqlite3_vfs_unregister(&vfs_);
}

void SimDisk::adopt(const std::filesystem::path& file) {
  SimFile& taken = files_[file.string()];
  taken = SimFile{};
  taken.write(content_of(file), 0);
  taken.sync();
}

WriteDurably SimDisk::head_writer(const std::filesystem::path& head) {
  head_ = head.string();
  return [this](int descriptor, std::span<const char> block, std::int64_t at) {
    SimFile& file = files_[head_];
    const auto place = static_cast<std::uint64_t>(at);
    const std::string_view bytes(block.data(), block.size());
    int error = write(file, bytes, place);
    if (error == 0 && next(DiskOperation::sync) == DiskFault::none) {
      file.sync();
    } else if (error == 0) {
      file.lose(random_, sector());
      error = EIO;
    }
    const std::string seen = file.bytes().substr(place, block.size());
    if (::pwrite(descriptor, seen.data(), seen.size(), at) != static_cast<ssize_t>(seen.size())) {
      throw std::runtime_error("head's stand-in cannot be written");
    }
    return error;
  };
}

void SimDisk::write_out(const std::filesystem::path& from, const std::filesystem::path& to) const {
  for (const auto& [path, file] : files_) {
    const std::filesystem::path name(path);
    if (file.there && name.parent_path() == from) {
      put((to / name.filename()).string(), file.bytes());
    }
  }
}

void SimDisk::show_head() {
  if (const SimFile* head = find(head_)) {
    put(head_, head->bytes());  // the same file as before: whoever has it open reads it
  }
}

SimFile* SimDisk::find(const std::string& path) {
  const auto found = files_.find(path);
  return found == files_.end() || !found->second.there ? nullptr : &found->second;
}

std::uint32_t SimDisk::sector() {
  return random_() % 2 == 0 ? 512 : 4096;
}

DiskFault SimDisk::next(DiskOperation operation) {
  DiskFault fault = DiskFault::write_error;
  if (!off_) {
    fault = plan_ ? plan_(operations_, operation) : DiskFault::none;
    ++operations_;
    off_ = fault == DiskFault::power_cut || fault == DiskFault::halt;
  }
  failures_ += fault == DiskFault::none ? 0 : 1;
  return fault;
}

int SimDisk::write(SimFile& file, std::string_view bytes, std::uint64_t at) {
  switch (next(DiskOperation::write)) {
    case DiskFault::none:
      file.write(bytes, at);
      return 0;
    case DiskFault::power_cut:
      file.write(bytes, at);
      return EIO;
    case DiskFault::torn_write:
      file.write(bytes.substr(0, bytes.size() / 2), at);
      return EIO;
    case DiskFault::disk_full:
      return ENOSPC;
    default:
      return EIO;
  }
}

void SimDisk::lose_power() {
  const std::uint32_t size = sector();
  for (auto& [path, file] : files_) {
    file.power_cut(random_, size);
  }
  show_head();
}

void SimDisk::start() {
  off_ = false;
  failures_ = 0;
  plan_ = {};
}

}  // namespace tallygate::audit::testing
