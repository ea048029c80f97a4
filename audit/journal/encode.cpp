#include "audit/journal/encode.hpp"

#include "audit/journal/canonical_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <string>

namespace tallygate::audit {
namespace {

// What stands in the holes until the writer fills them; valid, so that the whole body can be checked at once.
constexpr std::string_view prev_hole = "\"0000000000000000000000000000000000000000000000000000000000000000\"";
constexpr std::string_view seq_hole = "1000000000000000";  // as many digits as the largest seq has
constexpr std::string_view time_hole = "\"0000-00-00T00:00:00.000000000Z\"";

// The journal's own members in the order of RFC 8785, which for them is that of their bytes.
enum Own : std::size_t { own_gateway, own_id, own_kind, own_prev, own_seq, own_time, own_v, own_count };
constexpr std::array<std::string_view, own_count> own_names = {"gateway", "id",   "kind", "prev",
                                                               "seq",     "time", "v"};

// Bytes of a member beside its name and value: two quotes, a colon, and a comma or a brace.
constexpr std::size_t member_overhead = 4;

class Composer {
 public:
  explicit Composer(std::size_t size) : body_(new char[size]) {}

  // Appends one member; gives the offset of its value.
  std::size_t add(std::string_view name, std::string_view json) {
    body_[at_] = at_ == 0 ? '{' : ',';
    ++at_;
    body_[at_++] = '"';
    copy(name);
    body_[at_++] = '"';
    body_[at_++] = ':';
    const std::size_t value_at = at_;
    copy(json);
    return value_at;
  }

  std::unique_ptr<char[]> finish(std::size_t& size) {
    body_[at_++] = '}';
    size = at_;
    return std::move(body_);
  }

 private:
  void copy(std::string_view text) {
    std::memcpy(&body_[at_], text.data(), text.size());
    at_ += text.size();
  }

  std::unique_ptr<char[]> body_;
  std::size_t at_ = 0;
};

// A short text between quotes, without an allocation: an id or a kind, which refuse() has accepted.
class Quoted {
 public:
  explicit Quoted(std::string_view text) : size_(std::min(text.size(), text_.size() - 2) + 2) {
    text_[0] = '"';
    std::memcpy(&text_[1], text.data(), size_ - 2);
    text_[size_ - 1] = '"';
  }
  [[nodiscard]] std::string_view text() const { return {text_.data(), size_}; }

 private:
  std::array<char, 64> text_;
  std::size_t size_;
};

bool needs_escape(std::string_view name) {
  for (const char c : name) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') {
      return true;
    }
  }
  return name.empty();
}

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

// The size of the finished body, or why its members cannot be joined.
Result<std::size_t> measure(const Event& event, const std::array<std::string_view, own_count>& own) {
  std::size_t size = 1;
  for (std::size_t i = 0; i < own_count; ++i) {
    size += own_names[i].size() + own[i].size() + member_overhead;
  }
  for (const Member& member : event.members) {
    if (needs_escape(member.name)) {
      return invalid("a member's name must not be empty nor hold quotes, backslashes or control characters");
    }
    if (is_own_member(member.name)) {
      return invalid("member \"" + std::string(member.name) + "\" is one that the journal writes itself");
    }
    size += member.name.size() + member.json.size() + member_overhead;
  }
  if (size > body_size_max) {
    return invalid("the entry would be " + std::to_string(size) + " bytes, the limit is " +
                   std::to_string(body_size_max) + "; long values are to be cut and marked");
  }
  return size;
}

// One pass over the finished body: canonical, and the journal's members where they were put, at the top
// level.
std::optional<std::string> check(std::string_view body, const std::array<std::size_t, own_count>& own_at) {
  std::array<WantedMember, own_count> wanted;
  for (std::size_t i = 0; i < own_count; ++i) {
    wanted[i].name = own_names[i];
  }
  if (const auto fault = check_canonical_object(body, wanted)) {
    return "the entry is not canonical JSON at byte " + std::to_string(fault->offset) + ": " + fault->what;
  }
  for (std::size_t i = 0; i < own_count; ++i) {
    if (wanted[i].json.data() != body.data() + own_at[i]) {
      return "a member's value is not one complete JSON text";
    }
  }
  return std::nullopt;
}

}  // namespace

Result<EncodedEvent> encode(const Event& event, std::string_view gateway_json) {
  if (auto reason = refuse(event)) {
    return invalid(std::move(*reason));
  }
  const Quoted id(event.id);
  const Quoted kind(event.kind);
  const std::array<std::string_view, own_count> own = {gateway_json, id.text(), kind.text(), prev_hole,
                                                       seq_hole,     time_hole, "1"};
  const auto size = measure(event, own);
  if (!size) {
    return size.error();
  }
  Composer composer(*size);
  std::array<std::size_t, own_count> own_at{};
  std::size_t next_own = 0;
  const auto add_own_until = [&](std::string_view name) {
    // The journal's names are ASCII, so comparing bytes orders them against any name as RFC 8785 does.
    while (next_own < own_count && (name.empty() || own_names[next_own] < name)) {
      own_at[next_own] = composer.add(own_names[next_own], own[next_own]);
      ++next_own;
    }
  };
  for (const Member& member : event.members) {
    add_own_until(member.name);
    composer.add(member.name, member.json);
  }
  add_own_until({});
  EncodedEvent encoded;
  std::size_t written = 0;
  encoded.body_ = composer.finish(written);
  encoded.size_ = static_cast<std::uint32_t>(written);
  if (auto reason = check({encoded.body_.get(), written}, own_at)) {
    return invalid(std::move(*reason));
  }
  encoded.prev_at_ = static_cast<std::uint32_t>(own_at[own_prev] + 1);
  encoded.seq_at_ = static_cast<std::uint32_t>(own_at[own_seq]);
  encoded.time_at_ = static_cast<std::uint32_t>(own_at[own_time] + 1);
  return encoded;
}

std::string_view EncodedEvent::complete(std::uint64_t seq, std::string_view prev, std::string_view time) {
  std::memcpy(&body_[prev_at_], prev.data(), hash_hex_size);
  std::memcpy(&body_[time_at_], time.data(), time_text_size);
  char* digits = &body_[seq_at_];
  const char* end = std::to_chars(digits, digits + seq_hole.size(), seq).ptr;
  const auto used = static_cast<std::size_t>(end - digits);
  const std::size_t rest_at = seq_at_ + seq_hole.size();
  std::memmove(digits + used, &body_[rest_at], size_ - rest_at);
  return {body_.get(), size_ - (seq_hole.size() - used)};
}

}  // namespace tallygate::audit
