#pragma once

#include "audit/journal/failure.hpp"
#include "audit/journal/journal.hpp"
#include "audit/journal/pkcs11_uri.hpp"
#include "audit/journal/writer.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>

namespace tallygate::plugin {

/// What the audit plugin is opened with.
struct JournalConfig {
  audit::JournalOptions journal;
  audit::WriterOptions writer;
  boost::json::object keep;  ///< rules of retention, as the custodian takes them; empty: nothing is retired
  std::string archive;       ///< folder; empty: none
  bool seal = false;         ///< what identifies a person is sealed
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
  constexpr std::array<std::pair<std::string_view, Kind>, 4> kinds = {{{"file", Kind::file},
                                                                       {"env", Kind::environment},
                                                                       {"credential", Kind::credential},
                                                                       {"pkcs11", Kind::pkcs11}}};
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
    if (kind == Kind::pkcs11) {
      if (const auto uri = audit::parse_pkcs11_uri(*where); !uri) {
        return bad("kek", "must be right: " + uri.error().message);
      }
    }
    return audit::KekSource{kind, std::move(*where)};
  }
  return bad("kek",
             R"(must be one of {"file": PATH}, {"env": VARIABLE}, {"credential": NAME}, {"pkcs11": URI})");
}

// The limits of epochs and segments.
inline audit::Result<void> spans(const boost::json::object& object, audit::JournalOptions& options) {
  constexpr std::uint64_t entries_most = 100'000'000;
  constexpr std::uint64_t bytes_most = 1ULL << 36U;
  constexpr std::uint64_t age_most_s = 366ULL * 86'400;
  struct Limit {
    std::string_view key;
    std::uint64_t most;
    std::function<void(std::uint64_t)> set;
  };
  const auto read = [&](std::string_view name, std::span<const Limit> limits) -> audit::Result<void> {
    const boost::json::value* value = object.if_contains(name);
    if (value == nullptr) {
      return {};
    }
    const boost::json::object* map = value->if_object();
    std::size_t found = 0;
    for (const Limit& limit : limits) {
      if (map == nullptr || !map->contains(limit.key)) {
        continue;
      }
      const auto given = number(*map, limit.key, 0, 1, limit.most);
      if (!given) {
        return given.error();
      }
      limit.set(*given);
      ++found;
    }
    return map != nullptr && found == map->size() ? audit::Result<void>()
                                                  : bad(name, "is an object of entries, bytes and age_s");
  };
  const auto seconds = [](std::uint64_t value) {
    return std::chrono::seconds(static_cast<std::int64_t>(value));
  };
  const std::array<Limit, 2> epoch = {
      {{"entries", entries_most, [&](std::uint64_t value) { options.epoch.entries = value; }},
       {"age_s", age_most_s, [&](std::uint64_t value) { options.epoch.age = seconds(value); }}}};
  const std::array<Limit, 3> segment = {
      {{"entries", entries_most, [&](std::uint64_t value) { options.segment.entries = value; }},
       {"bytes", bytes_most, [&](std::uint64_t value) { options.segment.bytes = value; }},
       {"age_s", age_most_s, [&](std::uint64_t value) { options.segment.age = seconds(value); }}}};
  auto done = read("epoch", epoch);
  return done ? read("segment", segment) : done;
}

/// Reads keep, archive, seal and checkpoint: how the journal is kept, all optional.
inline audit::Result<void> habits(const boost::json::object& object, JournalConfig& config) {
  if (const boost::json::value* keep = object.if_contains("keep")) {
    if (!keep->is_object()) {
      return bad("keep", "must be an object of keep, kinds and routes, in seconds");
    }
    config.keep = keep->get_object();
  }
  if (object.contains("archive")) {
    auto archive = text(object, "archive");
    if (!archive) {
      return archive.error();
    }
    config.archive = std::move(*archive);
  }
  if (const boost::json::value* seal = object.if_contains("seal")) {
    if (!seal->is_bool()) {
      return bad("seal", "must be true or false");
    }
    config.seal = seal->get_bool();
  }
  if (object.contains("checkpoint")) {
    const auto checkpoint = text(object, "checkpoint");
    if (!checkpoint || (*checkpoint != "batch" && *checkpoint != "entry")) {
      return bad("checkpoint", R"(must be "batch" or "entry")");
    }
    config.writer.batch_max = *checkpoint == "entry" ? 1 : config.writer.batch_max;
  }
  return {};
}

}  // namespace detail

/// Reads the plugin's configuration, one JSON object: path, head, keyring, gateway, kek {file | env |
/// credential}; optional heartbeat_s, queue_max, batch_max, checkpoint ("batch" or "entry"), epoch {entries,
/// age_s}, segment {entries, bytes, age_s}, keep, archive, seal (true or false). Errors: invalid, naming the
/// key and what would be right; unknown keys are errors.
inline audit::Result<JournalConfig> parse_journal_config(std::string_view json) {
  constexpr std::array<std::string_view, 14> known = {
      "path",      "head",       "keyring", "gateway", "kek",  "heartbeat_s", "queue_max",
      "batch_max", "checkpoint", "epoch",   "segment", "keep", "archive",     "seal"};
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
                         "batch_max, checkpoint, epoch, segment, keep, archive, seal");
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
  if (auto spans = detail::spans(*object, config.journal); !spans) {
    return spans.error();
  }
  if (auto habits = detail::habits(*object, config); !habits) {
    return habits.error();
  }
  return config;
}

}  // namespace tallygate::plugin
