// The audit plugin: the plugin ABI in front of the journal's writer. No exception leaves a function of the
// table.

#include "audit/custody/archive.hpp"
#include "audit/custody/control.hpp"
#include "audit/custody/custodian.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/provision.hpp"
#include "audit/journal/writer.hpp"
#include "audit/sealing/sealer.hpp"
#include "plugin/journal_config.hpp"
#include "tallygate/plugin.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <exception>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

namespace tallygate::plugin {
namespace {

constexpr std::array<std::uint64_t, TG_COMMIT_BUCKETS - 1> abi_bounds_us = TG_COMMIT_BOUNDS_US;
static_assert(abi_bounds_us == audit::commit_bounds_us);

// Members of an event that need no allocation; an access decision has about ten.
constexpr std::size_t inline_members = 24;

std::string_view view(const tg_bytes& bytes) {
  return bytes.size == 0 ? std::string_view()
                         : std::string_view(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

tg_bytes bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

tg_status status_of(audit::Outcome outcome) {
  switch (outcome) {
    case audit::Outcome::durable:
      return TG_OK;
    case audit::Outcome::overloaded:
      return TG_OVERLOADED;
    case audit::Outcome::unwritable:
      return TG_UNWRITABLE;
    case audit::Outcome::closed:
      return TG_CLOSED;
    case audit::Outcome::invalid:
      return TG_INVALID;
  }
  return TG_UNWRITABLE;
}

void answer(tg_done done, void* token, tg_status status, std::string_view reason) {
  done(token, status, nullptr, bytes(reason));
}

class Sink final : public audit::CompletionSink {
 public:
  void completed(std::span<const audit::Completion> completions, std::string_view reason) noexcept override {
    for (const audit::Completion& completion : completions) {
      const auto done = reinterpret_cast<tg_done>(completion.ticket.function);
      if (completion.outcome != audit::Outcome::durable) {
        answer(done, completion.ticket.token, status_of(completion.outcome), reason);
        continue;
      }
      tg_receipt receipt{};
      receipt.size = sizeof receipt;
      receipt.seq = completion.receipt.seq;
      std::copy(completion.receipt.leaf.begin(), completion.receipt.leaf.end(), std::begin(receipt.leaf));
      done(completion.ticket.token, TG_OK, &receipt, tg_bytes{nullptr, 0});
    }
  }
};

struct Plugin {
  Sink sink;
  std::unique_ptr<audit::Writer> writer;          // ends before the sink that it calls
  std::unique_ptr<audit::Sealer> sealer;          // ends before the writer that it uses; null: not sealed
  std::stop_source closing;                       // ends a retirement under way
  std::unique_ptr<audit::Custodian> custodian;    // ends before the writer that it uses
  std::unique_ptr<audit::ControlServer> control;  // ends before the custodian that it calls
};

audit::WriterLog log_to(const tg_host* host) {
  if (host == nullptr || host->size < offsetof(tg_host, log) + sizeof host->log || host->log == nullptr) {
    return {};
  }
  return [host](audit::WriterMessage level, std::string_view message) {
    const tg_log_level levels[] = {TG_LOG_INFO, TG_LOG_WARNING, TG_LOG_ERROR};
    host->log(host->self, levels[static_cast<std::size_t>(level)], bytes(message));
  };
}

constexpr std::chrono::hours retention_every{1};

// What the rules say is over goes, on the gateway's own schedule; a segment at a time, each judged anew, so
// that a hold which arrives meanwhile is in time for the rest.
audit::ControlTick retention(const Plugin& plugin, const JournalConfig& config, const audit::WriterLog& log) {
  if (config.keep.empty()) {
    return {};
  }
  boost::json::object request{{"act", "retire"}, {"apply", true},  {"at_most", 1},
                              {"from", 0},       {"rule", "keep"}, {"rules", config.keep}};
  if (!config.archive.empty()) {
    request["archive"] = config.archive;
    // It is needed when the first segment is due, in a year perhaps.
    if (const auto ready = audit::check_archive(config.archive); !ready && log) {
      log(audit::WriterMessage::error, "audit.journal.archive: " + ready.error().message);
    }
  }
  return {retention_every, [custodian = plugin.custodian.get(), request, log,
                            closing = plugin.closing.get_token(), told = std::string()]() mutable {
            // A file at a time, so that whoever asks need not wait for all of them.
            if (const auto looked = custodian->look_on(); looked && !*looked) {
              return !closing.stop_requested();
            }
            const auto done = custodian->handle(request, {::geteuid()});
            const std::string why = done ? audit::why_not_retired(*done) : done.error().message;
            if (!why.empty() && log && !closing.stop_requested()) {
              log(audit::WriterMessage::error, "segments cannot be retired: " + why);
            }
            // That a person has to grant it is no fault of the record: it is said once, as long as it stays
            // so.
            const std::string ungranted = done ? audit::why_not_granted(*done) : std::string();
            if (!ungranted.empty() && ungranted != told && log) {
              log(audit::WriterMessage::warning,
                  "segments are over by audit.journal.keep and lack a grant, which tallygate audit retire "
                  "names: " +
                      ungranted);
            }
            told = ungranted;
            const auto* next = done ? done->if_contains("next") : nullptr;
            request["from"] = next != nullptr ? *next : boost::json::value(0);
            return next != nullptr && !closing.stop_requested();
          }};
}

// Commands reach the journal through the writer, between two batches.
audit::Result<void> open_door(Plugin& plugin, const JournalConfig& config,
                              const std::filesystem::path& journal, const std::filesystem::path& head,
                              const audit::WriterLog& log) {
  plugin.custodian = std::make_unique<audit::Custodian>(
      journal, audit::system_clock(),
      [writer = plugin.writer.get()](audit::Custodian::Act act) { return writer->perform(std::move(act)); },
      [sealer = plugin.sealer.get()](std::string_view subject) {
        if (sealer != nullptr) {
          sealer->forget(subject);
        }
      },
      plugin.closing.get_token());
  auto server = audit::ControlServer::open(
      audit::control_socket(audit::head_file(head)),
      [custodian = plugin.custodian.get()](const boost::json::object& request, audit::Requester who) {
        return custodian->handle(request, who);
      },
      retention(plugin, config, log));
  if (!server) {
    return server.error();
  }
  plugin.control = std::move(*server);
  return {};
}

void put_error(std::string_view message, char* error, std::size_t error_size) {
  if (error == nullptr || error_size == 0) {
    return;
  }
  const std::size_t size = std::min(message.size(), error_size - 1);
  std::memcpy(error, message.data(), size);
  error[size] = '\0';
}

tg_status open_checked(const tg_host* host, std::string_view json, void** self, std::string& error) {
  auto config = parse_journal_config(json);
  if (!config) {
    error = config.error().message;
    return TG_INVALID;
  }
  const std::filesystem::path folder = config->journal.journal;
  const std::filesystem::path head = config->journal.head;
  auto journal = audit::Journal::open(std::move(config->journal));
  if (!journal) {
    error = journal.error().message;
    return journal.error().kind == audit::FailureKind::invalid ? TG_INVALID : TG_UNWRITABLE;
  }
  for (const audit::Leftover& left : (*journal)->leftovers()) {
    if (const auto log = log_to(host)) {
      log(left.grave ? audit::WriterMessage::error : audit::WriterMessage::info, left.told);
    }
  }
  auto plugin = std::make_unique<Plugin>();
  const std::string origin = (*journal)->origin();
  plugin->writer =
      std::make_unique<audit::Writer>(std::move(*journal), config->writer, plugin->sink, log_to(host));
  if (config->seal) {
    plugin->sealer = std::make_unique<audit::Sealer>(origin, *plugin->writer, plugin->sink);
  }
  // The record is whole without it; only commands cannot reach it, and say so themselves.
  if (auto door = open_door(*plugin, *config, folder, head, log_to(host)); !door) {
    if (const auto log = log_to(host)) {
      log(audit::WriterMessage::error, "commands cannot reach the journal: " + door.error().message);
    }
  }
  *self = plugin.release();
  return TG_OK;
}

tg_status plugin_open(const tg_host* host, tg_bytes config, void** self, char* error,
                      std::size_t error_size) {
  std::string message;
  tg_status status = TG_UNWRITABLE;
  try {
    status = open_checked(host, view(config), self, message);
  } catch (const std::exception& exception) {
    message = std::string("the journal cannot be opened: ") + exception.what();
  } catch (...) {
    message = "the journal cannot be opened";
  }
  if (status != TG_OK) {
    put_error(message, error, error_size);
  }
  return status;
}

audit::Result<std::optional<audit::Writer::Refusal>> submit_sealed(Plugin& plugin, const audit::Event& event,
                                                                   audit::Ticket ticket, bool awaited) {
  if (plugin.sealer) {
    return plugin.sealer->submit(event, ticket, awaited);
  }
  auto encoded = audit::encode(event, plugin.writer->gateway_json());
  if (!encoded) {
    return encoded.error();
  }
  return plugin.writer->submit(std::move(*encoded), ticket, awaited);
}

void submit_checked(Plugin& plugin, const tg_event& event, tg_done done, void* token) {
  std::array<audit::Member, inline_members> few;
  std::vector<audit::Member> many;
  std::span<audit::Member> members(few);
  if (event.member_count > few.size()) {
    many.resize(event.member_count);
    members = many;
  }
  members = members.first(event.member_count);
  for (std::size_t i = 0; i < members.size(); ++i) {
    members[i] = {view(event.members[i].name), view(event.members[i].json)};
  }
  const audit::Ticket ticket{reinterpret_cast<void (*)()>(done), token};
  const bool awaited = (event.flags & TG_EVENT_AWAITED) != 0;
  const auto refusal = submit_sealed(plugin, {view(event.kind), view(event.id), members}, ticket, awaited);
  if (!refusal) {
    answer(done, token, refusal.error().kind == audit::FailureKind::invalid ? TG_INVALID : TG_UNWRITABLE,
           refusal.error().message);
  } else if (*refusal) {
    answer(done, token, status_of((*refusal)->outcome), (*refusal)->reason);
  }
}

void plugin_submit(void* self, const tg_event* event, tg_done done, void* token) {
  if (event == nullptr || event->size < offsetof(tg_event, flags) + sizeof event->flags) {
    answer(done, token, TG_INVALID, "the event is of an older ABI than this plugin's");
    return;
  }
  try {
    submit_checked(*static_cast<Plugin*>(self), *event, done, token);
  } catch (const std::exception&) {
    // Nothing was handed to the writer yet: its submit() is the last step, and takes the event whole or
    // throws.
    answer(done, token, TG_OVERLOADED, "no memory to record the event");
  } catch (...) {
    answer(done, token, TG_UNWRITABLE, "the event could not be recorded");
  }
}

void plugin_health(void* self, tg_health* health) {
  tg_health full{};
  try {
    const audit::WriterHealth now = static_cast<Plugin*>(self)->writer->health();
    full.status = now.good ? TG_OK : TG_UNWRITABLE;
    put_error(now.reason, static_cast<char*>(full.reason), sizeof full.reason);
    full.queued = now.queued;
    full.entries = now.entries;
    full.batches = now.batches;
    full.failures = now.failures;
    full.newest_seq = now.newest_seq;
    full.commit_us_sum = now.commit_us_sum;
    std::copy(now.commit_us.begin(), now.commit_us.end(), std::begin(full.commit_us));
  } catch (...) {
    full.status = TG_UNWRITABLE;
    put_error("no memory to report the journal's health", static_cast<char*>(full.reason),
              sizeof full.reason);
  }
  full.size = std::min(health->size, sizeof full);
  std::memcpy(health, &full, full.size);
}

void plugin_close(void* self) {
  const std::unique_ptr<Plugin> plugin(static_cast<Plugin*>(self));
  plugin->closing.request_stop();
  plugin->control.reset();
  if (plugin->sealer) {
    plugin->sealer->close();
  }
  plugin->writer->close();
}

constexpr tg_plugin table = {sizeof(tg_plugin), TALLYGATE_PLUGIN_ABI, "journal",     TALLYGATE_VERSION,
                             plugin_open,       plugin_submit,        plugin_health, plugin_close};

}  // namespace
}  // namespace tallygate::plugin

extern "C" TALLYGATE_PLUGIN_EXPORT const tg_plugin* tallygate_plugin(uint32_t host_abi) {
  return host_abi == TALLYGATE_PLUGIN_ABI ? &tallygate::plugin::table : nullptr;
}
