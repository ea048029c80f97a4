#pragma once
/// Comfort for plugins written in C++ (17 or newer): the ABI of plugin.h, with its rules kept by types.
///
///     class Printer {
///      public:
///       static constexpr const char* name = "printer";
///       static constexpr const char* version = "1";
///       Printer(tallygate::plugin::Host host, std::string_view config_json);   // throw to refuse, what() is
///       shown ~Printer();                                                           // answer everything
///       first void submit(const tallygate::plugin::Event& event, tallygate::plugin::Done done); void
///       health(tg_health& health);
///     };
///     TALLYGATE_PLUGIN(Printer)
#include <tallygate/plugin.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <string_view>
#include <utility>

namespace tallygate::plugin {

/// Borrowed text of borrowed bytes.
inline std::string_view text(tg_bytes bytes) noexcept {
  return bytes.size == 0 ? std::string_view()
                         : std::string_view(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

/// Borrowed bytes of borrowed text.
inline tg_bytes bytes(std::string_view text) noexcept {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

/// The host's services. A copy is as good as the original, until the plugin is closed. Threads: any.
class Host {
 public:
  explicit Host(const tg_host* host) noexcept : host_(host) {}
  void log(tg_log_level level, std::string_view message) const noexcept {
    host_->log(host_->self, level, bytes(message));
  }

 private:
  const tg_host* host_;
};

/// One event, valid during submit() only.
class Event {
 public:
  explicit Event(const tg_event& event) noexcept : event_(&event) {}
  [[nodiscard]] std::string_view kind() const noexcept { return text(event_->kind); }
  [[nodiscard]] std::string_view id() const noexcept { return text(event_->id); }
  [[nodiscard]] bool awaited() const noexcept { return (event_->flags & TG_EVENT_AWAITED) != 0; }
  [[nodiscard]] const tg_member* begin() const noexcept { return event_->members; }
  [[nodiscard]] const tg_member* end() const noexcept { return event_->members + event_->member_count; }
  /// The JSON text of a member; empty if there is none of that name.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept {
    for (const tg_member& member : *this) {
      if (text(member.name) == name) {
        return text(member.json);
      }
    }
    return {};
  }

 private:
  const tg_event* event_;
};

/// The answer that is owed for one event. Moved, never copied; answers exactly once, on any thread, and by
/// itself with TG_UNWRITABLE if it is dropped unanswered.
class Done {
 public:
  Done(tg_done done, void* token) noexcept : done_(done), token_(token) {}
  Done(Done&& other) noexcept : done_(std::exchange(other.done_, nullptr)), token_(other.token_) {}
  Done& operator=(Done&& other) noexcept {
    if (this != &other) {
      drop();
      done_ = std::exchange(other.done_, nullptr);
      token_ = other.token_;
    }
    return *this;
  }
  Done(const Done&) = delete;
  Done& operator=(const Done&) = delete;
  ~Done() { drop(); }

  /// The event is durable. Nothing happens if the answer was given before.
  void durable(const tg_receipt& receipt) noexcept {
    if (done_ != nullptr) {
      std::exchange(done_, nullptr)(token_, TG_OK, &receipt, tg_bytes{nullptr, 0});
    }
  }
  /// The event is not durable. `status` is anything but TG_OK.
  void refused(tg_status status, std::string_view reason) noexcept {
    if (done_ != nullptr) {
      std::exchange(done_, nullptr)(token_, status, nullptr, bytes(reason));
    }
  }

 private:
  void drop() noexcept { refused(TG_UNWRITABLE, "the plugin dropped the event"); }

  tg_done done_;
  void* token_;
};

/// The C functions for a plugin class; see the top of this file for what it must have. No exception passes
/// them: one thrown by submit() refuses the event that was handed over, one thrown by health() is its reason.
template <typename Plugin>
struct Functions {
  static tg_status open(const tg_host* host, tg_bytes config_json, void** self, char* error,
                        std::size_t error_size) noexcept {
    try {
      *self = std::make_unique<Plugin>(Host(host), text(config_json)).release();
      return TG_OK;
    } catch (const std::exception& refusal) {
      std::snprintf(error, error_size, "%s", refusal.what());
    } catch (...) {
      std::snprintf(error, error_size, "unknown exception");
    }
    return TG_INVALID;
  }

  static void submit(void* self, const tg_event* event, tg_done done, void* token) noexcept {
    Done answer(done, token);
    try {
      static_cast<Plugin*>(self)->submit(Event(*event), std::move(answer));
    } catch (...) {
      // An answer that was not moved away, or whose new owner was unwound, has refused the event by now or
      // will.
      answer.refused(TG_UNWRITABLE, "the plugin threw an exception");
    }
  }

  static void health(void* self, tg_health* health) noexcept {
    tg_health now{};
    now.size = sizeof(now);
    try {
      static_cast<Plugin*>(self)->health(now);
    } catch (const std::exception& failure) {
      now.status = TG_UNWRITABLE;
      std::snprintf(now.reason, sizeof(now.reason), "%s", failure.what());
    } catch (...) {
      now.status = TG_UNWRITABLE;
      std::snprintf(now.reason, sizeof(now.reason), "unknown exception");
    }
    now.size = health->size < sizeof(now) ? health->size : sizeof(now);
    std::memcpy(health, &now, now.size);
  }

  static void close(void* self) noexcept { std::unique_ptr<Plugin>(static_cast<Plugin*>(self)).reset(); }

  static const tg_plugin* table(std::uint32_t host_abi) noexcept {
    static const tg_plugin made = {sizeof(tg_plugin),
                                   TALLYGATE_PLUGIN_ABI,
                                   Plugin::name,
                                   Plugin::version,
                                   &open,
                                   &submit,
                                   &health,
                                   &close};
    return host_abi == TALLYGATE_PLUGIN_ABI ? &made : nullptr;
  }
};

}  // namespace tallygate::plugin

/// Exports a class as the plugin of its shared object. Once in each.
#define TALLYGATE_PLUGIN(Class)                                                                  \
  extern "C" TALLYGATE_PLUGIN_EXPORT const tg_plugin* tallygate_plugin(std::uint32_t host_abi) { \
    return ::tallygate::plugin::Functions<Class>::table(host_abi);                               \
  }
