/* Opens, then refuses every event, and says so in its health: a journal whose disk is gone. */
#include <tallygate/plugin.h>

#include <string.h>

static const char why[] = "the test disk is full";

static tg_status open_it(const tg_host* host, tg_bytes config, void** self, char* error, size_t size) {
  static int anything;
  (void)host, (void)config, (void)error, (void)size;
  *self = &anything;
  return TG_OK;
}
static void submit(void* self, const tg_event* event, tg_done done, void* token) {
  const tg_bytes reason = {(const uint8_t*)why, sizeof(why) - 1};
  (void)self, (void)event;
  done(token, TG_UNWRITABLE, NULL, reason);
}
static void health(void* self, tg_health* health) {
  (void)self;
  health->status = TG_UNWRITABLE;
  memcpy(health->reason, why, sizeof(why));
}
static void close_it(void* self) {
  (void)self;
}

static const tg_plugin table = {
    sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "refuses", "1", open_it, submit, health, close_it};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
