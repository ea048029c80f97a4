#include "audit/journal/sqlite_memory.hpp"

#include <openssl/crypto.h>
#include <sqlite3.h>

#include <cstring>

namespace tallygate::audit {
namespace {

// SQLite's own way to get memory, which these functions are put before. SQLite gives them nothing by which an
// object could be found.
const sqlite3_mem_methods& own_methods() {
  static const sqlite3_mem_methods methods = [] {
    sqlite3_mem_methods found{};
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &found);
    return found;
  }();
  return methods;
}

void wipe_and_free(void* memory) {
  if (memory != nullptr) {
    OPENSSL_cleanse(memory, static_cast<std::size_t>(own_methods().xSize(memory)));
    own_methods().xFree(memory);
  }
}

// What moves leaves nothing where it was.
void* move(void* memory, int bytes) {
  const int before = own_methods().xSize(memory);
  if (bytes <= before) {
    OPENSSL_cleanse(static_cast<char*>(memory) + bytes, static_cast<std::size_t>(before - bytes));
    return own_methods().xRealloc(memory, bytes);
  }
  void* const fresh = own_methods().xMalloc(bytes);
  if (fresh != nullptr) {
    std::memcpy(fresh, memory, static_cast<std::size_t>(before));
    wipe_and_free(memory);
  }
  return fresh;
}

}  // namespace

bool wipe_sqlite_memory() {
  sqlite3_mem_methods methods = own_methods();
  if (methods.xMalloc == nullptr) {
    return false;
  }
  methods.xFree = wipe_and_free;
  methods.xRealloc = move;
  return sqlite3_config(SQLITE_CONFIG_MALLOC, &methods) == SQLITE_OK;
}

}  // namespace tallygate::audit
