#include "audit/proof/tlog_proof.hpp"

#include "audit/journal/note.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view magic = "c2sp.org/tlog-proof@v1";
constexpr std::string_view extra_word = "extra ";
constexpr std::string_view index_word = "index ";
constexpr std::size_t path_max = 63;

// Takes lines off the front, and counts them for messages.
class Lines {
 public:
  explicit Lines(std::string_view text) : rest_(text) {}

  // The next line without its end; nothing where there is no whole one.
  std::optional<std::string_view> next() {
    const std::size_t end = rest_.find('\n');
    if (end == std::string_view::npos) {
      return std::nullopt;
    }
    ++number_;
    const std::string_view line = rest_.substr(0, end);
    rest_.remove_prefix(end + 1);
    return line;
  }
  [[nodiscard]] std::string_view rest() const { return rest_; }
  [[nodiscard]] Failure wrong(const std::string& what) const {
    return fail(FailureKind::invalid, "line " + std::to_string(number_) + ": " + what);
  }

 private:
  std::string_view rest_;
  std::size_t number_ = 0;
};

std::optional<std::uint64_t> parse_index(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool canonical = code == std::errc{} && end == text.data() + text.size() && !text.empty() &&
                         (text.size() == 1 || text.front() != '0');
  return canonical ? std::optional(value) : std::nullopt;
}

std::optional<Digest> parse_hash(std::string_view text) {
  const auto bytes = base64_decode(text);
  if (!bytes || bytes->size() != sizeof(Digest)) {
    return std::nullopt;
  }
  Digest hash;
  std::copy(bytes->begin(), bytes->end(), hash.begin());
  return hash;
}

}  // namespace

std::string format_tlog_proof(const TlogProof& proof) {
  std::string out(magic);
  out += '\n';
  if (!proof.extra.empty()) {
    out += extra_word;
    out += base64_encode({reinterpret_cast<const std::uint8_t*>(proof.extra.data()), proof.extra.size()});
    out += '\n';
  }
  out += index_word;
  out += std::to_string(proof.index);
  out += '\n';
  for (const Digest& hash : proof.path) {
    out += base64_encode(hash);
    out += '\n';
  }
  out += '\n';
  out += proof.checkpoint;
  return out;
}

Result<TlogProof> parse_tlog_proof(std::string_view bytes) {
  if (bytes.size() > tlog_proof_bytes_max) {
    return fail(FailureKind::invalid, "longer than a proof can be");
  }
  Lines lines(bytes);
  auto line = lines.next();
  if (line != magic) {
    return fail(FailureKind::invalid,
                "not a proof of C2SP tlog-proof v1 (its first line must be \"" + std::string(magic) + "\")");
  }
  TlogProof proof;
  line = lines.next();
  if (line && line->starts_with(extra_word)) {
    const auto extra = base64_decode(line->substr(extra_word.size()), tlog_proof_bytes_max);
    if (!extra || extra->empty()) {
      return lines.wrong("what stands behind \"extra\" is not base64");
    }
    proof.extra.assign(extra->begin(), extra->end());
    line = lines.next();
  }
  const auto index =
      line && line->starts_with(index_word) ? parse_index(line->substr(index_word.size())) : std::nullopt;
  if (!index) {
    return lines.wrong("expected \"index\" and a number");
  }
  proof.index = *index;
  for (line = lines.next(); line && !line->empty(); line = lines.next()) {
    const auto hash = parse_hash(*line);
    if (!hash || proof.path.size() == path_max) {
      return lines.wrong(hash ? "more hashes than any tree has levels" : "expected the base64 of a hash");
    }
    proof.path.push_back(*hash);
  }
  if (!line || lines.rest().empty()) {
    return fail(FailureKind::invalid, "the proof ends before its checkpoint");
  }
  proof.checkpoint = lines.rest();
  return proof;
}

}  // namespace tallygate::audit
