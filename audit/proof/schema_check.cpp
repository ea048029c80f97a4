#include "audit/proof/schema_check.hpp"

#include "audit/journal/schema.hpp"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view automatic_index = "sqlite_autoindex_meta_1";
constexpr int schema_objects_max = 64;
// A trigger that refuses needs a handful of steps of SQLite's machine.
constexpr int steps_between_checks = 100'000;

struct Object {
  std::string type;
  std::string name;
  std::string table;
  std::string sql;
};

// SQL as it is compared: letters in one case, white space only where it parts words.
std::string plain_sql(std::string_view sql) {
  std::string out;
  bool gap = false;
  const auto is_word = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
  for (const char c : sql) {
    if (std::isspace(static_cast<unsigned char>(c)) != 0) {
      gap = true;
      continue;
    }
    if (gap && !out.empty() && is_word(out.back()) && is_word(c)) {
      out.push_back(' ');
    }
    gap = false;
    out.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
  }
  return out;
}

Result<std::vector<Object>> read_schema(Database& database) {
  auto statement =
      database.prepare("SELECT type, name, tbl_name, ifnull(sql, '') FROM sqlite_schema ORDER BY rowid");
  if (!statement) {
    return statement.error();
  }
  std::vector<Object> objects;
  int code = statement->step();
  for (; code == SQLITE_ROW && objects.size() < schema_objects_max; code = statement->step()) {
    objects.push_back({std::string(statement->text(0)), std::string(statement->text(1)),
                       std::string(statement->text(2)), std::string(statement->text(3))});
  }
  if (code != SQLITE_DONE && code != SQLITE_ROW) {
    return database.failure("reading the schema");
  }
  return objects;
}

// Inside a trigger nothing is allowed but refusing: whoever reads a column there refuses some rows and not
// others.
int allow(void*, int action, const char*, const char*, const char*, const char* trigger) {
  return trigger == nullptr || action == SQLITE_SELECT ? SQLITE_OK : SQLITE_DENY;
}

int stop(void*) {
  return 1;
}

// The events that the four triggers of a segment refuse, each one and nothing else.
constexpr std::array<std::string_view, 4> refused_events = {
    "before update on entry begin ", "before delete on entry begin ", "before update on checkpoint begin ",
    "before delete on checkpoint begin "};

// Which of them a trigger refuses, whatever its name and its words; nothing where it does anything else.
std::optional<std::size_t> refusal_of(const Object& trigger) {
  const std::string sql = plain_sql(trigger.sql);
  constexpr std::string_view begins = "select raise(abort,'";
  constexpr std::string_view ends = "');end";
  for (std::size_t i = 0; i < refused_events.size(); ++i) {
    const std::size_t event = sql.find(refused_events[i]);
    if (event == std::string::npos) {
      continue;
    }
    const std::string_view rest = std::string_view(sql).substr(event + refused_events[i].size());
    const bool refuses =
        rest.size() >= begins.size() + ends.size() && rest.starts_with(begins) && rest.ends_with(ends);
    const std::string_view words =
        refuses ? rest.substr(begins.size(), rest.size() - begins.size() - ends.size()) : "'";
    return words.find('\'') == std::string_view::npos ? std::optional(i) : std::nullopt;
  }
  return std::nullopt;
}

// What a trigger besides does, a writer would do with each entry: it refuses such a segment.
void judge_triggers(const std::vector<Object>& objects, std::uint64_t seq, Findings& findings) {
  std::array<bool, refused_events.size()> seen{};
  for (const Object& object : objects) {
    if (object.type != "trigger") {
      continue;
    }
    const auto refusal = refusal_of(object);
    if (!refusal || std::exchange(seen.at(*refusal), true)) {
      findings.add(seq, "trigger-added",
                   "the segment has a trigger called " + object.name +
                       ", which is none of the four that refuse changes of entries and checkpoints");
    }
  }
}

Result<Database> copy_of(const std::vector<Object>& objects, std::vector<std::string>& unusable) {
  auto copy = Database::open(":memory:", SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  if (!copy) {
    return copy;
  }
  std::string script = "PRAGMA trusted_schema=OFF; PRAGMA recursive_triggers=ON;";
  for (const SchemaObject& object : segment_schema) {
    if (object.sql.starts_with("CREATE TABLE")) {
      script.append(object.sql).append(";");
    }
  }
  script += "INSERT INTO entry VALUES (1, x'00'); INSERT INTO checkpoint VALUES (1, x'00');";
  if (const auto made = copy->execute(script.c_str()); !made) {
    return made.error();
  }
  sqlite3_db_config(copy->get(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_set_authorizer(
      copy->get(),
      [](void*, int action, const char*, const char*, const char*, const char*) {
        const bool needed = action == SQLITE_CREATE_TRIGGER || action == SQLITE_INSERT ||
                            action == SQLITE_READ || action == SQLITE_UPDATE;
        return needed ? SQLITE_OK : SQLITE_DENY;
      },
      nullptr);
  for (const Object& object : objects) {
    if (object.type == "trigger" && !copy->execute(object.sql.c_str())) {
      unusable.push_back(object.name);
    }
  }
  sqlite3_set_authorizer(copy->get(), allow, nullptr);
  sqlite3_progress_handler(copy->get(), steps_between_checks, stop, nullptr);
  return copy;
}

void try_changes(Database& copy, std::uint64_t seq, Findings& findings) {
  struct Attempt {
    const char* sql;
    const char* name;
  };
  constexpr std::array<Attempt, 8> attempts = {{
      {"UPDATE entry SET body = x'01' WHERE seq = 1", "UPDATE of a body"},
      {"UPDATE entry SET seq = 2 WHERE seq = 1", "UPDATE of a seq"},
      {"DELETE FROM entry WHERE seq = 1", "DELETE of an entry"},
      {"REPLACE INTO entry VALUES (1, x'01')", "REPLACE of an entry"},
      {"UPDATE checkpoint SET note = x'01' WHERE size = 1", "UPDATE of a checkpoint"},
      {"UPDATE checkpoint SET size = 2 WHERE size = 1", "UPDATE of a checkpoint's size"},
      {"DELETE FROM checkpoint WHERE size = 1", "DELETE of a checkpoint"},
      {"REPLACE INTO checkpoint VALUES (1, x'01')", "REPLACE of a checkpoint"},
  }};
  for (const Attempt& attempt : attempts) {
    static_cast<void>(copy.execute("SAVEPOINT attempt"));
    const bool done = static_cast<bool>(copy.execute(attempt.sql));
    const int code = sqlite3_extended_errcode(copy.get());
    static_cast<void>(copy.execute("ROLLBACK TO attempt; RELEASE attempt"));
    if (done || code != SQLITE_CONSTRAINT_TRIGGER) {
      findings.add(
          seq, "trigger-missing",
          std::string("no trigger of the segment refuses every ") + attempt.name + " on a copy of it");
    }
  }
}

}  // namespace

Result<bool> check_schema(SegmentReader& reader, std::uint64_t seq, Findings& findings) {
  const auto objects = read_schema(reader.database());
  if (!objects) {
    return objects.error();
  }
  std::vector<std::string_view> found;
  bool altered = false;  // then its values may be computed, at whatever cost: they are not read
  for (const Object& object : *objects) {
    const auto* known =
        std::find_if(segment_schema.begin(), segment_schema.end(), [&](const SchemaObject& expected) {
          return object.type == "table" && expected.name == object.name &&
                 expected.sql.starts_with("CREATE TABLE");
        });
    if (known != segment_schema.end()) {
      found.push_back(known->name);
      if (plain_sql(object.sql) != plain_sql(known->sql)) {
        altered = true;
        findings.add(seq, "table-altered",
                     "table " + object.name + " is not the one of the format: " + std::string(known->sql));
      }
    } else if (object.type != "trigger" && object.name != automatic_index) {
      findings.add(seq, "table-altered",
                   "the segment has a further " + object.type + " called " + object.name);
    }
  }
  for (const SchemaObject& expected : segment_schema) {
    if (expected.sql.starts_with("CREATE TABLE") &&
        std::find(found.begin(), found.end(), expected.name) == found.end()) {
      findings.add(seq, "table-altered", "the segment has no table " + std::string(expected.name));
    }
  }
  std::vector<std::string> unusable;
  auto copy = copy_of(*objects, unusable);
  if (!copy) {
    return copy.error();
  }
  for (const std::string& name : unusable) {
    findings.add(seq, "table-altered", "trigger " + name + " cannot be created on a copy of the segment");
  }
  try_changes(*copy, seq, findings);
  judge_triggers(*objects, seq, findings);
  const auto has = [&found](std::string_view table) {
    return std::find(found.begin(), found.end(), table) != found.end();
  };
  return !altered && has("entry") && has("checkpoint") && has("leaf") && has("meta");
}

}  // namespace tallygate::audit
