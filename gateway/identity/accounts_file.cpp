#include "gateway/identity/accounts_file.hpp"

#include <algorithm>

namespace tallygate::identity {
namespace {

namespace yaml = policy::yaml;

constexpr std::size_t max_account_name_bytes = 128;
constexpr std::size_t max_email_bytes = 254;  // RFC 5321 §4.5.3.1.3

bool is_account_name(std::string_view name) noexcept {
  return !name.empty() && name.size() <= max_account_name_bytes && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '+' || c == '@';
  });
}

}  // namespace

yaml::Result<yaml::SourceFile> read_accounts_file(const std::filesystem::path& file) {
  auto source = yaml::read_source(file.string());
  if (!source) {
    return yaml::SyntaxErrors{{file.string(), {}, "cannot be read: " + source.error().message(), {}}};
  }
  return std::move(*source);
}

void read_accounts_version(yaml::Map& root, yaml::Errors& errors) {
  const auto node = root.require("version");
  if (node) {
    static_cast<void>(yaml::integer(*node, "'version'", 1, 1, errors));
  }
}

void read_account(yaml::Map& entry, yaml::Errors& errors, IdentityFacts& facts) {
  if (const auto node = entry.require("name")) {
    const auto name = yaml::text(*node, "'name'", errors);
    if (name && !is_account_name(*name)) {
      yaml::add(errors, *node, "'name' must be 1 to 128 letters, digits, or any of . _ - + @");
    } else if (name) {
      facts.user = *name;
    }
  }
  if (const auto node = entry.find("email")) {
    const auto email = yaml::text(*node, "'email'", errors);
    if (email && (!is_email(*email) || email->size() > max_email_bytes)) {
      yaml::add(errors, *node, "'email' must be an address with exactly one '@'");
    } else if (email) {
      facts.email = *email;
    }
  }
  facts.groups = entry.text_list("groups");
}

bool is_email(std::string_view text) noexcept {
  const std::size_t at = text.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < text.size() &&
         text.find('@', at + 1) == std::string_view::npos && std::ranges::none_of(text, [](char c) {
           return static_cast<unsigned char>(c) <= ' ' || c == '\x7F';
         });
}

}  // namespace tallygate::identity
