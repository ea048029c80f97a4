#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/writer.hpp"

#include <boost/json.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::plugin {

/// What the audit plugin is opened with.
struct JournalConfig {
  audit::JournalOptions journal;
  audit::WriterOptions writer;
};

namespace detail {

inline audit::Failure bad(std::string_view key, std::string_view what) {
  return audit::fail(audit::FailureKind::invalid,
                     "journal configuration: \"" + std::string(key) + "\" " + std::string(what));
}

inline audit::Result<std::string> text(const boost::json::object& object, std::string_view key) {
  const boost::json::value* value = object.if_contains(key);
  const boost::json::string* string = value == nullptr ? nullptr : value->if_string();
  if (string == nullptr || string->empty()) {
    return bad(key, "must be a text that is not empty");
  }
  return std::string(string->data(), string->size());
}

inline audit::Result<std::uint64_t> number(const boost::json::object& object, std::string_view key,
                                           std::uint64_t fallback, std::uint64_t least, std::uint64_t most) {
  const boost::json::value* value = object.if_contains(key);
  if (value == nullptr) {
    return fallback;
  }
  boost::system::error_code error;
  const auto result = value->to_number<std::uint64_t>(error);
  if (error || result < least || result > most) {
    return bad(key, "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return result;
}

inline audit::Result<audit::KekSource> kek(const boost::json::object& object) {
  using Kind = audit::KekSource::Kind;
  constexpr std::array<std::pair<std::string_view, Kind>, 3> kinds = {
      {{"file", Kind::file}, {"env", Kind::environment}, {"credential", Kind::credential}}};
  const boost::json::value* value = object.if_contains("kek");
  const boost::json::object* source = value == nullptr ? nullptr : value->if_object();
  for (const auto& [name, kind] : kinds) {
    if (source == nullptr || source->size() != 1 || !source->contains(name)) {
      continue;
    }
    auto where = text(*source, name);
    if (!where) {
      return where.error();
    }
    return audit::KekSource{kind, std::move(*where)};
  }
  return bad("kek", R"(must be one of {"file": PATH}, {"env": VARIABLE}, {"credential": NAME})");
}

}  // namespace detail

/// Reads the plugin's configuration, one JSON object: path, head, keyring, gateway, kek {file | env |
/// credential}; optional heartbeat_s, queue_max, batch_max, checkpoint ("batch" or "entry"). Errors: invalid,
/// naming the key and what would be right; unknown keys are errors.
inline audit::Result<JournalConfig> parse_journal_config(std::string_view json) {
  constexpr std::array<std::string_view, 9> known = {
      "path", "head", "keyring", "gateway", "kek", "heartbeat_s", "queue_max", "batch_max", "checkpoint"};
  constexpr std::uint64_t day_s = 86'400;
  constexpr std::uint64_t queue_most = 1'000'000;
  constexpr std::uint64_t batch_most = 16'384;
  boost::system::error_code error;
  const boost::json::value value = boost::json::parse(json, error);
  const boost::json::object* object = error ? nullptr : value.if_object();
  if (object == nullptr) {
    return audit::fail(audit::FailureKind::invalid, "journal configuration: must be one JSON object");
  }
  for (const auto& member : *object) {
    if (std::find(known.begin(), known.end(), std::string_view(member.key())) == known.end()) {
      return detail::bad(member.key(),
                         "is not a key; known are path, head, keyring, gateway, kek, heartbeat_s, queue_max, "
                         "batch_max, checkpoint");
    }
  }
  JournalConfig config;
  auto path = detail::text(*object, "path");
  auto head = detail::text(*object, "head");
  auto keyring = detail::text(*object, "keyring");
  auto gateway = detail::text(*object, "gateway");
  for (const auto* one : {&path, &head, &keyring, &gateway}) {
    if (!*one) {
      return one->error();
    }
  }
  auto kek = detail::kek(*object);
  if (!kek) {
    return kek.error();
  }
  const auto heartbeat = detail::number(*object, "heartbeat_s", 0, 1, day_s);
  const auto queue = detail::number(*object, "queue_max", config.writer.pending_max, 1, queue_most);
  const auto batch = detail::number(*object, "batch_max", config.writer.batch_max, 1, batch_most);
  for (const auto* one : {&heartbeat, &queue, &batch}) {
    if (!*one) {
      return one->error();
    }
  }
  config.journal.journal = *path;
  config.journal.head = *head;
  config.journal.keyring = *keyring;
  config.journal.gateway = *gateway;
  config.journal.kek = std::move(*kek);
  config.journal.heartbeat = std::chrono::seconds(static_cast<std::int64_t>(*heartbeat));
  config.writer.pending_max = *queue;
  config.writer.batch_max = *batch;
  if (object->contains("checkpoint")) {
    const auto checkpoint = detail::text(*object, "checkpoint");
    if (!checkpoint || (*checkpoint != "batch" && *checkpoint != "entry")) {
      return detail::bad("checkpoint", R"(must be "batch" or "entry")");
    }
    config.writer.batch_max = *checkpoint == "entry" ? 1 : config.writer.batch_max;
  }
  return config;
}

}  // namespace tallygate::plugin
