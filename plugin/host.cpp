#include "plugin/host.hpp"

#include "plugin/submissions.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <utility>

namespace tallygate::plugin {
namespace {

constexpr std::size_t open_error_size = 1024;
constexpr std::size_t needed_table_size = offsetof(tg_plugin, close) + sizeof(tg_plugin::close);
constexpr std::size_t needed_receipt_size = offsetof(tg_receipt, leaf) + sizeof(tg_receipt::leaf);

tg_bytes bytes(std::string_view text) noexcept {
  return {.data = reinterpret_cast<const std::uint8_t*>(text.data()), .size = text.size()};
}

std::string_view text(tg_bytes bytes) noexcept {
  return bytes.data == nullptr ? std::string_view()
                               : std::string_view(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

/// The first thing wrong with a table, or an empty message. `size` and `abi` are read before anything else,
/// since they alone are where they are in every version.
Error check_table(const std::string& label, const tg_plugin* table) {
  if (table == nullptr) {
    return {Fault::refused_host, label + ": the plugin is not for a host of ABI version " +
                                     std::to_string(TALLYGATE_PLUGIN_ABI) +
                                     " (its entry point returned NULL); install a build for this version"};
  }
  if (table->size < offsetof(tg_plugin, name)) {
    return {Fault::table_too_small, label + ": the plugin's table says it is " + std::to_string(table->size) +
                                        " bytes long; it must set tg_plugin.size to sizeof(tg_plugin)"};
  }
  if (table->abi != TALLYGATE_PLUGIN_ABI) {
    return {Fault::version_mismatch, label + ": the plugin has ABI version " + std::to_string(table->abi) +
                                         ", this gateway has version " +
                                         std::to_string(TALLYGATE_PLUGIN_ABI) +
                                         "; install a build for this version"};
  }
  if (table->size < needed_table_size) {
    return {Fault::table_too_small, label + ": the plugin's table is " + std::to_string(table->size) +
                                        " bytes long, version " + std::to_string(TALLYGATE_PLUGIN_ABI) +
                                        " has at least " + std::to_string(needed_table_size)};
  }
  const std::array<std::pair<const char*, bool>, 6> members = {{{"name", table->name != nullptr},
                                                                {"version", table->version != nullptr},
                                                                {"open", table->open != nullptr},
                                                                {"submit", table->submit != nullptr},
                                                                {"health", table->health != nullptr},
                                                                {"close", table->close != nullptr}}};
  for (const auto& [member, present] : members) {
    if (!present) {
      return {Fault::missing_function, label + ": the plugin's table has no `" + member + "` (it is NULL)"};
    }
  }
  return {};
}

const char* name_of(tg_status status) noexcept {
  switch (status) {
    case TG_OK:
      return "TG_OK";
    case TG_OVERLOADED:
      return "TG_OVERLOADED";
    case TG_UNWRITABLE:
      return "TG_UNWRITABLE";
    case TG_INVALID:
      return "TG_INVALID";
    case TG_CLOSED:
      return "TG_CLOSED";
  }
  return "a status without a name";
}

bool known(tg_status status) noexcept {
  return status >= TG_OK && status <= TG_CLOSED;
}

}  // namespace

/// The loaded shared object.
struct PluginHost::Library {
  void* handle = nullptr;
  bool left_behind = false;

  Library() = default;
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;
  ~Library() {
    if (handle != nullptr && !left_behind) {
      dlclose(handle);
    }
  }
};

boost::system::result<std::unique_ptr<PluginHost>, Error> PluginHost::load(const std::filesystem::path& path,
                                                                           std::string_view config_json,
                                                                           PluginLog log,
                                                                           HostOptions options) {
  std::error_code ec;
  const std::filesystem::path absolute = std::filesystem::absolute(path, ec);
  const std::string label = "plugin " + path.string();
  if (ec || !std::filesystem::is_regular_file(absolute, ec)) {
    return Error{Fault::no_such_file,
                 label + ": no such file" +
                     (ec ? " (" + ec.message() + ")" : std::string(" (or not a regular one)")) +
                     "; audit.plugin must be `journal` or the path of a shared object"};
  }
  auto library = std::make_unique<Library>();
  library->handle = dlopen(absolute.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library->handle == nullptr) {
    const char* why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps one a thread
    return Error{Fault::not_loadable,
                 label + ": cannot be loaded: " + (why != nullptr ? why : "unknown reason")};
  }
  void* symbol = dlsym(library->handle, TALLYGATE_PLUGIN_SYMBOL);
  if (symbol == nullptr) {
    return Error{Fault::missing_symbol, label +
                                            ": exports no symbol `" TALLYGATE_PLUGIN_SYMBOL
                                            "`; is it a Tallygate plugin, built with its symbol visible?"};
  }
  const auto entry = reinterpret_cast<tg_plugin_entry>(symbol);
  return open(std::move(library), label, entry(TALLYGATE_PLUGIN_ABI), config_json, std::move(log), options);
}

boost::system::result<std::unique_ptr<PluginHost>, Error> PluginHost::attach(const tg_plugin* table,
                                                                             std::string_view config_json,
                                                                             PluginLog log,
                                                                             HostOptions options) {
  return open(std::make_unique<Library>(), "built-in plugin", table, config_json, std::move(log), options);
}

boost::system::result<std::unique_ptr<PluginHost>, Error> PluginHost::open(
    std::unique_ptr<Library> library, std::string_view label, const tg_plugin* table,
    std::string_view config_json, PluginLog log, HostOptions options) {
  if (Error wrong = check_table(std::string(label), table); !wrong.message.empty()) {
    return wrong;
  }
  std::unique_ptr<PluginHost> host(new PluginHost(std::move(library), table, std::move(log)));
  auto submissions = SubmissionTable::make(options.max_outstanding);
  if (!submissions) {
    return Error{Fault::no_memory, std::string(label) + ": no memory for " +
                                       std::to_string(options.max_outstanding) + " submissions under way"};
  }
  std::array<char, open_error_size> message{};
  void* self = nullptr;
  const tg_status status =
      table->open(&host->host_, bytes(config_json), &self, message.data(), message.size());
  message.back() = '\0';
  if (status != TG_OK) {
    const std::string said(message.data());
    return Error{Fault::open_failed, std::string(label) + ": " + table->name + " " + table->version +
                                         " did not open: " + (said.empty() ? name_of(status) : said)};
  }
  host->self_ = self;
  host->submissions_ = std::move(submissions);
  return host;
}

PluginHost::PluginHost(std::unique_ptr<Library> library, const tg_plugin* table, PluginLog log)
    : library_(std::move(library)), table_(table), log_(std::move(log)) {
  host_.size = sizeof(tg_host);
  host_.abi = TALLYGATE_PLUGIN_ABI;
  host_.self = this;
  host_.log = &PluginHost::forward_log;
}

PluginHost::~PluginHost() {
  if (!submissions_) {
    return;  // never opened
  }
  table_->close(self_);
  const std::uint64_t abandoned = abandoned_.load();
  const std::uint64_t owed =
      submissions_->outstanding() + abandoned - std::min(abandoned, submissions_->ignored());
  submissions_->end_all([](const SubmissionTable::Waiter& waiter) noexcept {
    if (waiter.sink != nullptr) {
      waiter.sink->complete(waiter.slot, TG_CLOSED, nullptr, bytes("the plugin closed without an answer"));
    }
  });
  if (owed != 0) {
    // A thread of the plugin may still hold tokens: its code and the table they point into stay where they
    // are.
    if (log_) {
      log_(TG_LOG_ERROR, "the plugin closed and left " + std::to_string(owed) +
                             " events unanswered; it stays loaded until the process ends");
    }
    submissions_->leave_behind();
    library_->left_behind = true;
  }
}

Submission PluginHost::submit(const tg_event& event, CompletionSink& sink, std::uint32_t slot) noexcept {
  const std::uintptr_t token = submissions_->take({.sink = &sink, .slot = slot});
  if (token == 0) {
    sink.complete(slot, TG_OVERLOADED, nullptr, bytes("too many events are under way"));
    return {};
  }
  table_->submit(self_, &event, &PluginHost::on_done,
                 reinterpret_cast<void*>(token));  // NOLINT(performance-no-int-to-ptr)
  return {token};
}

void PluginHost::submit(const tg_event& event) noexcept {
  const std::uintptr_t token = submissions_->take({});
  if (token == 0) {
    submissions_->count_unkept();
    return;
  }
  table_->submit(self_, &event, &PluginHost::on_done,
                 reinterpret_cast<void*>(token));  // NOLINT(performance-no-int-to-ptr)
}

bool PluginHost::abandon(Submission submission) noexcept {
  if (submission.token == 0 || !submissions_->end(submission.token)) {
    return false;
  }
  abandoned_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

tg_health PluginHost::health() const noexcept {
  tg_health health{};
  health.size = sizeof(health);
  health.status = TG_UNWRITABLE;  // a plugin that says nothing is not well
  table_->health(self_, &health);
  health.reason[sizeof(health.reason) - 1] = '\0';
  return health;
}

HostCounts PluginHost::counts() const noexcept {
  return {.outstanding = submissions_->outstanding(),
          .abandoned = abandoned_.load(std::memory_order_relaxed),
          .ignored = submissions_->ignored(),
          .unkept = submissions_->unkept()};
}

void PluginHost::forward_log(void* self, tg_log_level level, tg_bytes message) noexcept {
  const auto* host = static_cast<const PluginHost*>(self);
  if (host->log_) {
    host->log_(level, text(message));
  }
}

void PluginHost::on_done(void* token, tg_status status, const tg_receipt* receipt, tg_bytes reason) noexcept {
  const auto value = reinterpret_cast<std::uintptr_t>(token);
  if (value == 0) {
    return;  // no token of ours
  }
  // Only the table is touched: it stays mapped where an answer may come after the host is gone.
  SubmissionTable& submissions = SubmissionTable::of(value);
  const auto waiter = submissions.end(value);
  if (!waiter) {
    submissions.count_ignored();
    return;
  }
  if (status == TG_OK && (receipt == nullptr || receipt->size < needed_receipt_size)) {
    status = TG_INVALID;
    reason = bytes("the plugin said TG_OK without a receipt");
  } else if (!known(status)) {
    status = TG_INVALID;
    reason = bytes("the plugin answered with a status that does not exist");
  }
  if (waiter->sink == nullptr) {
    if (status != TG_OK) {
      submissions.count_unkept();
    }
    return;
  }
  if (status == TG_OK) {
    waiter->sink->complete(waiter->slot, status, receipt, {.data = nullptr, .size = 0});
  } else {
    waiter->sink->complete(waiter->slot, status, nullptr, reason);
  }
}

}  // namespace tallygate::plugin
