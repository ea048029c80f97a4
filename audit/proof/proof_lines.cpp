#include "audit/proof/proof_lines.hpp"

#include "audit/journal/note.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

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

std::optional<std::string_view> ProofLines::next() {
  const std::size_t end = rest_.find('\n');
  if (end == std::string_view::npos) {
    return std::nullopt;
  }
  ++number_;
  const std::string_view line = rest_.substr(0, end);
  rest_.remove_prefix(end + 1);
  return line;
}

Result<std::string> ProofLines::payload(std::string_view line, std::string_view word) const {
  const auto bytes = base64_decode(line.substr(word.size()), line.size());
  if (!bytes || bytes->empty()) {
    return wrong("what stands behind \"" + std::string(word.substr(0, word.size() - 1)) + "\" is not base64");
  }
  return std::string(bytes->begin(), bytes->end());
}

Result<std::vector<Digest>> ProofLines::path(std::size_t path_max) {
  std::vector<Digest> path;
  auto line = next();
  for (; line && !line->empty(); line = next()) {
    const auto hash = parse_hash(*line);
    if (!hash || path.size() == path_max) {
      return wrong(hash ? "more hashes than any tree has levels" : "expected the base64 of a hash");
    }
    path.push_back(*hash);
  }
  if (!line || rest_.empty()) {
    return fail(FailureKind::invalid, "the proof ends before its checkpoint");
  }
  return path;
}

Failure ProofLines::wrong(const std::string& what) const {
  return fail(FailureKind::invalid, "line " + std::to_string(number_) + ": " + what);
}

void append_payload(std::string& out, std::string_view word, std::string_view bytes) {
  out += word;
  out += base64_encode({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
  out += '\n';
}

std::string hashes_text(const std::vector<Digest>& hashes) {
  std::string text;
  for (const Digest& hash : hashes) {
    text += text.empty() ? "" : " ";
    text += base64_encode(hash);
  }
  return text;
}

std::optional<std::vector<Digest>> parse_hashes(std::string_view text) {
  std::vector<Digest> hashes;
  while (!text.empty()) {
    const std::size_t space = text.find(' ');
    const auto hash = parse_hash(text.substr(0, space));
    const bool is_last = space == std::string_view::npos;
    if (!hash || hashes.size() == consistency_path_max || (!is_last && space + 1 == text.size())) {
      return std::nullopt;
    }
    hashes.push_back(*hash);
    text.remove_prefix(is_last ? text.size() : space + 1);
  }
  return hashes;
}

void append_path(std::string& out, const std::vector<Digest>& path) {
  for (const Digest& hash : path) {
    out += base64_encode(hash);
    out += '\n';
  }
  out += '\n';
}

}  // namespace tallygate::audit
