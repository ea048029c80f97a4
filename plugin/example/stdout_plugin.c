/* The smallest whole plugin: prints each event as one line of JSON, and says "durable" once standard output
 * took it.
 *
 *   audit: {plugin: /usr/lib/tallygate/stdout_plugin.so}
 *
 * Good as an observer, and as the place to start from. As the journal it keeps the promise of the ABI (a
 * request goes on only when its line was written) but proves nothing: its receipts have a number and no hash.
 *
 * submit() must not block and standard output may, so lines go through a bounded queue to one thread. */
#include <tallygate/plugin.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_QUEUED = 4096 };

typedef struct line {
  struct line* next;
  tg_done done;
  void* token;
  size_t size;
  char text[];
} line;

typedef struct printer {
  pthread_t thread;
  pthread_mutex_t mutex;
  pthread_cond_t changed;
  line* first; /* of the queue, oldest */
  line** last; /* where the next one is linked */
  tg_health health;
  bool closing;
} printer;

static const tg_bytes nothing = {NULL, 0};

static tg_bytes bytes_of(const char* text) {
  tg_bytes bytes = {(const uint8_t*)text, strlen(text)};
  return bytes;
}

/* Puts `text` as a JSON string at `to`, which has room for six bytes a byte and two quotes; returns the end.
 */
static char* put_string(char* to, tg_bytes text) {
  static const char digits[] = "0123456789abcdef";
  *to++ = '"';
  for (size_t i = 0; i < text.size; ++i) {
    const uint8_t byte = text.data[i];
    if (byte == '"' || byte == '\\') {
      *to++ = '\\';
      *to++ = (char)byte;
    } else if (byte < 0x20) {
      memcpy(to, "\\u00", 4);
      to[4] = digits[byte >> 4];
      to[5] = digits[byte & 15];
      to += 6;
    } else {
      *to++ = (char)byte;
    }
  }
  *to++ = '"';
  return to;
}

static char* put_bytes(char* to, const void* from, size_t size) {
  if (size != 0) {
    memcpy(to, from, size);
  }
  return to + size;
}

/* {"kind":…,"id":…,<members as they are>}\n, or NULL without memory. */
static line* line_for(const tg_event* event) {
  size_t room = 64 + 6 * (event->kind.size + event->id.size);
  for (size_t i = 0; i < event->member_count; ++i) {
    room += 8 + 6 * event->members[i].name.size + event->members[i].json.size;
  }
  line* made = malloc(sizeof(line) + room);
  if (made == NULL) {
    return NULL;
  }
  char* to = put_bytes(made->text, "{\"kind\":", 8);
  to = put_string(to, event->kind);
  to = put_bytes(to, ",\"id\":", 6);
  to = put_string(to, event->id);
  for (size_t i = 0; i < event->member_count; ++i) {
    *to++ = ',';
    to = put_string(to, event->members[i].name);
    *to++ = ':';
    to = put_bytes(to, event->members[i].json.data, event->members[i].json.size);
  }
  to = put_bytes(to, "}\n", 2);
  made->next = NULL;
  made->size = (size_t)(to - made->text);
  return made;
}

/* Prints a whole queue, flushes once, then answers each: whoever came meanwhile shares the next flush. */
static void print_batch(printer* self, line* batch) {
  bool written = true;
  for (const line* each = batch; each != NULL; each = each->next) {
    written = fwrite(each->text, 1, each->size, stdout) == each->size && written;
  }
  written = fflush(stdout) == 0 && written;

  pthread_mutex_lock(&self->mutex);
  self->health.batches += written ? 1 : 0;
  self->health.failures += written ? 0 : 1;
  self->health.status = written ? TG_OK : TG_UNWRITABLE;
  snprintf(self->health.reason, sizeof(self->health.reason), "%s",
           written ? "" : "standard output cannot be written");
  tg_receipt receipt = {sizeof(receipt), self->health.entries, {0}};
  for (const line* each = batch; each != NULL; each = each->next) {
    self->health.queued -= 1;
    self->health.entries += written ? 1 : 0;
  }
  self->health.newest_seq = self->health.entries == 0 ? 0 : self->health.entries - 1;
  pthread_mutex_unlock(&self->mutex);

  while (batch != NULL) {
    line* next = batch->next;
    if (written) {
      batch->done(batch->token, TG_OK, &receipt, nothing);
      receipt.seq += 1;
    } else {
      batch->done(batch->token, TG_UNWRITABLE, NULL, bytes_of("standard output cannot be written"));
    }
    free(batch);
    batch = next;
  }
}

static void* print_until_closed(void* given) {
  printer* self = given;
  pthread_mutex_lock(&self->mutex);
  while (self->first != NULL || !self->closing) {
    if (self->first == NULL) {
      pthread_cond_wait(&self->changed, &self->mutex);
      continue;
    }
    line* batch = self->first;
    self->first = NULL;
    self->last = &self->first;
    pthread_mutex_unlock(&self->mutex);
    print_batch(self, batch);
    pthread_mutex_lock(&self->mutex);
  }
  pthread_mutex_unlock(&self->mutex);
  return NULL;
}

static tg_status open_printer(const tg_host* host, tg_bytes config_json, void** self, char* error,
                              size_t error_size) {
  (void)config_json;
  printer* made = calloc(1, sizeof(*made));
  if (made == NULL) {
    snprintf(error, error_size, "out of memory");
    return TG_UNWRITABLE;
  }
  made->last = &made->first;
  pthread_mutex_init(&made->mutex, NULL);
  pthread_cond_init(&made->changed, NULL);
  if (pthread_create(&made->thread, NULL, print_until_closed, made) != 0) {
    snprintf(error, error_size, "cannot start the thread that prints");
    pthread_cond_destroy(&made->changed);
    pthread_mutex_destroy(&made->mutex);
    free(made);
    return TG_UNWRITABLE;
  }
  host->log(host->self, TG_LOG_INFO, bytes_of("events are printed on standard output"));
  *self = made;
  return TG_OK;
}

static void submit(void* given, const tg_event* event, tg_done done, void* token) {
  printer* self = given;
  line* made = line_for(event);
  if (made == NULL) {
    done(token, TG_OVERLOADED, NULL, bytes_of("out of memory"));
    return;
  }
  made->done = done;
  made->token = token;
  pthread_mutex_lock(&self->mutex);
  const bool full = self->health.queued >= MAX_QUEUED;
  if (!full) {
    *self->last = made;
    self->last = &made->next;
    self->health.queued += 1;
    pthread_cond_signal(&self->changed);
  }
  pthread_mutex_unlock(&self->mutex);
  if (full) {
    free(made);
    done(token, TG_OVERLOADED, NULL, bytes_of("standard output is slower than the events that come"));
  }
}

static void report_health(void* given, tg_health* health) {
  printer* self = given;
  const size_t theirs = health->size;
  pthread_mutex_lock(&self->mutex);
  tg_health now = self->health;
  pthread_mutex_unlock(&self->mutex);
  now.size = theirs < sizeof(now) ? theirs : sizeof(now);
  memcpy(health, &now, now.size);
}

static void close_printer(void* given) {
  printer* self = given;
  pthread_mutex_lock(&self->mutex);
  self->closing = true;
  pthread_cond_signal(&self->changed);
  pthread_mutex_unlock(&self->mutex);
  pthread_join(self->thread, NULL);
  pthread_cond_destroy(&self->changed);
  pthread_mutex_destroy(&self->mutex);
  free(self);
}

static const tg_plugin table = {
    .size = sizeof(tg_plugin),
    .abi = TALLYGATE_PLUGIN_ABI,
    .name = "stdout",
    .version = "1",
    .open = open_printer,
    .submit = submit,
    .health = report_health,
    .close = close_printer,
};

const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &table : NULL;
}
