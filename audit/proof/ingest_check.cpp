#include "audit/proof/ingest_check.hpp"

#include "audit/journal/canonical_json.hpp"
#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view message_start = "tallygate record v2\n";
constexpr std::string_view message_start_before = "tallygate record v1\n";
constexpr std::size_t decimals_max = 9;
constexpr std::size_t to_the_second = 19;  // 2026-01-02T03:04:05

std::string lines(std::string_view start, std::initializer_list<std::string_view> parts) {
  std::string message(start);
  for (const std::string_view part : parts) {
    message.append(part).append("\n");
  }
  return message;
}

std::string text_of(std::string_view json) {
  return json_string(json).value_or(std::string());
}

// What stands there of a body that was cut: `bytes`, `cut` and `sha256`.
void read_cut(std::string_view json, IngestedEntry& entry) {
  std::array members = {WantedMember{"bytes", {}}, WantedMember{"cut", {}}, WantedMember{"sha256", {}}};
  if (check_canonical_object(json, members)) {
    return;
  }
  const auto& [bytes, cut, sha256] = members;
  entry.body = digest_from_hex(text_of(sha256.json)).value_or(Digest{});
  auto kept = json_string(cut.json);
  const auto size = json_integer(bytes.json);
  if (kept && size && *size >= 0) {
    entry.cut = CutBody{std::move(*kept), static_cast<std::uint64_t>(*size)};
  }
}

}  // namespace

std::string ingest_message(std::string_view journal, std::string_view writer, std::string_view key,
                           std::string_view sent, const Digest& body) {
  return lines(message_start, {journal, writer, key, sent, to_hex(body)});
}

std::optional<std::int64_t> parse_sent_time(std::string_view text) {
  if (text.size() <= to_the_second || !text.ends_with('Z')) {
    return std::nullopt;
  }
  std::string whole(text.substr(0, text.size() - 1));
  if (whole.size() == to_the_second) {
    whole += '.';
  } else if (whole.size() == to_the_second + 1) {
    return std::nullopt;  // a point without decimals
  }
  if (whole.size() > to_the_second + 1 + decimals_max) {
    return std::nullopt;
  }
  whole.resize(to_the_second + 1 + decimals_max, '0');
  return parse_entry_time(whole + 'Z');
}

std::optional<IngestedEntry> read_ingested(Sha256& sha, std::string_view body) {
  std::array members = {WantedMember{"key", {}},  WantedMember{"observed", {}},  WantedMember{"record", {}},
                        WantedMember{"sent", {}}, WantedMember{"signature", {}}, WantedMember{"source", {}},
                        WantedMember{"time", {}}, WantedMember{"writer", {}}};
  if (check_canonical_object(body, members)) {
    return std::nullopt;
  }
  const auto& [key, observed, record, sent, signature, source, time, writer] = members;
  const auto time_ns = parse_entry_time(text_of(time.json));
  IngestedEntry entry;
  entry.writer = text_of(writer.json);
  if (entry.writer.empty() || !time_ns) {
    return std::nullopt;
  }
  entry.key = text_of(key.json);
  entry.sent = text_of(sent.json);
  entry.time_ns = *time_ns;
  if (auto raw = base64_decode(text_of(signature.json))) {
    entry.signature = std::move(*raw);
  }
  entry.whole = json_string(record.json);
  if (entry.whole) {
    entry.body = sha.digest(*entry.whole);
  } else {
    read_cut(record.json, entry);
  }
  entry.source = json_string(source.json);
  entry.has_observed = !observed.json.empty();
  entry.observed = json_string(observed.json);
  return entry;
}

std::string signed_bytes(std::string_view journal, const IngestedEntry& entry) {
  if (!entry.sent.empty()) {
    return ingest_message(journal, entry.writer, entry.key, entry.sent, entry.body);
  }
  return lines(message_start_before, {journal, entry.writer, entry.key}) +
         entry.whole.value_or(std::string());
}

void WriterKeys::enrol(std::string name, std::string_view key, std::uint64_t seq) {
  const bool there = std::any_of(terms_.begin(), terms_.end(),
                                 [&](const Term& one) { return !one.revoked && one.name == name; });
  if (there) {
    return;
  }
  Term term;
  term.name = std::move(name);
  term.since = seq;
  if (auto vkey = parse_vkey(key)) {
    term.key = std::move(*vkey);
  }
  terms_.push_back(std::move(term));
}

void WriterKeys::revoke(std::string_view name, std::uint64_t seq, std::int64_t time_ns) {
  for (Term& term : terms_) {
    if (!term.revoked && term.name == name) {
      term.revoked = seq;
      term.revoked_ns = time_ns;
    }
  }
}

std::optional<IngestFault> WriterKeys::judge(const IngestedEntry& entry, std::uint64_t seq,
                                             std::string_view journal) const {
  const std::string where = "entry " + std::to_string(seq);
  if (entry.signature.empty()) {
    return IngestFault{"ingest-forged", where + " bears no signature of its writer, " + entry.writer};
  }
  const std::string message = signed_bytes(journal, entry);
  bool known = false;
  std::optional<std::uint64_t> revoked;
  for (const Term& term : terms_) {
    if (term.name != entry.writer || term.since >= seq || !term.key) {
      continue;
    }
    known = true;
    if (!term.key->key.verify(message, entry.signature)) {
      continue;
    }
    if (!term.revoked || *term.revoked > seq ||
        std::chrono::nanoseconds(entry.time_ns - term.revoked_ns) <= ingest_commit_max) {
      return std::nullopt;
    }
    revoked = term.revoked;
  }
  if (revoked) {
    return IngestFault{"ingest-after-revoke", where + " was signed by the key of " + entry.writer +
                                                  ", which entry " + std::to_string(*revoked) + " revoked"};
  }
  return IngestFault{"ingest-forged", known ? where + " was not signed by its writer, " + entry.writer
                                            : where + " names a writer, " + entry.writer +
                                                  ", and nobody of that name was enrolled"};
}

}  // namespace tallygate::audit
