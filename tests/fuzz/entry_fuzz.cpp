// Entries: the scanner of canonical JSON against Boost.JSON, and the readers that stand on it.
#include "audit/journal/canonical_json.hpp"
#include "audit/journal/encode.hpp"
#include "audit/proof/entry_facts.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/query.hpp"

#include <boost/json.hpp>

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace audit = tallygate::audit;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  if (!audit::check_canonical(bytes)) {
    boost::system::error_code error;
    boost::json::parse_options options;
    options.max_depth = audit::json_depth_max + 1;
    const auto value = boost::json::parse(bytes, error, {}, options);
    // What the scanner accepts is JSON, and Boost.JSON's compact form of it has at least as many bytes only
    // by escapes.
    if (error) {
      std::abort();
    }
    if (const auto* text = value.if_string()) {
      std::string again;
      if (!audit::append_json_string(again, *text) || again != bytes || audit::json_string(bytes) != *text) {
        std::abort();
      }
    }
  }
  if (const auto entry = audit::read_entry(bytes); entry && bytes.size() > audit::body_size_max) {
    std::abort();
  }
  static const audit::Query everything{{}};
  if (const auto entry = everything.match(bytes)) {
    static_cast<void>(audit::row_of(0, *entry));
  }
  for (const char c : audit::inert_text(bytes)) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      std::abort();
    }
  }
  static_cast<void>(audit::csv_field(bytes));
  return 0;
}
