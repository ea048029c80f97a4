#include "audit/journal/event.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/query.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/stats.hpp"
#include "gateway/cli/audit_actions.hpp"
#include "gateway/cli/audit_arguments.hpp"
#include "gateway/cli/audit_print.hpp"
#include "gateway/cli/audit_view.hpp"
#include "gateway/cli/commands.hpp"
#include "gateway/cli/entry_reading.hpp"
#include "policy/language/nearest.hpp"
#include "policy/request/address.hpp"

#include <boost/json.hpp>
#include <fmt/core.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

namespace tallygate::cli {
namespace {

using audit::Result;

constexpr auto follow_poll = std::chrono::milliseconds(250);
constexpr std::size_t stats_shown = 20;
constexpr std::size_t recorded_filter_bytes = 256;  // of a filter's value in journal.read

bool is_kind_or_group(std::string_view wanted) {
  if (wanted.ends_with(".*")) {
    wanted.remove_suffix(2);
  }
  const auto all = audit::kinds();
  return std::any_of(all.begin(), all.end(), [wanted](std::string_view kind) {
    return kind == wanted || (kind.starts_with(wanted) && kind.substr(wanted.size()).starts_with('.'));
  });
}

// Brings the filter into the form of what is recorded. What can match nothing is a slip of the pen, and
// silence about it would pass for an answer.
Result<void> check(audit::QueryFilter& filter) {
  using audit::fail;
  using audit::FailureKind;
  if (!filter.kind.empty() && !is_kind_or_group(filter.kind)) {
    const auto all = audit::kinds();
    return fail(FailureKind::invalid,
                "--kind: '" + filter.kind + "' is no kind of entry" +
                    policy::did_you_mean(filter.kind, std::vector<std::string>(all.begin(), all.end())) +
                    "; give one such as access.deny, or a group of them such as access");
  }
  if (!filter.ip.empty()) {
    const auto address = policy::parse_address(filter.ip);
    if (!address) {
      return fail(FailureKind::invalid, "--ip: '" + filter.ip + "' is no IP address");
    }
    filter.ip = policy::to_string(*address);  // as it is recorded
  }
  if (filter.from_ns && filter.to_ns && *filter.from_ns >= *filter.to_ns) {
    return fail(FailureKind::invalid, "--from is not before --to: nothing can lie between them");
  }
  return {};
}

Result<audit::Query> query_of(const AuditQueryOptions& options) {
  audit::QueryFilter filter{
      {},           {},         options.user,    options.kind, options.effect, options.route,
      options.path, options.ip, options.session, options.rule, options.text};
  const audit::Time now = audit::system_clock()();
  const std::pair<const std::string*, std::optional<std::int64_t>*> moments[] = {
      {&options.from, &filter.from_ns}, {&options.to, &filter.to_ns}};
  for (const auto& [text, value] : moments) {
    if (text->empty()) {
      continue;
    }
    *value = parse_moment(*text, now);
    if (!*value) {
      return audit::fail(
          audit::FailureKind::invalid,
          std::string(text == &options.from ? "--from" : "--to") + ": '" + *text +
              "' is no time: give 2026-01-31T12:00:00Z, 2026-01-31, or how long ago, such as 2h or 7d");
    }
  }
  if (auto good = check(filter); !good) {
    return good.error();
  }
  return audit::Query(std::move(filter));
}

// What a command reads, and with what eyes.
struct Reading {
  audit::Query query;
  EntryView view;
  audit::JournalReader reader;
  std::uint64_t end = 0;  // before the reading was recorded
};

// What is recorded of a search. Who, where from and what text was looked for may name a person, and an
// erasure could not take it away again: so of these only that they were asked for.
boost::json::object searched(const char* command, const AuditQueryOptions& options) {
  boost::json::object filter;
  const std::pair<const char*, const std::string*> told[] = {
      {"from", &options.from},   {"to", &options.to},         {"kind", &options.kind},
      {"route", &options.route}, {"effect", &options.effect}, {"rule", &options.rule}};
  for (const auto& [name, value] : told) {
    if (!value->empty()) {
      filter[name] = value->substr(0, recorded_filter_bytes);
    }
  }
  const std::pair<const char*, const std::string*> personal[] = {{"user", &options.user},
                                                                 {"path", &options.path},
                                                                 {"ip", &options.ip},
                                                                 {"session", &options.session},
                                                                 {"text", &options.text}};
  boost::json::array sought;
  for (const auto& [name, value] : personal) {
    if (!value->empty()) {
      sought.emplace_back(name);
    }
  }
  boost::json::object what{{"command", command}};
  if (!filter.empty()) {
    what["filter"] = std::move(filter);
  }
  if (!sought.empty()) {
    what["sought"] = std::move(sought);
  }
  return what;
}

// How many entries there are. The reader is closed again: SQLite lets no one in this process write a journal
// that another one has open to read.
Result<std::uint64_t> entries_in(const std::string& journal) {
  auto reader = audit::JournalReader::open(journal);
  return reader ? reader->end() : reader.error();
}

Result<Reading> open_reading(const char* command, const AuditQueryOptions& options) {
  auto query = query_of(options);
  if (!query) {
    return query.error();
  }
  auto view = EntryView::open(options.where);
  if (!view) {
    return view.error();
  }
  if (auto looking = view->look_for(options.user); !looking) {
    return looking.error();
  }
  const auto end = entries_in(view->journal());
  if (!end) {
    return end.error();
  }
  const auto noted = note_reading(options.where, searched(command, options));
  if (!noted) {
    return noted.error();
  }
  if (!*noted) {
    view->put_keys_away();
  }
  auto reader = audit::JournalReader::open(view->journal());
  if (!reader) {
    return reader.error();
  }
  return Reading{std::move(*query), std::move(*view), std::move(*reader), *end};
}

// Entries from `first` to `end` that match, as they come.
Result<void> print_up(Reading& reading, std::uint64_t first, std::uint64_t end, EntryPrinter& printer) {
  const auto read = reading.reader.up(first, end, [&](std::uint64_t seq, std::string_view body) {
    const auto seen = reading.view.of(body);
    if (const auto entry = seen ? reading.query.match(*seen) : std::nullopt) {
      printer.entry(seq, *seen, *entry);
    }
    return std::ferror(stdout) == 0;
  });
  return read ? Result<void>() : read.error();
}

// The newest `limit` that match, oldest first.
Result<void> print_newest(Reading& reading, std::size_t limit, EntryPrinter& printer) {
  struct Match {
    std::uint64_t seq;
    std::string body;
    boost::json::value entry;
  };
  std::vector<Match> matches;
  const auto read = reading.reader.down(0, reading.end, [&](std::uint64_t seq, std::string_view body) {
    const auto seen = reading.view.of(body);
    if (auto entry = seen ? reading.query.match(*seen) : std::nullopt) {
      matches.push_back({seq, std::string(*seen), std::move(*entry)});
    }
    return matches.size() < limit;
  });
  if (!read) {
    return read.error();
  }
  for (auto match = matches.rbegin(); match != matches.rend(); ++match) {
    printer.entry(match->seq, match->body, match->entry);
  }
  return {};
}

// What has been recorded since, for whoever follows.
Result<void> print_new(Reading& reading, EntryPrinter& printer) {
  const auto changed = reading.reader.changed();
  if (!changed || !*changed) {
    return changed ? Result<void>() : changed.error();
  }
  const auto end = reading.reader.end();
  if (!end) {
    return end.error();
  }
  const std::uint64_t first = std::exchange(reading.end, std::max(reading.end, *end));
  return print_up(reading, first, reading.end, printer);
}

void print_counts(const char* title, const audit::Stats::Counts& counts) {
  fmt::print("\n{}\n", title);
  for (const auto& [value, count] : audit::largest(counts, stats_shown)) {
    fmt::print("{:>12}  {}\n", count, audit::inert_text(value));
  }
  if (counts.size() > stats_shown) {
    fmt::print("{:>12}  {} more\n", "", counts.size() - stats_shown);
  }
}

boost::json::object counts_json(const audit::Stats::Counts& counts) {
  boost::json::object object;
  for (const auto& [value, count] : counts) {
    object[value] = count;
  }
  return object;
}

/// Waits for a poll interval, unless whoever reads our output leaves before it is over.
bool reader_left(std::chrono::milliseconds interval) {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, static_cast<int>(interval.count())) > 0 &&
         (output.revents & (POLLERR | POLLHUP)) != 0;
}

int show_absence(audit::JournalReader& reader, std::uint64_t seq) {
  const auto absence = explain_absence(reader, seq);
  if (!absence) {
    return report_failure(absence.error());
  }
  fmt::print(stderr, "tallygate: entry {}: {}\n", seq, absence->why);
  return absence->retired ? ExitCode::not_possible : ExitCode::answer_is_no;
}

}  // namespace

int audit_show(const AuditShowOptions& options) {
  if (!may_be_seq(options.seq)) {
    fmt::print(stderr, "tallygate: entry {}: the journal has none of this number\n", options.seq);
    return ExitCode::answer_is_no;
  }
  auto view = EntryView::open(options.where);
  if (!view) {
    return report_failure(view.error());
  }
  const auto noted = note_reading(options.where, {{"command", "audit show"}, {"entry", options.seq}});
  if (!noted) {
    return report_failure(noted.error());
  }
  if (!*noted) {
    view->put_keys_away();
  }
  auto reader = audit::JournalReader::open(view->journal());
  if (!reader) {
    return report_failure(reader.error());
  }
  const auto body = reader->entry(options.seq);
  if (!body) {
    return report_failure(body.error());
  }
  if (!*body) {
    return show_absence(*reader, options.seq);
  }
  const auto erasure = audit::find_erasure(view->journal(), **body);
  if (!erasure) {
    return report_failure(erasure.error());
  }
  const std::string_view seen = view->of(**body).value_or(**body);
  boost::system::error_code error;
  const boost::json::value entry = boost::json::parse(seen, error);
  if (options.json || error) {
    fmt::print("{}\n", error ? audit::inert_text(seen) : audit::inert_json(seen));
  } else {
    fmt::print("{}\n", indented_json(entry));
  }
  if (*erasure) {
    // JSON on stdout stays one document.
    fmt::print(options.json ? stderr : stdout, "the person of this entry was erased on {}, seq {}\n",
               audit::inert_text((*erasure)->time), (*erasure)->seq);
  }
  return finish_output(ExitCode::done);
}

int audit_query(const AuditQueryOptions& options) {
  auto reading = open_reading("audit query", options);
  if (!reading) {
    return report_failure(reading.error());
  }
  EntryPrinter printer(options.format);
  const auto printed = options.limit == 0 ? print_up(*reading, 0, reading->end, printer)
                                          : print_newest(*reading, options.limit, printer);
  if (!printed) {
    return report_failure(printed.error());
  }
  printer.finish();
  return finish_output(ExitCode::done);
}

int audit_tail(const AuditQueryOptions& options) {
  auto reading = open_reading("audit tail", options);
  if (!reading) {
    return report_failure(reading.error());
  }
  EntryPrinter printer(options.format);
  auto printed = options.limit == 0 ? Result<void>() : print_newest(*reading, options.limit, printer);
  while (printed && options.follow && std::fflush(stdout) == 0 && !reader_left(follow_poll)) {
    printed = print_new(*reading, printer);
  }
  if (!printed) {
    return report_failure(printed.error());
  }
  printer.finish();
  return finish_output(ExitCode::done);
}

int audit_stats(const AuditQueryOptions& options) {
  auto reading = open_reading("audit stats", options);
  if (!reading) {
    return report_failure(reading.error());
  }
  audit::Stats stats;
  const auto read = reading->reader.up(0, reading->end, [&](std::uint64_t seq, std::string_view body) {
    const auto seen = reading->view.of(body);
    if (const auto entry = seen ? reading->query.match(*seen) : std::nullopt) {
      stats.add(audit::row_of(seq, *entry));
    }
    return true;
  });
  if (!read) {
    return report_failure(read.error());
  }
  if (options.format == "json") {
    const boost::json::object document = {{"entries", stats.entries()},
                                          {"kinds", counts_json(stats.kinds())},
                                          {"users", counts_json(stats.users())},
                                          {"routes", counts_json(stats.routes())},
                                          {"days", counts_json(stats.days())}};
    fmt::print("{}\n", audit::inert_json(boost::json::serialize(document)));
  } else {
    fmt::print("{:>12}  entries\n", stats.entries());
    print_counts("by kind", stats.kinds());
    print_counts("by user", stats.users());
    print_counts("by route", stats.routes());
    print_counts("by day (UTC)", stats.days());
  }
  return finish_output(ExitCode::done);
}

}  // namespace tallygate::cli
