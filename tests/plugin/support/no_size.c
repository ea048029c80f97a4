/* A table whose size was forgotten. */
#include <tallygate/plugin.h>

static const tg_plugin table = {.size = 0, .abi = TALLYGATE_PLUGIN_ABI, .name = "no_size", .version = "1"};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
