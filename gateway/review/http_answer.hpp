#pragma once
/// One answer of the admin listener.
#include <string>

namespace tallygate::review {

struct AdminAnswer {
  unsigned status = 200;
  std::string content_type = "application/json";
  std::string body;
};

}  // namespace tallygate::review
