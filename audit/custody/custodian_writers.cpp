// Enrolling and revoking writers and readers.

#include "audit/custody/custodian.hpp"
#include "audit/custody/enrolments.hpp"
#include "audit/custody/scan.hpp"

namespace tallygate::audit {
namespace {

namespace json = boost::json;

Failure invalid(std::string message) {
  return fail(FailureKind::invalid, std::move(message));
}

Result<void> check_key(EnrolledRole role, std::string_view key) {
  if (role == EnrolledRole::reader) {
    return parse_reader_key(key)
               ? Result<void>()
               : invalid(R"("key" of a reader must be sha256: and 64 lower-case hex digits)");
  }
  const auto parsed = parse_vkey(key);
  return parsed ? Result<void>()
                : invalid(R"("key" of a writer must be a vkey, NAME+HASH+BASE64: )" + parsed.error().message);
}

}  // namespace

// A revoked name may be given again, which is how a key is changed; a key never.
Result<Custodian::Order> Custodian::enrol(const json::object& request) const {
  const std::string name(member_text(request, "writer"));
  const std::string key(member_text(request, "key"));
  const auto role = parse_enrolled_role(member_text(request, "role"));
  if (!is_enrolled_name(name)) {
    return invalid("\"writer\" must be a name of " + std::string(enrolled_name_rule));
  }
  if (!role) {
    return invalid(R"("role" must be writer or reader)");
  }
  if (auto good = check_key(*role, key); !good) {
    return good.error();
  }
  const auto book = read_enrolments(journal_);
  if (!book) {
    return book.error();
  }
  if (const Enrolment* there = book->find(name)) {
    return fail(FailureKind::refused, name + " is enrolled already, as a " +
                                          std::string(name_of(there->role)) + " since entry " +
                                          std::to_string(there->since) + "; revoke it first");
  }
  if (book->knows_key(key)) {
    return fail(FailureKind::refused, "this key was enrolled before; make a new one");
  }
  if (book->in_force() >= enrolments_max) {
    return fail(FailureKind::refused,
                "there are " + std::to_string(enrolments_max) +
                    " writers and readers already, as many as there may be; revoke one first");
  }
  return Order{{{"writer", name}, {"role", name_of(*role)}, {"key", key}}, "writer.enrol", true};
}

Result<json::object> Custodian::revoke_enrolled(const json::object& request, const std::string& by) {
  const std::string name(member_text(request, "writer"));
  const auto book = read_enrolments(journal_);
  if (!book) {
    return book.error();
  }
  if (book->find(name) == nullptr) {
    const auto ended = book->revoked(name);
    return ended
               ? Result<json::object>(json::object{{"seq", *ended}, {"already", true}})
               : fail(FailureKind::refused, "nobody is enrolled as '" + name + "'; see: tallygate keys list");
  }
  return record(Order{{{"writer", name}}, "writer.revoke", true}, request, by);
}

}  // namespace tallygate::audit
