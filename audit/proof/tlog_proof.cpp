#include "audit/proof/tlog_proof.hpp"

#include "audit/proof/proof_lines.hpp"

#include <charconv>
#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view magic = "c2sp.org/tlog-proof@v1";
constexpr std::string_view extra_word = "extra ";
constexpr std::string_view index_word = "index ";

std::optional<std::uint64_t> parse_index(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool canonical = code == std::errc{} && end == text.data() + text.size() && !text.empty() &&
                         (text.size() == 1 || text.front() != '0');
  return canonical ? std::optional(value) : std::nullopt;
}

}  // namespace

std::string format_tlog_proof(const TlogProof& proof) {
  std::string out(magic);
  out += '\n';
  if (!proof.extra.empty()) {
    append_payload(out, extra_word, proof.extra);
  }
  out += index_word;
  out += std::to_string(proof.index);
  out += '\n';
  append_path(out, proof.path);
  out += proof.checkpoint;
  return out;
}

Result<TlogProof> parse_tlog_proof(std::string_view bytes) {
  if (bytes.size() > tlog_proof_bytes_max) {
    return fail(FailureKind::invalid, "longer than a proof can be");
  }
  ProofLines lines(bytes);
  auto line = lines.next();
  if (line != magic) {
    return fail(FailureKind::invalid,
                "not a proof of C2SP tlog-proof v1 (its first line must be \"" + std::string(magic) + "\")");
  }
  TlogProof proof;
  line = lines.next();
  if (line && line->starts_with(extra_word)) {
    auto extra = lines.payload(*line, extra_word);
    if (!extra) {
      return extra.error();
    }
    proof.extra = std::move(*extra);
    line = lines.next();
  }
  const auto index =
      line && line->starts_with(index_word) ? parse_index(line->substr(index_word.size())) : std::nullopt;
  if (!index) {
    return lines.wrong("expected \"index\" and a number");
  }
  proof.index = *index;
  auto path = lines.path(proof_path_max);
  if (!path) {
    return path.error();
  }
  proof.path = std::move(*path);
  proof.checkpoint = lines.rest();
  return proof;
}

}  // namespace tallygate::audit
