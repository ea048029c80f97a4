/* A table that ends before its functions. */
#include <tallygate/plugin.h>

static const tg_plugin table = {
    .size = offsetof(tg_plugin, submit), .abi = TALLYGATE_PLUGIN_ABI, .name = "small_table", .version = "1"};
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  (void)host_abi;
  return &table;
}
