/* The Tallygate plugin ABI, version 1.
 *
 * A plugin is a shared object that exports one symbol, `tallygate_plugin`. It receives every allow, deny and
 * session event of a gateway; the plugin that is configured as the journal answers each with a receipt, and
 * no request goes on without one.
 *
 * Rules that hold for everything here:
 *  - Memory that a pointer names belongs to whoever passed it and is valid during the call only.
 *  - Text is UTF-8 and is not NUL-terminated unless a comment says so.
 *  - A struct begins with its size. Fields are appended, never moved or removed, so either side may be newer.
 *  - No function may throw, exit, or block longer than its comment allows.
 */
#ifndef TALLYGATE_PLUGIN_H
#define TALLYGATE_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The version both sides must agree on. It changes only when an existing field changes its meaning. */
#define TALLYGATE_PLUGIN_ABI 1u

/* Name of the one exported function. */
#define TALLYGATE_PLUGIN_SYMBOL "tallygate_plugin"

#if defined(__GNUC__)
#define TALLYGATE_PLUGIN_EXPORT __attribute__((visibility("default")))
#else
#define TALLYGATE_PLUGIN_EXPORT
#endif

/* Borrowed bytes. `data` may be NULL only where `size` is 0. */
typedef struct tg_bytes {
  const uint8_t* data;
  size_t size;
} tg_bytes;

/* How a call or an event ended. */
typedef enum tg_status {
  TG_OK = 0,         /* done; for an event: durable */
  TG_OVERLOADED = 1, /* the queue is full; nothing was kept, the caller may try again */
  TG_UNWRITABLE = 2, /* the event is not durable and never will be */
  TG_INVALID = 3,    /* the event or the configuration is not acceptable */
  TG_CLOSED = 4      /* the plugin is closing */
} tg_status;

/* One top-level member of an event: a name and its value, a complete JSON text in RFC 8785 form. */
typedef struct tg_member {
  tg_bytes name;
  tg_bytes json;
} tg_member;

/* Set where somebody waits for the receipt; without it the event may ride along with a later batch. */
#define TG_EVENT_AWAITED 1u

/* What happened. `members` are sorted by name as RFC 8785 §3.2.3 sorts (UTF-16 code units), without
 * duplicates, and never named v, seq, prev, time, id, kind or gateway: the plugin adds those itself. */
typedef struct tg_event {
  size_t size;
  tg_bytes kind; /* "access.allow", a kind of the journal's catalogue */
  tg_bytes id;   /* UUIDv7, 36 characters, lower case */
  const tg_member* members;
  size_t member_count;
  uint32_t flags; /* TG_EVENT_… */
} tg_event;

/* Proof that an event is durable: its place in the record and its RFC 6962 leaf hash. */
typedef struct tg_receipt {
  size_t size;
  uint64_t seq;
  uint8_t leaf[32];
} tg_receipt;

/* Called exactly once for each submit(), on any thread, possibly before submit() returns.
 * `receipt` is NULL unless `status` is TG_OK; `reason` is empty when it is. Must not block. */
typedef void (*tg_done)(void* token, tg_status status, const tg_receipt* receipt, tg_bytes reason);

/* Upper bounds, in microseconds, of the buckets of tg_health.commit_us; the last bucket has none. */
#define TG_COMMIT_BUCKETS 14
#define TG_COMMIT_BOUNDS_US {50, 100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 51200, 102400, 1000000}

/* How the plugin is. Counters run from open() and never go down. */
typedef struct tg_health {
  size_t size;
  tg_status status;                      /* TG_OK: events are accepted and become durable */
  char reason[256];                      /* NUL-terminated; why not, and what would mend it */
  uint64_t queued;                       /* events accepted and not yet durable */
  uint64_t entries;                      /* events made durable */
  uint64_t batches;                      /* commits that made them so */
  uint64_t failures;                     /* commits that failed */
  uint64_t newest_seq;                   /* of the newest durable event */
  uint64_t commit_us_sum;                /* microseconds spent in commits */
  uint64_t commit_us[TG_COMMIT_BUCKETS]; /* commits by duration, not cumulative */
} tg_health;

typedef enum tg_log_level {
  TG_LOG_DEBUG = 0,
  TG_LOG_INFO = 1,
  TG_LOG_WARNING = 2,
  TG_LOG_ERROR = 3
} tg_log_level;

/* What the host offers. Valid until close() returns; log() may be called from any thread. */
typedef struct tg_host {
  size_t size;
  uint32_t abi;
  void* self;
  void (*log)(void* self, tg_log_level level, tg_bytes message);
} tg_host;

/* The plugin's table, in static storage. */
typedef struct tg_plugin {
  size_t size;
  uint32_t abi;
  const char* name;    /* NUL-terminated */
  const char* version; /* NUL-terminated */

  /* Starts the plugin with its part of the configuration, one JSON object. On TG_OK `*self` is set; on
   * anything else `error` holds a NUL-terminated message of at most `error_size` bytes. May block until
   * ready. */
  tg_status (*open)(const tg_host* host, tg_bytes config_json, void** self, char* error, size_t error_size);

  /* Hands over one event. Thread-safe, never blocks. `done` is called exactly once. */
  void (*submit)(void* self, const tg_event* event, tg_done done, void* token);

  /* Reports how the plugin is. Thread-safe, never blocks on a disk. The caller sets `health->size`. */
  void (*health)(void* self, tg_health* health);

  /* Completes everything that was accepted, then frees `self`. No other call may follow or be under way. */
  void (*close)(void* self);
} tg_plugin;

/* The exported function. NULL means "not for a host of that version". */
typedef const tg_plugin* (*tg_plugin_entry)(uint32_t host_abi);
TALLYGATE_PLUGIN_EXPORT const tg_plugin* tallygate_plugin(uint32_t host_abi);

#ifdef __cplusplus
}
#endif

#endif
