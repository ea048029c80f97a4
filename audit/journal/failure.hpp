#pragma once

#include <boost/system/result.hpp>

#include <stdexcept>
#include <string>
#include <utility>

namespace tallygate::audit {

/// What kind of thing went wrong; a caller decides by this, a person reads `Failure::message`.
enum class FailureKind {
  invalid,  ///< the caller's input or the configuration is not acceptable
  refused,  ///< what is asked for is understood, and the record or a rule does not allow it: the answer is no
  exists,   ///< something is there already and would be overwritten
  missing,  ///< a file, key or variable is not there
  locked,   ///< another process writes this journal
  unreadable,  ///< the operating system or SQLite refused to read or write
  tampered,    ///< the record contradicts itself, its keys or its anchors
  crypto       ///< OpenSSL or libsodium refused
};

/// An error as a value: its kind, and one line that names the thing, what is wrong and what would mend it.
struct Failure {
  FailureKind kind = FailureKind::invalid;
  std::string message;
};

/// Found by argument-dependent lookup when somebody calls `value()` on a failed result: start-up code may.
[[noreturn]] inline void throw_exception_from_error(const Failure& failure, const boost::source_location&) {
  throw std::runtime_error(failure.message);
}

template <typename T>
using Result = boost::system::result<T, Failure>;

/// Shorthand for `return fail(FailureKind::missing, "…")`.
inline Failure fail(FailureKind kind, std::string message) {
  return Failure{kind, std::move(message)};
}

}  // namespace tallygate::audit
