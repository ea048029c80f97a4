#include "gateway/access/record_headers.hpp"

#include "gateway/access/json.hpp"
#include "gateway/settings_secrets.hpp"

#include <boost/beast/core/string.hpp>

#include <algorithm>

namespace tallygate::access {
namespace {

using boost::beast::iequals;

const PolicyReads::Header* find_read(const PolicyReads& reads, std::string_view name) noexcept {
  const auto found =
      std::find_if(reads.headers.begin(), reads.headers.end(), [&](const PolicyReads::Header& header) {
        return header.name.size() == name.size() && iequals(header.name, name);
      });
  return found == reads.headers.end() ? nullptr : &*found;
}

const std::string* find_chosen(const std::vector<std::string>& chosen, std::string_view name) noexcept {
  const auto found = std::find_if(chosen.begin(), chosen.end(), [&](const std::string& each) {
    return each.size() == name.size() && iequals(each, name);
  });
  return found == chosen.end() ? nullptr : &*found;
}

/// The list under construction. It begins with its first line.
class Lines {
 public:
  explicit Lines(std::string& out) : out_(out) {}

  void add(std::string_view name, std::string_view value) {
    if (!begin(name)) {
      return;
    }
    const std::size_t limit =
        bytes_ + value.size() <= recorded_headers_bytes ? recorded_header_bytes : std::size_t{0};
    bytes_ += std::min(value.size(), limit);
    append_json_text(out_, "value", value, limit);
    out_ += '}';
  }
  void add_sensitive(const PolicyReads::Header& header, std::string_view value) {
    if (!begin(header.name)) {
      return;
    }
    const auto named = std::find_if(header.named.begin(), header.named.end(),
                                    [&](const auto& known) { return known.first == value; });
    if (named != header.named.end()) {
      out_.append("\"named\":\"").append(named->second).append("\"}");
    } else {
      out_ += "\"other\":true}";
    }
  }
  bool finish() {
    if (count_ == 0) {
      return false;
    }
    out_ += ']';
    if (count_ > recorded_header_lines) {
      out_ += ",\"headers_more\":";
      append_json_integer(out_, static_cast<std::int64_t>(count_ - recorded_header_lines));
    }
    return true;
  }

 private:
  bool begin(std::string_view name) {
    if (++count_ > recorded_header_lines) {
      return false;
    }
    out_ += count_ == 1 ? "\"headers\":[{\"name\":" : ",{\"name\":";
    append_json_string(out_, name);
    out_ += ',';
    return true;
  }

  std::string& out_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace

std::size_t policy_lines(const http::Fields& fields, const PolicyReads& reads) noexcept {
  if (reads.headers.empty()) {
    return 0;
  }
  return static_cast<std::size_t>(
      std::count_if(fields.all().begin(), fields.all().end(),
                    [&](const http::Field& line) { return find_read(reads, line.name) != nullptr; }));
}

bool append_headers(std::string& out, const http::Fields& fields, const PolicyReads& reads,
                    const std::vector<std::string>& chosen) {
  if (reads.headers.empty() && chosen.empty()) {
    return false;
  }
  Lines lines(out);
  for (const http::Field& line : fields.all()) {
    const PolicyReads::Header* header = find_read(reads, line.name);
    if (header != nullptr && header->sensitive) {
      lines.add_sensitive(*header, line.value);
    } else if (header != nullptr) {
      lines.add(header->name, line.value);
    }
  }
  for (const http::Field& line : fields.all()) {
    const std::string* name = find_chosen(chosen, line.name);
    if (name == nullptr || find_read(reads, line.name) != nullptr) {
      continue;
    }
    if (names_a_url(*name)) {
      std::string masked;
      append_masked_url(masked, line.value, {});
      lines.add(*name, masked);
    } else {
      lines.add(*name, line.value);
    }
  }
  return lines.finish();
}

}  // namespace tallygate::access
