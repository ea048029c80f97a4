#pragma once
/// A request or response head as it stands in the connection's buffer: views, no copies.
#include <boost/beast/http/field.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace tallygate::http {

/// One header line. Shape: name as sent, value without surrounding blanks.
struct Field {
  std::string_view name;
  std::string_view value;
  boost::beast::http::field id = boost::beast::http::field::unknown;
};

/// The header lines of one message, in the order they came. Owns: nothing; the views live as long as the
/// buffer that was parsed. Threads: one.
class Fields {
 public:
  void add(Field field) {
    if (fields_.empty()) {
      fields_.reserve(usual_lines);  // one allocation where growing would take five
    }
    fields_.push_back(field);
  }
  void clear() { fields_.clear(); }
  [[nodiscard]] const std::vector<Field>& all() const noexcept { return fields_; }

  /// The first line of that name, without regard to case; empty optional if there is none.
  [[nodiscard]] std::optional<std::string_view> find(std::string_view name) const noexcept;
  [[nodiscard]] std::optional<std::string_view> find(boost::beast::http::field id) const noexcept;
  /// How many lines have that name.
  [[nodiscard]] std::size_t count(std::string_view name) const noexcept;
  [[nodiscard]] std::size_t count(boost::beast::http::field id) const noexcept;

 private:
  static constexpr std::size_t usual_lines = 16;
  std::vector<Field> fields_;
};

/// A request's first line and header lines, after the strict layer accepted them.
struct RequestHead {
  std::string_view method;  ///< case-sensitive token, as sent
  std::string_view target;  ///< as sent
  unsigned version = 11;    ///< 10 or 11; 20 for HTTP/2
  Fields fields;
};

}  // namespace tallygate::http
