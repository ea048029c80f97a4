/* Refuses to open, with a message that repeats what it was given. */
#include <tallygate/plugin.h>

#include <stdio.h>

static tg_status open_it(const tg_host* host, tg_bytes config, void** self, char* error, size_t size) {
  (void)host, (void)self;
  snprintf(error, size, "path: no such folder, in %.*s", (int)config.size, (const char*)config.data);
  return TG_INVALID;
}
static void submit(void* self, const tg_event* event, tg_done done, void* token) {
  (void)self, (void)event, (void)done, (void)token;
}
static void health(void* self, tg_health* health) {
  (void)self, (void)health;
}
static void close_it(void* self) {
  (void)self;
}

static const tg_plugin table = {
    sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "refuses_open", "2.1", open_it, submit, health, close_it};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
