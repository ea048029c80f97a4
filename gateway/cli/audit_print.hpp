#pragma once
/// How entries are shown: as a table, as CSV, as JSON. Everything recorded is made inert first.

#include "audit/search/query.hpp"

#include <boost/json/value.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace tallygate::cli {

/// Prints entries on stdout, one after another, as "table", "json" (one array), "jsonl" or "csv".
class EntryPrinter {
 public:
  explicit EntryPrinter(std::string format) : format_(std::move(format)) {}

  /// `body` is the entry as stored, `entry` the same parsed.
  void entry(std::uint64_t seq, std::string_view body, const boost::json::value& entry);
  /// Ends the document.
  void finish();

 private:
  void head();
  std::string format_;
  bool begun_ = false;
};

/// JSON over several lines, two spaces a level, inert.
[[nodiscard]] std::string indented_json(const boost::json::value& value);

}  // namespace tallygate::cli
