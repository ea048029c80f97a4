#include "gateway/cli/option_checks.hpp"

#include "audit/journal/uuid.hpp"

#include <string>
#include <string_view>

namespace tallygate::cli {
namespace {

bool is_whole_number(std::string_view text) {
  constexpr std::size_t digits_max = 18;
  return !text.empty() && text.size() <= digits_max &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

}  // namespace

CLI::Validator whole_number() {
  const auto check = [](std::string& text) {
    return is_whole_number(text) ? std::string() : "'" + text + "' is not a whole number from 0 up";
  };
  return {check, "N", "whole number"};
}

CLI::Validator counting_number() {
  const auto check = [](std::string& text) {
    const bool counts = is_whole_number(text) && text.find_first_not_of('0') != std::string::npos;
    return counts ? std::string() : "'" + text + "' is not a whole number from 1 up";
  };
  return {check, "N", "counting number"};
}

CLI::Validator uuid() {
  const auto check = [](std::string& text) {
    return audit::is_uuid(text) ? std::string()
                                : "'" + text + "' is no UUID; the journal's own stands in entry 0";
  };
  return {check, "UUID", "uuid"};
}

CLI::Validator not_empty() {
  const auto check = [](std::string& text) {
    return text.empty() ? std::string("is empty; leave it out to ask about somebody who is not signed in")
                        : std::string();
  };
  return {check, "", "not empty"};
}

}  // namespace tallygate::cli
