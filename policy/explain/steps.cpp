#include "policy/explain/steps.hpp"

#include "policy/request/path_stages.hpp"

namespace tallygate::policy {
namespace {

std::string merged_slashes(std::string_view path) {
  std::string out;
  for (const char c : path) {
    if (c != '/' || !out.ends_with('/')) {
      out.push_back(c);
    }
  }
  return out;
}

/// Adds a step if the value changed, and keeps the new one.
void step(std::vector<CanonicalStep>& steps, std::string& present, std::string next, std::string_view rule,
          std::string_view what) {
  if (next == present) {
    return;
  }
  present = std::move(next);
  steps.push_back({std::string(rule), std::string(what), printable(present)});
}

void add_path_steps(std::string_view raw, const CanonicalRequest& request,
                    std::vector<CanonicalStep>& steps) {
  std::string present(raw);
  std::string next;
  if (stage::decode_unreserved(present, next) == RejectCode::none) {
    step(steps, present, next, "N4", "unreserved characters decoded, other triplets in upper case");
  }
  const PathOptions& options = request.options;
  if (!options.keep_slashes) {
    step(steps, present, merged_slashes(present), "N8", "runs of '/' merged");
  }
  next = present;
  if (stage::resolve_segments(next, options, false) == RejectCode::none) {
    step(steps, present, next, "N9", "dot segments resolved");
  }
  step(steps, present, request.path.matched, "N10",
       "parameters ignored for matching; the upstream still gets them");
}

void add_host_step(const WrittenRequest& written, const CanonicalRequest& request,
                   std::vector<CanonicalStep>& steps) {
  if (!written.route.empty()) {
    steps.push_back({"L21", "asked on a route, without a host", printable(written.route)});
  } else if (!written.hosts.empty() && written.hosts.front() != request.host.name) {
    steps.push_back({"N15", "host in canonical form, port removed", printable(request.host.name)});
  }
}

}  // namespace

std::vector<CanonicalStep> canonical_steps(const WrittenRequest& written, RejectCode code,
                                           const CanonicalRequest& request) {
  std::vector<CanonicalStep> steps;
  if (code != RejectCode::none) {
    steps.push_back({std::string(rule_of(code)), "refused: " + std::string(describe(code)), {}});
    return steps;
  }
  add_host_step(written, request, steps);
  RequestLine line;
  if (!split_request_line(written.line, line)) {
    return steps;
  }
  UrlParts url;
  std::string_view target = line.target;
  if (split_url(target, url)) {
    target = url.target.starts_with('/') ? url.target : std::string_view{};
  }
  const std::string_view raw = target.substr(0, target.find('?'));
  if (request.has_query) {
    steps.push_back({"N2", "query set aside; it takes no part", printable(request.query)});
  }
  const std::string options = to_string(request.options);
  if (!options.empty()) {
    steps.push_back({"C03", "read as the resource that claims the path asks", options});
  }
  add_path_steps(raw.empty() ? "/" : raw, request, steps);
  return steps;
}

std::string_view rule_of(RejectCode code) noexcept {
  switch (code) {
    case RejectCode::fragment:
    case RejectCode::target_form:
    case RejectCode::authority_mismatch:
      return "N1";
    case RejectCode::raw_byte:
    case RejectCode::backslash:
    case RejectCode::bad_percent:
      return "N3";
    case RejectCode::control:
    case RejectCode::encoded_backslash:
      return "N4";
    case RejectCode::encoded_slash:
      return "N5";
    case RejectCode::double_encoding:
      return "N6";
    case RejectCode::invalid_utf8:
    case RejectCode::confusable:
      return "N7";
    case RejectCode::dot_segment_params:
    case RejectCode::above_root:
      return "N9";
    case RejectCode::path_params:
      return "N10";
    case RejectCode::method:
      return "N14";
    case RejectCode::host:
      return "N15";
    case RejectCode::request_line:
      return "C13";
    case RejectCode::ambiguous:
      return "C03";
    case RejectCode::too_long:
      return "C15";
    case RejectCode::none:
      break;
  }
  return "";
}

std::string to_string(const PathOptions& options) {
  std::string text;
  const auto add = [&text](bool set, std::string_view name) {
    if (set) {
      text.append(text.empty() ? "" : ", ").append(name);
    }
  };
  add(options.keep_encoded_slash, "encoded_slash: keep");
  add(options.keep_double_encoding, "double_encoding: keep");
  add(options.keep_slashes, "slashes: keep");
  add(options.ignore_params, "path_params: ignore");
  return text;
}

}  // namespace tallygate::policy
