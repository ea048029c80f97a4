/* Prints each event's kind and, of a policy.load, its policy, and says "durable"; but refuses the first
 * policy.load of a shadow: a disk that is full for a moment, in the middle of what a reload records. */
#define _GNU_SOURCE /* memmem */
#include <tallygate/plugin.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN = 80 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t seq;
static bool refused;
static bool for_ever; /* with "forever" among its options it refuses everything from then on */

static bool is(tg_bytes bytes, const char* text) {
  return bytes.size == strlen(text) && memcmp(bytes.data, text, bytes.size) == 0;
}

static bool holds(tg_bytes bytes, const char* text) {
  return bytes.size >= strlen(text) && memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

static tg_status open_it(const tg_host* host, tg_bytes config, void** self, char* error, size_t size) {
  (void)host, (void)error, (void)size;
  for_ever = holds(config, "forever");
  *self = &seq;
  return TG_OK;
}

static void submit(void* self, const tg_event* event, tg_done done, void* token) {
  static const char why[] = "the test disk is full for a moment";
  tg_bytes policy = {NULL, 0};
  (void)self;
  for (size_t i = 0; i < event->member_count; ++i) {
    policy = is(event->members[i].name, "policy") ? event->members[i].json : policy;
  }
  const bool shadow =
      is(event->kind, "policy.load") && policy.size != 0 && holds(policy, "\"mode\":\"shadow\"");
  pthread_mutex_lock(&mutex);
  const bool refuse = refused ? for_ever : shadow;
  refused = refused || refuse;
  printf("%s %.*s %.*s\n", refuse ? "refused" : "taken", (int)event->kind.size, (const char*)event->kind.data,
         (int)(policy.size < SHOWN ? policy.size : SHOWN), policy.size == 0 ? "" : (const char*)policy.data);
  fflush(stdout);
  const tg_receipt receipt = {sizeof(receipt), seq, {0}};
  seq += refuse ? 0 : 1;
  pthread_mutex_unlock(&mutex);
  if (refuse) {
    const tg_bytes reason = {(const uint8_t*)why, sizeof(why) - 1};
    done(token, TG_UNWRITABLE, NULL, reason);
  } else {
    const tg_bytes nothing = {NULL, 0};
    done(token, TG_OK, &receipt, nothing);
  }
}

static void health(void* self, tg_health* health) {
  (void)self;
  health->status = TG_OK;
}

static void close_it(void* self) {
  (void)self;
}

static const tg_plugin table = {
    sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "refuses-shadow", "1", open_it, submit, health, close_it};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
