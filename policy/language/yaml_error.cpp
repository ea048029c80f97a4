#include "policy/language/yaml_error.hpp"

#include "policy/language/printable.hpp"

#include <boost/throw_exception.hpp>

#include <algorithm>
#include <stdexcept>
#include <tuple>
#include <utility>

namespace tallygate::policy::yaml {

std::string to_string(const SyntaxError& error) {
  std::string text = printable(error.file);
  if (error.mark.line != 0) {
    text += ':' + std::to_string(error.mark.line) + ':' + std::to_string(error.mark.column);
  }
  if (!text.empty()) {
    text += ": ";
  }
  text += printable(error.message);
  if (!error.id.empty()) {
    text += " [" + error.id + ']';
  }
  return text;
}

std::string to_string(const SyntaxErrors& errors) {
  std::string text;
  for (const SyntaxError& error : errors) {
    text += to_string(error) + '\n';
  }
  return text;
}

void throw_exception_from_error(const SyntaxErrors& errors, const boost::source_location& location) {
  boost::throw_exception(std::runtime_error(to_string(errors)), location);
}

void Errors::add(std::string_view file, Mark mark, std::string message, std::string_view id) {
  add(SyntaxError{std::string(file), mark, std::move(message), std::string(id)});
}

void Errors::add(SyntaxError error) {
  if (errors_.size() < errors_max) {
    errors_.push_back(std::move(error));
  } else {
    ++left_out_;
  }
}

void Errors::add(SyntaxErrors errors) {
  for (SyntaxError& error : errors) {
    add(std::move(error));
  }
}

SyntaxErrors Errors::take() {
  std::sort(errors_.begin(), errors_.end(), [](const SyntaxError& left, const SyntaxError& right) {
    return std::tie(left.file, left.mark, left.message) < std::tie(right.file, right.mark, right.message);
  });
  if (left_out_ != 0) {
    errors_.push_back({errors_.front().file, {}, "and " + std::to_string(left_out_) + " more errors", {}});
  }
  left_out_ = 0;
  return std::exchange(errors_, {});
}

}  // namespace tallygate::policy::yaml
