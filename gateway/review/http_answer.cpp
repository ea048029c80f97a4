#include "gateway/review/http_answer.hpp"

#include "gateway/access/json.hpp"

namespace tallygate::review {

AdminAnswer problem(unsigned status, std::string_view title, std::string_view detail) {
  AdminAnswer answer;
  answer.status = status;
  answer.content_type = "application/problem+json";
  answer.body = "{\"type\":\"about:blank\",\"title\":\"" + std::string(title) +
                "\",\"status\":" + std::to_string(status);
  if (!detail.empty()) {
    answer.body += ",\"detail\":";
    access::append_json_string(answer.body, detail);
  }
  answer.body += "}\n";
  return answer;
}

}  // namespace tallygate::review
