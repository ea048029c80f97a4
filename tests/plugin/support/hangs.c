/* Opens, says that all is well, and never answers an event: a plugin that hangs. */
#include <tallygate/plugin.h>

static tg_status open_it(const tg_host* host, tg_bytes config, void** self, char* error, size_t size) {
  static int anything;
  (void)host, (void)config, (void)error, (void)size;
  *self = &anything;
  return TG_OK;
}
static void submit(void* self, const tg_event* event, tg_done done, void* token) {
  (void)self, (void)event, (void)done, (void)token;
}
static void health(void* self, tg_health* health) {
  (void)self;
  health->status = TG_OK;
}
static void close_it(void* self) {
  (void)self;
}

static const tg_plugin table = {
    sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "hangs", "1", open_it, submit, health, close_it};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
