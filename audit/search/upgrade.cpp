#include "audit/search/upgrade.hpp"

#include "audit/journal/folder.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"

#include <string>
#include <string_view>

namespace tallygate::audit {
namespace {

constexpr std::string_view format_now = "1";

Result<void> check_format(const SegmentFile& file) {
  auto reader = SegmentReader::open(file.path);
  const auto format = reader ? reader->meta("format") : Result<std::optional<std::string>>(reader.error());
  if (!format) {
    return format.error();
  }
  if (*format != format_now) {
    return fail(FailureKind::invalid, file.path.string() + ": a segment of format " +
                                          format->value_or("unknown") + "; this version knows format " +
                                          std::string(format_now) + ", a later one must read it");
  }
  return {};
}

}  // namespace

Result<JournalForm> upgrade_journal(const std::filesystem::path& journal, bool afresh) {
  const auto files = list_segments(journal);
  if (!files) {
    return files.error();
  }
  for (const SegmentFile& file : *files) {
    if (auto good = check_format(file); !good) {
      return good.error();
    }
  }
  auto reader = JournalReader::open(journal);
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  auto index = TreeIndex::open(journal);
  if (!end || !index) {
    return end ? index.error() : end.error();
  }
  if (afresh) {
    if (auto cleared = index->clear(); !cleared) {
      return cleared.error();
    }
  }
  if (auto extended = index->extend(*reader, *end); !extended) {
    return extended.error();
  }
  return JournalForm{files->size(), 1, index->size()};
}

}  // namespace tallygate::audit
