#include "audit/journal/pkcs11_uri.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <optional>
#include <utility>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::string_view scheme = "pkcs11:";
constexpr std::size_t token_label_max = 32;  // CK_TOKEN_INFO, PKCS #11 v3.0 §3.2
constexpr std::size_t manufacturer_max = 32;
constexpr std::size_t model_max = 16;
constexpr std::size_t serial_max = 16;
constexpr std::size_t object_label_max = 255;
constexpr std::size_t path_max = 1024;

Failure bad(std::string_view what) {
  return fail(FailureKind::invalid,
              "PKCS#11 URI: " + std::string(what) +
                  "; write pkcs11:token=TOKEN;object=KEY?module-path=/PATH/MODULE.so&pin-source=file:PATH");
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') {
    return c - '0';
  }
  const char low = static_cast<char>(c | 0x20);
  return low >= 'a' && low <= 'f' ? low - 'a' + 10 : -1;
}

bool is_unreserved(char c) {  // RFC 3986 §2.3
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

// Undoes percent-encoding. Nothing where a '%' leads to no byte, or to a control byte, which no label or path
// of a person's has and which would forge lines of a log.
std::optional<std::string> decode(std::string_view text) {
  std::string plain;
  for (std::size_t i = 0; i < text.size(); ++i) {
    int byte = static_cast<unsigned char>(text[i]);
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
      if (low < 0) {
        return std::nullopt;
      }
      byte = high * 16 + low;
      i += 2;
    }
    if (byte < 0x20 || byte == 0x7f) {
      return std::nullopt;
    }
    plain.push_back(static_cast<char>(byte));
  }
  return plain;
}

std::string encode(std::string_view text, std::string_view also) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (is_unreserved(c) || also.find(c) != std::string_view::npos) {
      encoded.push_back(c);
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += {'%', digits[byte >> 4U], digits[byte & 15U]};
    }
  }
  return encoded;
}

/// One `name=value` that may stand in a part of the URI.
struct Attribute {
  std::string_view name;
  std::size_t most;
  std::string* into;
  bool seen = false;
};

Result<void> read_attribute(std::string_view text, std::vector<Attribute>& known, std::string_view part) {
  const std::size_t equals = text.find('=');
  const std::string_view name = text.substr(0, equals);
  if (name == "pin-value") {
    return bad("a PIN does not belong in a command line or a configuration, pin-value is refused");
  }
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const Attribute& one) { return one.name == name; });
  if (equals == std::string_view::npos || found == known.end()) {
    std::string names;
    for (const Attribute& one : known) {
      names += (names.empty() ? "" : ", ") + std::string(one.name);
    }
    return bad("what stands " + std::string(part) + " the '?' must be NAME=VALUE, one of " + names);
  }
  if (std::exchange(found->seen, true)) {
    return bad("'" + std::string(name) + "' comes twice");
  }
  auto value = decode(text.substr(equals + 1));
  if (!value || value->empty() || value->size() > found->most) {
    return bad("the value of '" + std::string(name) + "' must have 1 to " + std::to_string(found->most) +
               " bytes, percent-encoded and without control characters");
  }
  *found->into = *std::move(value);
  return {};
}

Result<void> read_part(std::string_view text, char separator, std::vector<Attribute>& known,
                       std::string_view part) {
  while (!text.empty()) {
    const std::size_t end = text.find(separator);
    if (auto read = read_attribute(text.substr(0, end), known, part); !read) {
      return read;
    }
    if (end == std::string_view::npos) {
      break;
    }
    text.remove_prefix(end + 1);
    if (text.empty()) {
      return bad("it ends with a separator");
    }
  }
  return {};
}

// A file by its path or as a file: URI of this machine (RFC 8089), or a credential.
Result<PinSource> pin_source(std::string_view text) {
  constexpr std::string_view file = "file:";
  constexpr std::string_view credential = "credential:";
  if (text.empty()) {
    return PinSource{};
  }
  PinSource source{PinSource::Kind::file, std::string(text)};
  if (text.starts_with(credential)) {
    source = {PinSource::Kind::credential, std::string(text.substr(credential.size()))};
  } else if (text.starts_with(file)) {
    source.name = text.substr(file.size());
    if (source.name.starts_with("//")) {
      source.name.erase(0, 2);
      if (!source.name.starts_with('/')) {
        return bad("a pin-source file:// must be of this machine, file:///PATH");
      }
    }
  } else if (!text.starts_with('/')) {
    return bad("pin-source must be file:PATH or credential:NAME, never the PIN itself");
  }
  if (source.name.empty() || source.name.starts_with('|')) {  // RFC 7512 would run a command here
    return bad("pin-source must name a file or a credential");
  }
  if (source.kind == PinSource::Kind::credential &&
      (source.name.find('/') != std::string::npos || source.name == "." || source.name == "..")) {
    return bad("the credential that pin-source names must be one file name");
  }
  return source;
}

}  // namespace

bool is_pkcs11_uri(std::string_view text) {
  return text.size() >= scheme.size() &&
         std::equal(scheme.begin(), scheme.end(), text.begin(), [](char wanted, char given) {
           return wanted == (given >= 'A' && given <= 'Z' ? static_cast<char>(given | 0x20) : given);
         });
}

Result<Pkcs11Uri> parse_pkcs11_uri(std::string_view text) {
  if (!is_pkcs11_uri(text)) {
    return bad("it must begin with pkcs11:");
  }
  if (text.size() > pkcs11_uri_max) {
    return bad("it is longer than " + std::to_string(pkcs11_uri_max) + " bytes");
  }
  text.remove_prefix(scheme.size());
  const std::size_t question = text.find('?');
  Pkcs11Uri uri;
  std::string type;
  std::string pin;
  std::vector<Attribute> before = {
      {"token", token_label_max, &uri.token},    {"manufacturer", manufacturer_max, &uri.manufacturer},
      {"model", model_max, &uri.model},          {"serial", serial_max, &uri.serial},
      {"object", object_label_max, &uri.object}, {"type", path_max, &type}};
  std::vector<Attribute> after = {{"module-path", path_max, &uri.module_path},
                                  {"pin-source", path_max, &pin}};
  if (auto read = read_part(text.substr(0, question), ';', before, "before"); !read) {
    return read.error();
  }
  if (question != std::string_view::npos) {
    if (auto read = read_part(text.substr(question + 1), '&', after, "behind"); !read) {
      return read.error();
    }
  }
  if (uri.token.empty() || uri.object.empty()) {
    return bad("it must name the token and the object");
  }
  // What is looked for follows from the use; a type is read because tools that list a token write it.
  if (!type.empty() && type != "private" && type != "public" && type != "secret-key") {
    return bad("type must be private, public or secret-key");
  }
  if (!uri.module_path.starts_with('/')) {
    return bad("module-path must be the absolute path of a PKCS#11 module");
  }
  auto source = pin_source(pin);
  if (!source) {
    return source.error();
  }
  uri.pin = *std::move(source);
  return uri;
}

std::string to_string(const Pkcs11Uri& uri) {
  std::string text = std::string(scheme) + "token=" + encode(uri.token, "");
  const std::array<std::pair<std::string_view, const std::string*>, 4> more = {
      {{";manufacturer=", &uri.manufacturer},
       {";model=", &uri.model},
       {";serial=", &uri.serial},
       {";object=", &uri.object}}};
  for (const auto& [name, value] : more) {
    if (!value->empty()) {
      text.append(name).append(encode(*value, ""));
    }
  }
  text += "?module-path=" + encode(uri.module_path, "/");
  switch (uri.pin.kind) {
    case PinSource::Kind::environment:
      break;
    case PinSource::Kind::file:
      // A path that begins with two slashes would be read as a file:// URI.
      text += "&pin-source=file:" + std::string(uri.pin.name.starts_with("//") ? "//" : "") +
              encode(uri.pin.name, "/");
      break;
    case PinSource::Kind::credential:
      text += "&pin-source=credential:" + encode(uri.pin.name, "");
      break;
  }
  return text;
}

}  // namespace tallygate::audit
