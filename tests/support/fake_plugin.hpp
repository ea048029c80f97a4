#pragma once
/// A plugin in a page, for tests of the gateway: its table goes straight into PluginHost::attach, and the
/// test says what becomes of each event.
#include <tallygate/plugin.h>

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::test {

/// What the fake does with an event.
enum class Answer {
  at_once,  ///< a receipt, before submit() returns
  hold,     ///< nothing, until release()
  refuse,   ///< the status and reason given to refuse_with()
};

/// One event as it was submitted.
struct SeenEvent {
  std::string kind;
  std::string id;
  std::map<std::string, std::string> members;  ///< name to JSON text
  bool awaited = false;
};

/// Threads: any. Must outlive the host that was attached to it.
class FakePlugin {
 public:
  FakePlugin();
  FakePlugin(const FakePlugin&) = delete;
  FakePlugin& operator=(const FakePlugin&) = delete;
  ~FakePlugin() = default;

  /// For PluginHost::attach(fake.table(), fake.config(), …). The configuration is how open() finds this
  /// object.
  [[nodiscard]] const tg_plugin* table() const { return &table_; }
  [[nodiscard]] std::string config() const;

  /// From now on. `refuse_with` also turns health() to that status and reason; answer_at_once() turns it
  /// back.
  void answer_at_once();
  void hold();
  void refuse_with(tg_status status, std::string reason);

  /// Answers everything held with receipts, in order, on the calling thread; how many there were.
  std::size_t release();
  /// Answers everything held with a refusal.
  std::size_t release_with(tg_status status, const std::string& reason);

  [[nodiscard]] std::vector<SeenEvent> events() const;
  [[nodiscard]] std::size_t held() const;
  [[nodiscard]] bool closed() const;

 private:
  using Held = std::pair<tg_done, void*>;

  static tg_status open(const tg_host* host, tg_bytes config, void** self, char* error,
                        std::size_t error_size);
  static void submit(void* self, const tg_event* event, tg_done done, void* token);
  static void health(void* self, tg_health* health);
  static void close(void* self);
  tg_receipt next_receipt();

  tg_plugin table_;
  mutable std::mutex mutex_;
  Answer answer_ = Answer::at_once;
  tg_status status_ = TG_OK;
  std::string reason_;
  std::vector<SeenEvent> events_;
  std::vector<Held> held_;
  std::uint64_t seq_ = 0;
  bool closed_ = false;
};

}  // namespace tallygate::test
