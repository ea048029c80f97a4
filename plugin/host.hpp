#pragma once
/// The gateway's side of the plugin ABI: loads a plugin, hands it events, and keeps its answers honest.
#include "plugin/submissions.hpp"
#include <tallygate/plugin.h>

#include <boost/system/result.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace tallygate::plugin {

/// Why a plugin cannot be used.
enum class Fault {
  no_such_file,      ///< the path names nothing, or something that is not a regular file
  not_loadable,      ///< the dynamic loader refused it
  missing_symbol,    ///< no `tallygate_plugin` in it
  refused_host,      ///< its entry point returned NULL: not for a host of this version
  version_mismatch,  ///< its table is of another ABI version
  table_too_small,   ///< its table ends before the functions that version 1 has
  missing_function,  ///< its table lacks a name or a function
  open_failed,       ///< its open() refused; the message is the plugin's own
  no_memory,         ///< the submission table could not be made
};

/// A fault with a sentence for the operator that names the plugin, what was wrong and what would be right.
struct Error {
  Fault fault = Fault::not_loadable;
  std::string message;
};

/// Where answers arrive. Owned by the caller, and must outlive every submission that names it.
class CompletionSink {
 public:
  CompletionSink() = default;
  CompletionSink(const CompletionSink&) = delete;
  CompletionSink& operator=(const CompletionSink&) = delete;
  virtual ~CompletionSink() = default;

  /// Takes the answer to the submission that named `slot`; exactly once for each, and never after abandon()
  /// returned true for it. `receipt` is set if and only if `status` is TG_OK; `reason` says why not
  /// otherwise. Threads: any, most often the plugin's writer, which calls once for each event of a batch in a
  /// row, so a sink that only notes the answer and wakes its own thread for the first of them handles whole
  /// batches. May run before submit() returns. Must not block, and must not submit to the same host.
  virtual void complete(std::uint32_t slot, tg_status status, const tg_receipt* receipt,
                        tg_bytes reason) noexcept = 0;
};

/// Names one submission, to abandon it. Never names another one, also after its place was used again.
struct Submission {
  std::uintptr_t token = 0;  ///< 0: never reached the plugin
};

/// What the host counted since it was opened.
struct HostCounts {
  std::uint64_t outstanding = 0;  ///< handed over, neither answered nor abandoned
  std::uint64_t abandoned = 0;    ///< given up by the caller before an answer came
  std::uint64_t ignored = 0;      ///< answers to nothing: a second one, or one that came after abandon()
  std::uint64_t unkept = 0;       ///< events nobody waited for that did not become durable
};

struct HostOptions {
  /// Most submissions under way at once; more are refused with TG_OVERLOADED. Power of two not needed.
  std::uint32_t max_outstanding = 65536;
};

/// Writes one line of a plugin to the gateway's log. Called from any thread; must not throw.
using PluginLog = std::function<void(tg_log_level, std::string_view)>;

/// One opened plugin. Owns: the shared object, the plugin's `self`, the table of submissions under way.
/// Threads: submit(), abandon(), health() and counts() from any, at the same time; destroy from one, when no
/// call is under way. Cost: submit() and an answer together add less than 100 ns to the plugin's own work.
class PluginHost {
 public:
  /// Loads the shared object at `path` (RTLD_NOW, RTLD_LOCAL; a relative path is one from the working
  /// directory, never a name for the loader to search) and opens it with `config_json`, one JSON object. May
  /// block until the plugin is ready. On error nothing stays loaded.
  [[nodiscard]] static boost::system::result<std::unique_ptr<PluginHost>, Error> load(
      const std::filesystem::path& path, std::string_view config_json, PluginLog log,
      HostOptions options = {});

  /// Opens a plugin that is linked in. `table` must outlive the host. The same checks as for a loaded one.
  [[nodiscard]] static boost::system::result<std::unique_ptr<PluginHost>, Error> attach(
      const tg_plugin* table, std::string_view config_json, PluginLog log, HostOptions options = {});

  PluginHost(const PluginHost&) = delete;
  PluginHost& operator=(const PluginHost&) = delete;

  /// Closes the plugin, which completes what it accepted; whatever it leaves unanswered is completed here
  /// with TG_CLOSED. Blocks as long as the plugin's close() does.
  ~PluginHost();

  /// Hands over an event whose answer goes to `sink` under `slot`. Never blocks. Every refusal comes as an
  /// answer too: a full table as TG_OVERLOADED, a receipt the plugin owes as TG_INVALID.
  Submission submit(const tg_event& event, CompletionSink& sink, std::uint32_t slot) noexcept;

  /// Hands over an event whose answer nobody waits for; one that is not kept is counted in `unkept`.
  void submit(const tg_event& event) noexcept;

  /// Gives a submission up, as after its time limit. True: no answer was delivered and none will be. False:
  /// it has been answered, or the answer is being delivered right now.
  bool abandon(Submission submission) noexcept;

  /// The plugin's own report. The reason is always terminated.
  [[nodiscard]] tg_health health() const noexcept;

  [[nodiscard]] HostCounts counts() const noexcept;

  /// The plugin's name and version, as its table gives them.
  [[nodiscard]] std::string_view name() const noexcept { return table_->name; }
  [[nodiscard]] std::string_view version() const noexcept { return table_->version; }

 private:
  struct Library;

  PluginHost(std::unique_ptr<Library> library, const tg_plugin* table, PluginLog log);
  static boost::system::result<std::unique_ptr<PluginHost>, Error> open(std::unique_ptr<Library> library,
                                                                        std::string_view label,
                                                                        const tg_plugin* table,
                                                                        std::string_view config_json,
                                                                        PluginLog log, HostOptions options);
  static void forward_log(void* self, tg_log_level level, tg_bytes message) noexcept;
  static void on_done(void* token, tg_status status, const tg_receipt* receipt, tg_bytes reason) noexcept;

  std::unique_ptr<Library> library_;  // first in, last out: code of the plugin lives here
  const tg_plugin* table_;
  PluginLog log_;
  tg_host host_{};
  SubmissionTable::Owner submissions_;
  std::atomic<std::uint64_t> abandoned_{0};
  void* self_ = nullptr;
};

}  // namespace tallygate::plugin
