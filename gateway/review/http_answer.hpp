#pragma once
/// One answer of the admin listener.
#include <memory>
#include <string>
#include <string_view>

namespace tallygate::review {

struct AdminAnswer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
  std::string_view cache_control = "no-store";  ///< static text
  std::string_view authenticate;                ///< static text: WWW-Authenticate; empty: no such field
  unsigned retry_after_s = 0;                   ///< 0: no such field
  std::shared_ptr<const void> lease;            ///< let go once the answer was sent; of its maker
};

/// A problem document (RFC 9457) whose title is plain ASCII without quotes. `detail` is any UTF-8.
[[nodiscard]] AdminAnswer problem(unsigned status, std::string_view title, std::string_view detail = {});

}  // namespace tallygate::review
