#include "gateway/log.hpp"

#include "gateway/access/ids.hpp"
#include "gateway/access/json.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <chrono>

namespace tallygate {
namespace {

spdlog::level::level_enum level_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

std::string_view name_of(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::debug:
      return "debug";
    case LogLevel::info:
      return "info";
    case LogLevel::warning:
      return "warning";
    case LogLevel::error:
      return "error";
  }
  return "info";
}

/// Text for a terminal must not carry control characters of somebody else.
std::string printable(std::string_view text) {
  std::string out;
  for (const char character : text) {
    const auto byte = static_cast<unsigned char>(character);
    if (byte < 0x20 || byte == 0x7F) {
      out += fmt::format("\\x{:02x}", byte);
    } else {
      out += character;
    }
  }
  return out;
}

}  // namespace

Log::Log(const LogSettings& settings)
    : logger_(
          std::make_shared<spdlog::logger>("tallygate", std::make_shared<spdlog::sinks::stderr_sink_mt>())),
      json_(settings.format == LogFormat::json ||
            (settings.format == LogFormat::automatic && isatty(STDERR_FILENO) == 0)) {
  logger_->set_pattern("%v");
  logger_->flush_on(spdlog::level::trace);
  logger_->set_level(level_of(settings.level));
}

Log::~Log() = default;

void Log::set_level(LogLevel level) noexcept {
  logger_->set_level(level_of(level));
}

void Log::write(LogLevel level, std::string_view message, std::initializer_list<Field> fields) {
  if (!logger_->should_log(level_of(level))) {
    return;
  }
  access::SecondText second;
  const std::string_view time = second.of(std::chrono::system_clock::now());
  std::string line;
  if (json_) {
    line.append("{\"time\":\"")
        .append(time)
        .append("\",\"level\":\"")
        .append(name_of(level))
        .append("\",\"message\":");
    access::append_json_string(line, message);
    for (const auto& [name, value] : fields) {
      line += ',';
      access::append_json_text(line, name, value, std::size_t{8} * 1024);
    }
    line += '}';
  } else {
    line = fmt::format("{} {:7} {}", time, name_of(level), printable(message));
    for (const auto& [name, value] : fields) {
      line += fmt::format(" {}={}", name, printable(value));
    }
  }
  logger_->log(level_of(level), "{}", line);
}

}  // namespace tallygate
