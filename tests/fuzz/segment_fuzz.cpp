// Segment files: whatever SQLite makes of foreign bytes, the reader hands out rows in order and within
// bounds, and the verifier ends, with findings, for a key that signed nothing.
#include "audit/proof/schema_check.hpp"
#include "audit/proof/segment_reader.hpp"
#include "audit/proof/verify.hpp"

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <string_view>

namespace audit = tallygate::audit;

namespace {

constexpr std::int64_t all = std::numeric_limits<std::int64_t>::max();

// Aborts where rows come out of order, out of range, or the wrong way round.
audit::SegmentReader::Visit ordered(std::int64_t first, std::int64_t end, bool up) {
  return [first, end, up, last = std::optional<std::int64_t>()](std::int64_t key, std::string_view) mutable {
    if (key < first || key >= end || (last && (up ? key <= *last : key >= *last))) {
      std::abort();
    }
    last = key;
    return true;
  };
}

void read(const std::filesystem::path& file) {
  auto reader = audit::SegmentReader::open(file);
  if (!reader) {
    return;
  }
  static_cast<void>(reader->entries(0, all, ordered(0, all, true)));
  static_cast<void>(reader->entries_down(0, 100, ordered(0, 100, false)));
  static_cast<void>(reader->checkpoints(0, all, ordered(0, all, true)));
  static_cast<void>(reader->checkpoint_sizes(1, 100));
  static_cast<void>(reader->extent());
  static_cast<void>(reader->entry(1));
  static_cast<void>(reader->stored_leaf(0));
  static_cast<void>(reader->meta("origin"));
  audit::Findings findings;
  static_cast<void>(audit::check_schema(*reader, 0, findings));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  static const audit::RootKey root{audit::Ed25519Verifier::from_raw(audit::PublicKey{1}).value(), {}};
  static const audit::TemporaryFolder folder = audit::TemporaryFolder::create().value();
  const auto file = folder.path() / "000000000000.db";
  {
    std::ofstream out(file, std::ios::binary | std::ios::trunc);
    out.write(reinterpret_cast<const char*>(data), static_cast<std::streamsize>(size));
  }
  read(file);
  audit::VerifyOptions options{folder.path(), root, {}, {}, {}, {}, 1, {}};
  if (const auto report = audit::verify_journal(options); report && report->ok) {
    std::abort();
  }
  return 0;
}
