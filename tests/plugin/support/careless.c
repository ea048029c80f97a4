/* Breaks the rules of tg_done in the way an event's kind asks for. Answers that are held stay held at
 * close(). */
#include <tallygate/plugin.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct careless {
  tg_done done;
  void* held;
  uint64_t seq;
} careless;

static const tg_bytes nothing = {NULL, 0};

static tg_status open_it(const tg_host* host, tg_bytes config, void** self, char* error, size_t size) {
  static const char hello[] = "careless is open";
  const tg_bytes line = {(const uint8_t*)hello, sizeof(hello) - 1};
  (void)config, (void)error, (void)size;
  *self = calloc(1, sizeof(careless));
  host->log(host->self, TG_LOG_WARNING, line);
  return *self == NULL ? TG_UNWRITABLE : TG_OK;
}

static int is(const tg_event* event, const char* kind) {
  return event->kind.size == strlen(kind) && memcmp(event->kind.data, kind, event->kind.size) == 0;
}

static void submit(void* given, const tg_event* event, tg_done done, void* token) {
  careless* self = given;
  tg_receipt receipt = {sizeof(receipt), self->seq++, {0}};
  if (is(event, "never")) {
    return;
  }
  if (is(event, "hold")) {
    self->done = done;
    self->held = token;
    return;
  }
  if (is(event, "no receipt")) {
    done(token, TG_OK, NULL, nothing);
    return;
  }
  if (is(event, "short receipt")) {
    receipt.size = sizeof(receipt.size);
    done(token, TG_OK, &receipt, nothing);
    return;
  }
  if (is(event, "odd status")) {
    done(token, (tg_status)7, &receipt, nothing);
    return;
  }
  if (is(event, "no token")) {
    done(NULL, TG_OK, &receipt, nothing);
  }
  done(token, TG_OK, &receipt, nothing);
  if (is(event, "twice")) {
    done(token, TG_OK, &receipt, nothing);
  }
  if (is(event, "then the held one")) {
    self->done(self->held, TG_OK, &receipt, nothing);
  }
}

static void health(void* self, tg_health* health) {
  (void)self;
  memset(health->reason, 'x', sizeof(health->reason)); /* unterminated */
  health->status = TG_OK;
}

static void close_it(void* self) {
  free(self);
}

static const tg_plugin table = {
    sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "careless", "1", open_it, submit, health, close_it};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
