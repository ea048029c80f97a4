#include "audit/custody/enrolments.hpp"

#include "audit/custody/custodian.hpp"
#include "audit/custody/scan.hpp"
#include "audit/journal/time_text.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace tallygate::audit {
namespace {

constexpr std::string_view reader_key_start = "sha256:";
constexpr std::string_view enrol_kind = "writer.enrol";
constexpr std::string_view revoke_kind = "writer.revoke";

// Nothing where the entry's members are no enrolment.
std::optional<Enrolment> enrolment_of(std::uint64_t seq, const boost::json::object& entry) {
  const auto role = parse_enrolled_role(member_text(entry, "role"));
  Enrolment one;
  one.name = std::string(member_text(entry, "writer"));
  one.key = std::string(member_text(entry, "key"));
  one.since = seq;
  one.time = std::string(member_text(entry, "time"));
  if (!role || !is_enrolled_name(one.name)) {
    return std::nullopt;
  }
  one.role = *role;
  if (*role == EnrolledRole::writer) {
    auto key = parse_vkey(one.key);
    if (!key) {
      return std::nullopt;
    }
    one.writer = std::move(*key);
    return one;
  }
  one.reader = parse_reader_key(one.key);
  return one.reader ? std::optional(std::move(one)) : std::nullopt;
}

}  // namespace

std::string_view name_of(EnrolledRole role) noexcept {
  return role == EnrolledRole::writer ? "writer" : "reader";
}

std::optional<EnrolledRole> parse_enrolled_role(std::string_view text) noexcept {
  for (const EnrolledRole role : {EnrolledRole::writer, EnrolledRole::reader}) {
    if (text == name_of(role)) {
      return role;
    }
  }
  return std::nullopt;
}

bool is_enrolled_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= enrolled_name_max &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
                  c == '_' || c == '.';
         });
}

std::optional<Digest> parse_reader_key(std::string_view key) noexcept {
  return key.starts_with(reader_key_start) ? digest_from_hex(key.substr(reader_key_start.size()))
                                           : std::nullopt;
}

std::string reader_key(const Digest& token_sha256) {
  return std::string(reader_key_start) + to_hex(token_sha256);
}

Result<Enrolments> Enrolments::of(const Charter& charter) {
  auto root = parse_vkey(charter.root);
  if (!root) {
    return fail(FailureKind::tampered, "the charter names no provisioning key");
  }
  return Enrolments(GrantBook(charter.journal, std::move(*root)));
}

bool Enrolments::take(std::uint64_t seq, std::string_view body, const boost::json::object& entry) {
  const std::string_view kind = member_text(entry, "kind");
  const std::string_view name = member_text(entry, "writer");
  if (kind == revoke_kind) {
    for (Enrolment& one : all_) {
      if (one.in_force() && one.name == name) {
        one.revoked = seq;
      }
    }
    return true;
  }
  if (kind != enrol_kind) {
    return true;
  }
  auto one = enrolment_of(seq, entry);
  const auto time = parse_entry_time(member_text(entry, "time"));
  if (!one || !time || find(name) != nullptr || !grants_.use(body, enrol_kind, *time)) {
    return false;
  }
  all_.push_back(std::move(*one));
  return true;
}

const Enrolment* Enrolments::find(std::string_view name) const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(),
                                  [&](const Enrolment& one) { return one.in_force() && one.name == name; });
  return found == all_.end() ? nullptr : &*found;
}

std::optional<std::uint64_t> Enrolments::revoked(std::string_view name) const noexcept {
  const auto last =
      std::find_if(all_.rbegin(), all_.rend(), [&](const Enrolment& one) { return one.name == name; });
  return last == all_.rend() ? std::nullopt : last->revoked;
}

const Enrolment* Enrolments::find_reader(const Digest& token_sha256) const noexcept {
  const auto found = std::find_if(all_.begin(), all_.end(), [&](const Enrolment& one) {
    return one.in_force() && one.reader == token_sha256;
  });
  return found == all_.end() ? nullptr : &*found;
}

bool Enrolments::knows_key(std::string_view key) const noexcept {
  return std::any_of(all_.begin(), all_.end(), [&](const Enrolment& one) { return one.key == key; });
}

bool Enrolments::asks_for_token() const noexcept {
  return std::any_of(all_.begin(), all_.end(),
                     [](const Enrolment& one) { return one.role == EnrolledRole::reader; });
}

std::size_t Enrolments::in_force() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(all_.begin(), all_.end(), [](const Enrolment& one) { return one.in_force(); }));
}

Result<Enrolments> read_enrolments(const std::filesystem::path& journal) {
  const auto charter = read_own_charter(journal);
  if (!charter) {
    return charter.error();
  }
  auto book = Enrolments::of(*charter);
  if (!book) {
    return book;
  }
  constexpr std::array<std::string_view, 2> kinds = {enrol_kind, revoke_kind};
  const auto scanned = scan_kinds(
      journal, kinds, [&](std::uint64_t seq, std::string_view body, const boost::json::object& entry) {
        book->take(seq, body, entry);
        return true;
      });
  return scanned ? std::move(book) : Result<Enrolments>(scanned.error());
}

}  // namespace tallygate::audit
