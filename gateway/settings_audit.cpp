#include "gateway/settings_reader.hpp"
#include "policy/language/yaml_reader.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <fmt/format.h>

#include <charconv>

namespace tallygate {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t queue_max = 1'048'576;
constexpr std::size_t batch_max = 16'384;
constexpr std::size_t span_entries_min = 100;
constexpr std::size_t span_entries_max = 100'000'000;
constexpr std::size_t segment_bytes_min = std::size_t{1024} * 1024;
constexpr std::size_t segment_bytes_max = std::size_t{64} * 1024 * 1024 * 1024;
constexpr std::size_t writer_rate_max = 100'000;
constexpr milliseconds heartbeat_max{std::chrono::hours{24}};

boost::json::value to_json(const yaml::Node& node) {
  switch (node.kind()) {
    case yaml::Kind::null:
      return nullptr;
    case yaml::Kind::boolean:
      return node.scalar() == "true";
    case yaml::Kind::integer: {
      std::int64_t value = 0;
      const std::string& text = node.scalar();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
      return error == std::errc{} && end == text.data() + text.size() ? boost::json::value(value)
                                                                      : boost::json::value(text);
    }
    case yaml::Kind::number:  // as text: a plugin's author decides how a fraction is read
    case yaml::Kind::text:
      return boost::json::value(node.scalar());
    case yaml::Kind::list: {
      boost::json::array items;
      for (std::size_t i = 0; i < node.size(); ++i) {
        items.push_back(to_json(node.item(i)));
      }
      return items;
    }
    case yaml::Kind::map: {
      boost::json::object object;
      for (std::size_t i = 0; i < node.size(); ++i) {
        const auto [key, value] = node.entry(i);
        object[key.scalar()] = to_json(value);
      }
      return object;
    }
  }
  return nullptr;
}

void read_kek(SettingsMap& journal, const std::filesystem::path& head_folder, KekSource& kek) {
  kek = {KekSource::Kind::file, (head_folder / "kek").string()};
  const auto text = journal.text("kek");
  if (!text) {
    return;
  }
  const auto at = *journal.map().find("kek");
  const std::size_t colon = text->find(':');
  const std::string kind = text->substr(0, colon);
  const std::string name = colon == std::string::npos ? "" : text->substr(colon + 1);
  if (!name.empty() && kind == "file") {
    if (const auto path = journal.to_path(at, name, false)) {
      kek.name = path->string();
    }
  } else if (!name.empty() && kind == "env") {
    kek = {KekSource::Kind::env, name};
  } else if (!name.empty() && kind == "credential" && name.find('/') == std::string::npos) {
    kek = {KekSource::Kind::credential, name};
  } else if (!name.empty() && kind == "pkcs11" && name.find("pin-value") == std::string::npos) {
    // The plugin reads the rest of it; what is relative there would depend on where the gateway was started.
    constexpr std::string_view pin_file = "pin-source=file:";
    const std::size_t pin = name.find(pin_file);
    if (pin != std::string::npos && !std::string_view(name).substr(pin + pin_file.size()).starts_with('/')) {
      journal.error(at, "the pin-source of 'kek' must be file:/ABSOLUTE/PATH or credential:NAME");
    }
    kek = {KekSource::Kind::pkcs11, *text};
  } else {
    // The value is not repeated: somebody may have put the key itself there.
    journal.error(at,
                  "'kek' must be file:PATH, env:NAME, credential:NAME or a pkcs11: URI without pin-value, "
                  "never the key "
                  "itself");
  }
}

void read_epoch(SettingsMap& journal, EpochSettings& settings) {
  if (const auto node = journal.map().find("epoch")) {
    SettingsMap epoch(*node, "epoch", journal.context());
    epoch.count("entries", settings.entries, span_entries_min, span_entries_max);
    epoch.duration("age", settings.age);
    epoch.finish();
  }
}

void read_segment(SettingsMap& journal, SegmentSettings& settings) {
  if (const auto node = journal.map().find("segment")) {
    SettingsMap segment(*node, "segment", journal.context());
    segment.count("entries", settings.entries, span_entries_min, span_entries_max);
    segment.bytes("bytes", settings.bytes, segment_bytes_min, segment_bytes_max);
    segment.duration("age", settings.age);
    segment.finish();
  }
}

std::optional<std::chrono::seconds> keep_of(const SettingsMap& map, const yaml::Node& node) {
  const auto keep = node.kind() == yaml::Kind::text ? yaml::parse_duration(node.scalar()) : std::nullopt;
  if (!keep || keep->count() <= 0) {
    map.error(node, "how long is kept must be a duration such as 400d");
    return std::nullopt;
  }
  return keep;
}

void read_keep_map(SettingsMap& keep, std::string_view key,
                   std::map<std::string, std::chrono::seconds>& into) {
  const auto node = keep.map().find(key);
  if (!node) {
    return;
  }
  if (node->kind() != yaml::Kind::map) {
    keep.error(*node, fmt::format("'{}' must be a map of durations", key));
    return;
  }
  for (std::size_t i = 0; i < node->size(); ++i) {
    const auto [name, value] = node->entry(i);
    if (const auto time = keep_of(keep, value)) {
      into[name.scalar()] = *time;
    }
  }
}

// A duration, or a map of rules whose `default` is for everything else.
void read_keep(SettingsMap& journal, KeepSettings& settings) {
  const auto node = journal.map().find("keep");
  if (!node) {
    return;
  }
  if (node->kind() != yaml::Kind::map) {
    settings.keep = keep_of(journal, *node).value_or(settings.keep);
    return;
  }
  SettingsMap keep(*node, "keep", journal.context());
  const auto rest = keep.map().find("default");
  if (!rest) {
    journal.error(*node, "'keep' must say how long everything else is kept, as 'default'");
  } else {
    settings.keep = keep_of(keep, *rest).value_or(settings.keep);
  }
  read_keep_map(keep, "kinds", settings.kinds);
  read_keep_map(keep, "routes", settings.routes);
  keep.finish();
}

void read_journal(SettingsMap& journal, JournalSettings& settings) {
  const auto at = journal.node();
  settings.path = journal.path("path", false).value_or(*journal.to_path(at, "journal", false));
  const auto folder = journal.path("head", false).value_or(*journal.to_path(at, "head", false));
  settings.head = folder / "head";
  settings.keyring = journal.path("keyring", false).value_or(folder / "keyring.db");
  read_kek(journal, folder, settings.kek);
  journal.word("checkpoint", settings.checkpoint,
               {{"batch", CheckpointEvery::batch}, {"entry", CheckpointEvery::entry}});
  journal.duration("heartbeat", settings.heartbeat);
  if (settings.heartbeat > heartbeat_max) {
    journal.error(*journal.map().find("heartbeat"),
                  "'heartbeat' must be at most 24h: a missing tail has to show");
  }
  journal.count("queue", settings.queue, 1, queue_max);
  journal.count("batch", settings.batch, 1, batch_max);
  read_epoch(journal, settings.epoch);
  read_segment(journal, settings.segment);
  read_keep(journal, settings.keep);
  settings.archive = journal.path("archive", false).value_or(std::filesystem::path());
  journal.boolean("seal", settings.seal);
  journal.boolean("tlog_entries", settings.tlog_entries);
  journal.finish();
}

void read_writers(SettingsMap& audit, WriterSettings& settings) {
  if (const auto node = audit.map().find("writers")) {
    SettingsMap writers(*node, "writers", audit.context());
    writers.count("rate", settings.rate, 1, writer_rate_max);
    writers.count("burst", settings.burst, 1, writer_rate_max);
    writers.finish();
  }
}

void read_plugin(SettingsMap& audit, AuditSettings& settings) {
  if (const auto plugin = audit.text("plugin"); plugin && *plugin != "journal") {
    const auto at = *audit.map().find("plugin");
    if (plugin->find('/') == std::string::npos && !plugin->ends_with(".so")) {
      audit.error(
          at, fmt::format("'plugin' is '{}', but must be journal, or the path of a shared object", *plugin));
    } else if (const auto path = audit.to_path(at, *plugin, true)) {
      settings.plugin = path->string();
    }
  }
  if (const auto options = audit.map().find("options")) {
    if (settings.plugin == "journal") {
      audit.error(*options, "'options' are for another plugin; the journal's settings stand under 'journal'");
    } else if (options->kind() != yaml::Kind::map) {
      audit.error(*options, "'options' must be a map");
    } else {
      settings.options_json = boost::json::serialize(to_json(*options));
    }
  }
}

void read_audit_map(SettingsMap& audit, AuditSettings& settings) {
  read_plugin(audit, settings);
  audit.word("acknowledge", settings.acknowledge,
             {{"before_upstream", Acknowledge::before_upstream},
              {"before_response", Acknowledge::before_response},
              {"queued", Acknowledge::queued}});
  audit.word("when_unwritable", settings.when_unwritable,
             {{"deny", WhenUnwritable::deny}, {"allow_read_only", WhenUnwritable::allow_read_only}});
  if (const auto node = audit.map().find("record")) {
    read_record(*node, audit.context(), settings.record);
  }
  read_writers(audit, settings.writers);
}

}  // namespace

void read_audit(SettingsMap& root, Settings& settings) {
  const auto audit_node = root.map().find("audit");
  // Where a map is missing its defaults still have to become absolute paths: an empty document stands for it.
  const auto nothing = yaml::parse("{}", "defaults").value();
  SettingsMap audit(audit_node.value_or(nothing.root()), "audit", root.context());
  read_audit_map(audit, settings.audit);
  const auto journal_node = audit.map().find("journal");
  SettingsMap journal(journal_node.value_or(nothing.root()), "journal", root.context());
  read_journal(journal, settings.audit.journal);
  audit.finish();
}

}  // namespace tallygate
