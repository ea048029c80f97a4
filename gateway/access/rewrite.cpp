#include "gateway/access/rewrite.hpp"

namespace tallygate::access {

std::optional<std::string> rewrite_path(std::string_view path, const PathRewrite& rewrite) {
  if (!path.starts_with(rewrite.prefix)) {
    return std::nullopt;
  }
  const std::string_view rest = path.substr(rewrite.prefix.size());
  if (!rest.empty() && rest.front() != '/') {
    return std::nullopt;
  }
  std::string out = rewrite.to == "/" ? std::string() : rewrite.to;
  out.append(rest);
  if (out.empty()) {
    out = "/";
  }
  return out;
}

bool rewrite_request(const policy::CanonicalRequest& request, const PathRewrite& rewrite, Rewritten& out) {
  auto path = rewrite_path(request.path.to_forward(), rewrite);
  out.from = request.path.matched;
  out.target.clear();
  out.line.clear();
  if (!path) {
    return false;
  }
  out.target = std::move(*path);
  if (request.has_query) {
    out.target.append("?").append(request.query);
  }
  out.line = request.method + " " + out.target + " HTTP/1.1";
  return true;
}

}  // namespace tallygate::access
