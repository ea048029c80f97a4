/* Needs a function that nobody has: RTLD_NOW must find that at load, not at the first event. */
#include <tallygate/plugin.h>

extern const tg_plugin* tallygate_table_that_nobody_defines(void);
const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == 0 ? NULL : tallygate_table_that_nobody_defines();
}
