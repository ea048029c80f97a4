#pragma once
/// The process's log: one line an event on stderr, JSON for machines, text on a terminal. Only the edge logs;
/// the rooms below return their errors.
#include "gateway/settings.hpp"

#include <fmt/format.h>

#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace spdlog {
class logger;  // NOLINT(readability-identifier-naming): the library's own
}

namespace tallygate {

/// Threads: safe from any. Values are escaped; secrets are the caller's to leave out.
class Log {
 public:
  using Field = std::pair<std::string_view, std::string>;

  explicit Log(const LogSettings& settings);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void debug(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(LogLevel::debug, message, fields);
  }
  void info(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(LogLevel::info, message, fields);
  }
  void warning(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(LogLevel::warning, message, fields);
  }
  void error(std::string_view message, std::initializer_list<Field> fields = {}) {
    write(LogLevel::error, message, fields);
  }
  void write(LogLevel level, std::string_view message, std::initializer_list<Field> fields);
  void set_level(LogLevel level) noexcept;

 private:
  std::shared_ptr<spdlog::logger> logger_;
  bool json_ = true;
};

}  // namespace tallygate
