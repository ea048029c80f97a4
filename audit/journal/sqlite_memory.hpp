#pragma once
/// What SQLite leaves behind in memory.

namespace tallygate::audit {

/// From now on SQLite wipes whatever memory it gives back, in the whole process: a page of a keyring holds
/// the keys of people who are erased later. To be called once by a program, not by a shared object that may
/// be unloaded, before anything uses SQLite; false, and nothing has changed, where it is too late. Costs a
/// memset of what is freed; pages that a connection uses again are not freed.
[[nodiscard]] bool wipe_sqlite_memory();

}  // namespace tallygate::audit
