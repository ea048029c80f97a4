/* A shared object that is no plugin. */
__attribute__((visibility("default"))) int tallygate_plug(void);
int tallygate_plug(void) {
  return 0;
}
