#include "tests/audit/support/fault_vfs.hpp"

#include <new>

namespace tallygate::audit::testing {
namespace {

struct FaultFile {
  sqlite3_file base;
  FaultVfs* owner;
  sqlite3_file* real;  // follows this struct in memory
};

FaultFile* self(sqlite3_file* file) {
  return reinterpret_cast<FaultFile*>(file);
}
sqlite3_file* real(sqlite3_file* file) {
  return self(file)->real;
}
const sqlite3_io_methods* methods(sqlite3_file* file) {
  return real(file)->pMethods;
}

int on_close(sqlite3_file* f) {
  return methods(f)->xClose(real(f));
}
int on_read(sqlite3_file* f, void* data, int size, sqlite3_int64 at) {
  return methods(f)->xRead(real(f), data, size, at);
}

int on_write(sqlite3_file* f, const void* data, int size, sqlite3_int64 at) {
  FaultVfs& owner = *self(f)->owner;
  if (!owner.strikes(false)) {
    return methods(f)->xWrite(real(f), data, size, at);
  }
  if (owner.fault() == FaultVfs::Fault::torn_write && size > 1) {
    methods(f)->xWrite(real(f), data, size / 2, at);
  }
  return owner.fault() == FaultVfs::Fault::disk_full ? SQLITE_FULL : SQLITE_IOERR_WRITE;
}

int on_truncate(sqlite3_file* f, sqlite3_int64 size) {
  return self(f)->owner->strikes(false) ? SQLITE_IOERR_TRUNCATE : methods(f)->xTruncate(real(f), size);
}

int on_sync(sqlite3_file* f, int flags) {
  return self(f)->owner->strikes(true) ? SQLITE_IOERR_FSYNC : methods(f)->xSync(real(f), flags);
}

int on_size(sqlite3_file* f, sqlite3_int64* size) {
  return methods(f)->xFileSize(real(f), size);
}
int on_lock(sqlite3_file* f, int level) {
  return methods(f)->xLock(real(f), level);
}
int on_unlock(sqlite3_file* f, int level) {
  return methods(f)->xUnlock(real(f), level);
}
int on_check_lock(sqlite3_file* f, int* out) {
  return methods(f)->xCheckReservedLock(real(f), out);
}
int on_control(sqlite3_file* f, int op, void* arg) {
  return methods(f)->xFileControl(real(f), op, arg);
}
int on_sector(sqlite3_file* f) {
  return methods(f)->xSectorSize(real(f));
}
int on_traits(sqlite3_file* f) {
  return methods(f)->xDeviceCharacteristics(real(f));
}
int on_shm_map(sqlite3_file* f, int page, int size, int extend, void volatile** out) {
  return methods(f)->xShmMap(real(f), page, size, extend, out);
}
int on_shm_lock(sqlite3_file* f, int offset, int count, int flags) {
  return methods(f)->xShmLock(real(f), offset, count, flags);
}
void on_shm_barrier(sqlite3_file* f) {
  methods(f)->xShmBarrier(real(f));
}
int on_shm_unmap(sqlite3_file* f, int remove) {
  return methods(f)->xShmUnmap(real(f), remove);
}

constexpr sqlite3_io_methods fault_methods = {
    2,           on_close,       on_read,       on_write,   on_truncate, on_sync,   on_size,
    on_lock,     on_unlock,      on_check_lock, on_control, on_sector,   on_traits, on_shm_map,
    on_shm_lock, on_shm_barrier, on_shm_unmap,  nullptr,    nullptr};

FaultVfs& owner_of(sqlite3_vfs* vfs) {
  return *static_cast<FaultVfs*>(vfs->pAppData);
}

int on_open(sqlite3_vfs* vfs, const char* name, sqlite3_file* file, int flags, int* out_flags) {
  FaultVfs& owner = owner_of(vfs);
  auto* opened = new (file) FaultFile{};
  opened->owner = &owner;
  opened->real = reinterpret_cast<sqlite3_file*>(opened + 1);
  const int rc = owner.base()->xOpen(owner.base(), name, opened->real, flags, out_flags);
  opened->base.pMethods = opened->real->pMethods == nullptr ? nullptr : &fault_methods;
  return rc;
}

int on_delete(sqlite3_vfs* vfs, const char* name, int sync) {
  FaultVfs& owner = owner_of(vfs);
  return owner.strikes(false) ? SQLITE_IOERR_DELETE : owner.base()->xDelete(owner.base(), name, sync);
}

}  // namespace

FaultVfs::FaultVfs() : base_(sqlite3_vfs_find(nullptr)) {
  static std::atomic<unsigned> count{0};
  name_ = "fault-" + std::to_string(count++);
  vfs_ = *base_;
  vfs_.zName = name_.c_str();
  vfs_.pNext = nullptr;
  vfs_.pAppData = this;
  vfs_.szOsFile = static_cast<int>(sizeof(FaultFile)) + base_->szOsFile;
  vfs_.xOpen = on_open;
  vfs_.xDelete = on_delete;
  sqlite3_vfs_register(&vfs_, 0);
}

FaultVfs::~FaultVfs() {
  sqlite3_vfs_unregister(&vfs_);
}

void FaultVfs::fail_from(std::uint64_t at, Fault fault) {
  operations_ = 0;
  struck_ = false;
  at_ = at;
  once_ = false;
  fault_ = fault;
  armed_ = true;
}

void FaultVfs::fail_once(std::uint64_t at, Fault fault) {
  fail_from(at, fault);
  once_ = true;
}

void FaultVfs::heal() {
  armed_ = false;
}

bool FaultVfs::strikes(bool sync) {
  if (sync != (fault_ == Fault::sync_error)) {
    return false;
  }
  const std::uint64_t number = operations_++;
  if (!armed_ || number < at_ || (once_ && number > at_)) {
    return false;
  }
  struck_ = true;
  return true;
}

}  // namespace tallygate::audit::testing
