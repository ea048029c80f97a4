/* Says that it is not for this host. */
#include <tallygate/plugin.h>

const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  (void)host_abi;
  return NULL;
}
