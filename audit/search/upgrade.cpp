#include "audit/search/upgrade.hpp"

#include "audit/journal/folder.hpp"
#include "audit/journal/format.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/search/reader.hpp"
#include "audit/search/tree_index.hpp"

#include <string>

namespace tallygate::audit {
namespace {

Result<void> check_file(const SegmentFile& file) {
  auto reader = SegmentReader::open(file.path);
  const auto format = reader ? reader->meta("format") : Result<std::optional<std::string>>(reader.error());
  if (!format) {
    return format.error();
  }
  return check_format(format->value_or(std::string()), file.path.string());
}

}  // namespace

Result<JournalForm> upgrade_journal(const std::filesystem::path& journal, bool afresh) {
  const auto files = list_segments(journal);
  if (!files) {
    return files.error();
  }
  for (const SegmentFile& file : *files) {
    if (auto good = check_file(file); !good) {
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
  return JournalForm{files->size(), static_cast<std::uint64_t>(entry_version), index->size()};
}

}  // namespace tallygate::audit
