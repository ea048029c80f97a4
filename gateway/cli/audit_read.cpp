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
};

Result<Reading> open_reading(const AuditQueryOptions& options) {
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
  auto reader = audit::JournalReader::open(view->journal());
  if (!reader) {
    return reader.error();
  }
  return Reading{std::move(*query), std::move(*view), std::move(*reader)};
}

// Entries from `first` on that match, as they come.
Result<std::uint64_t> print_up(Reading& reading, std::uint64_t first, EntryPrinter& printer) {
  audit::JournalReader& reader = reading.reader;
  auto end = reader.end();
  if (!end) {
    return end;
  }
  const auto read = reader.up(first, *end, [&](std::uint64_t seq, std::string_view body) {
    const auto seen = reading.view.of(body);
    if (const auto entry = seen ? reading.query.match(*seen) : std::nullopt) {
      printer.entry(seq, *seen, *entry);
    }
    return std::ferror(stdout) == 0;
  });
  if (!read) {
    return read.error();
  }
  return std::max(first, *end);
}

// The newest `limit` that match, oldest first. Gives the seq to go on from.
Result<std::uint64_t> print_newest(Reading& reading, std::size_t limit, EntryPrinter& printer) {
  audit::JournalReader& reader = reading.reader;
  struct Match {
    std::uint64_t seq;
    std::string body;
    boost::json::value entry;
  };
  auto end = reader.end();
  if (!end) {
    return end;
  }
  std::vector<Match> matches;
  const auto read = reader.down(0, *end, [&](std::uint64_t seq, std::string_view body) {
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
  return *end;
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

}  // namespace

int audit_show(const AuditShowOptions& options) {
  auto view = EntryView::open(options.where);
  if (!view) {
    return report_failure(view.error());
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
    fmt::print(stderr, "tallygate: the journal has no entry {}\n", options.seq);
    return ExitCode::answer_is_no;
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
  auto reading = open_reading(options);
  if (!reading) {
    return report_failure(reading.error());
  }
  EntryPrinter printer(options.format);
  const auto printed =
      options.limit == 0 ? print_up(*reading, 0, printer) : print_newest(*reading, options.limit, printer);
  if (!printed) {
    return report_failure(printed.error());
  }
  printer.finish();
  return finish_output(ExitCode::done);
}

int audit_tail(const AuditQueryOptions& options) {
  auto reading = open_reading(options);
  if (!reading) {
    return report_failure(reading.error());
  }
  EntryPrinter printer(options.format);
  auto next = options.limit == 0 ? reading->reader.end() : print_newest(*reading, options.limit, printer);
  while (next && options.follow && std::fflush(stdout) == 0 && !reader_left(follow_poll)) {
    const auto changed = reading->reader.changed();
    if (!changed) {
      return report_failure(changed.error());
    }
    if (*changed) {
      next = print_up(*reading, *next, printer);
    }
  }
  if (!next) {
    return report_failure(next.error());
  }
  printer.finish();
  return finish_output(ExitCode::done);
}

int audit_stats(const AuditQueryOptions& options) {
  auto reading = open_reading(options);
  if (!reading) {
    return report_failure(reading.error());
  }
  const auto end = reading->reader.end();
  if (!end) {
    return report_failure(end.error());
  }
  audit::Stats stats;
  const auto read = reading->reader.up(0, *end, [&](std::uint64_t seq, std::string_view body) {
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
