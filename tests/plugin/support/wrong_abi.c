/* Built for a later ABI, and does not look at the host's. */
#include <tallygate/plugin.h>

static const tg_plugin table = {
    .size = sizeof(tg_plugin), .abi = TALLYGATE_PLUGIN_ABI + 1, .name = "wrong_abi", .version = "1"};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
