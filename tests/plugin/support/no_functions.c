/* A table of the right size without functions. */
#include <tallygate/plugin.h>

static const tg_plugin table = {
    .size = sizeof(tg_plugin), .abi = TALLYGATE_PLUGIN_ABI, .name = "no_functions", .version = "1"};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
