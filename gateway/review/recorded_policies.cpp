#include "gateway/review/recorded_policies.hpp"

#include "audit/journal/time_text.hpp"
#include "audit/search/reader.hpp"
#include "gateway/access/json.hpp"
#include "policy/language/loader.hpp"

#include <boost/json/parse.hpp>

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::review {
namespace {

namespace json = boost::json;
using audit::Result;

constexpr std::array<std::string_view, 5> kinds_wanted{
    R"(policy.load")", R"(journal.erase")", R"(journal.retire")", R"(gateway.start")", R"(config.load")"};

/// Whether the entry is of a kind that is wanted, or looks as if.
bool may_be_wanted(std::string_view body) {
  constexpr std::string_view mark = R"("kind":")";
  for (std::size_t at = body.find(mark); at != std::string_view::npos; at = body.find(mark, at + 1)) {
    const std::string_view kind = body.substr(at + mark.size());
    if (std::any_of(kinds_wanted.begin(), kinds_wanted.end(),
                    [kind](std::string_view wanted) { return kind.starts_with(wanted); })) {
      return true;
    }
  }
  return false;
}

/// A text member, also of one that was cut for its length; empty where there is none.
std::string text_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  if (value != nullptr && value->is_object()) {
    value = value->get_object().if_contains("cut");
  }
  const json::string* text = value == nullptr ? nullptr : value->if_string();
  return text == nullptr ? std::string() : std::string(*text);
}

std::int64_t number_of(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value != nullptr && value->is_int64() ? value->get_int64() : 0;
}

std::optional<json::object> object_of(std::string_view body) {
  boost::system::error_code error;
  json::value value = json::parse(body, error);
  if (error || !value.is_object()) {
    return std::nullopt;
  }
  return std::move(value.get_object());
}

}  // namespace

/// One entry `policy.load`.
struct RecordedPolicies::Part {
  std::string gateway;
  std::string time;
  std::string digest;
  std::string mode;
  std::int64_t part = 0;
  std::int64_t parts = 0;
};

/// Parts of one load that came so far.
struct RecordedPolicies::Assembly {
  std::int64_t next = 1;
  std::vector<policy::yaml::SourceFile> files;
};

Result<RecordedPolicies> RecordedPolicies::read(const ParallelRead& read) {
  // Where they are, not what they hold: a journal may have loaded a large policy many times.
  std::vector<std::vector<std::uint64_t>> found(threads_of(read));
  const auto done = read_in_parallel(read, [&found](unsigned thread) -> TakeEntry {
    return [&mine = found[thread]](std::uint64_t seq, std::string_view body) {
      if (may_be_wanted(body)) {
        mine.push_back(seq);
      }
    };
  });
  if (!done) {
    return done.error();
  }
  std::vector<std::uint64_t> all;
  for (const auto& mine : found) {
    all.insert(all.end(), mine.begin(), mine.end());
  }
  std::sort(all.begin(), all.end());
  auto reader = audit::JournalReader::open(read.journal);
  if (!reader) {
    return reader.error();
  }
  RecordedPolicies policies;
  policies.bodiless_ = *done;
  std::map<std::string, Assembly> open;
  for (const std::uint64_t seq : all) {
    const auto body = reader->entry(seq);
    if (!body) {
      return body.error();
    }
    if (*body) {
      policies.take(seq, **body, open);
    }
  }
  return policies;
}

RecordedPolicies RecordedPolicies::of(const std::vector<std::shared_ptr<const policy::Program>>& programs) {
  RecordedPolicies policies;
  for (const auto& program : programs) {
    policies.policies_.try_emplace(program->digest_hex(),
                                   CompiledPolicy{program, needs_of(program->policy())});
  }
  return policies;
}

void RecordedPolicies::take(std::uint64_t seq, std::string_view body, std::map<std::string, Assembly>& open) {
  const auto entry = object_of(body);
  const std::string kind = entry ? text_of(*entry, "kind") : std::string();
  if (kind == "policy.load") {
    take_load(seq, *entry, open);
  } else if (kind == "journal.erase") {
    const std::int64_t time = audit::parse_entry_time(text_of(*entry, "time")).value_or(0);
    const json::value* anonymous = entry->if_contains("anonymous");
    erased_.try_emplace(text_of(*entry, "subject"),
                        Erasure{seq, time, anonymous != nullptr && *anonymous == json::value(true)});
  } else if (kind == "journal.retire") {
    take_retirement(seq, *entry);
  } else if (kind == "gateway.start" || kind == "config.load") {
    config_loads_.push_back({seq, kind == "gateway.start", text_of(*entry, "gateway")});
  }
}

// Keys of people who were not known, under which the record has nothing left.
void RecordedPolicies::take_retirement(std::uint64_t seq, const json::object& entry) {
  const std::int64_t time = audit::parse_entry_time(text_of(entry, "time")).value_or(0);
  const json::value* erased = entry.if_contains("erased");
  for (const json::value& subject :
       erased != nullptr && erased->is_array() ? erased->get_array() : json::array()) {
    if (subject.is_string()) {
      erased_.try_emplace(std::string(subject.get_string()), Erasure{seq, time, true});
    }
  }
}

void RecordedPolicies::take_load(std::uint64_t seq, const json::object& entry,
                                 std::map<std::string, Assembly>& open) {
  const json::value* told = entry.if_contains("policy");
  if (told == nullptr || !told->is_object()) {
    return;
  }
  const json::object& policy = told->get_object();
  const Part part{text_of(entry, "gateway"), text_of(entry, "time"),   text_of(policy, "digest"),
                  text_of(policy, "mode"),   number_of(entry, "part"), number_of(entry, "parts")};
  Assembly& assembly = open[part.gateway + "\n" + part.digest + "\n" + part.mode];
  if (part.part == 1) {
    assembly = {};
  }
  if (part.part != assembly.next) {
    assembly = {0, {}};  // a part is missing: nothing that follows is of use until the next first one
    return;
  }
  ++assembly.next;
  const std::string file = text_of(policy, "file");
  if (assembly.files.empty() || assembly.files.back().name != file) {
    assembly.files.push_back({file, {}});
  }
  assembly.files.back().text += text_of(policy, "text");
  if (part.part == part.parts) {
    finish_load(seq, part, assembly);
    open.erase(part.gateway + "\n" + part.digest + "\n" + part.mode);
  }
}

void RecordedPolicies::finish_load(std::uint64_t seq, const Part& part, const Assembly& assembly) {
  auto& loads = part.mode == "shadow" ? shadow_loads_ : loads_;
  loads.push_back({seq, audit::parse_entry_time(part.time).value_or(0), part.gateway, part.digest});
  std::string texts;
  for (const auto& file : assembly.files) {
    texts += file.name + "\n" + std::to_string(file.text.size()) + "\n" + file.text;
  }
  if (!texts_.insert(part.digest + access::sha256_hex(texts)).second) {
    return;  // most loads are of a policy that did not change
  }
  const auto program = policy::load_program(assembly.files);
  if (!program) {
    faults_.push_back(
        {seq, "the recorded text is no policy: " + policy::yaml::to_string(program.error().front())});
    return;
  }
  if ((*program)->digest_hex() != part.digest) {
    faults_.push_back(
        {seq, "the recorded text is the policy " + (*program)->digest_hex() + ", not " + part.digest});
    return;
  }
  policies_.try_emplace(part.digest, CompiledPolicy{*program, needs_of((*program)->policy())});
}

const Erasure* RecordedPolicies::find_erasure(std::string_view subject) const {
  const auto found = erased_.find(subject);
  return found == erased_.end() ? nullptr : &found->second;
}

const CompiledPolicy* RecordedPolicies::find(std::string_view digest) const {
  const auto found = policies_.find(digest);
  return found == policies_.end() ? nullptr : &found->second;
}

}  // namespace tallygate::review
