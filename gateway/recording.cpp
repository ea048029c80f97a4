#include "gateway/recording.hpp"

#include "gateway/access/json.hpp"
#include "gateway/identity/canonical_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

namespace tallygate {
namespace {

namespace json = boost::json;

std::string_view name_of(RecordedNames names) noexcept {
  return names == RecordedNames::all ? "all" : "policy";
}

json::array list_of(const std::vector<std::string>& texts) {
  return json::array(texts.begin(), texts.end());
}

json::object choice_of(const RecordChoice& choice, const std::vector<std::string>& query_values) {
  const RecordFields& fields = choice.fields;
  json::object out;
  out["end"] = choice.end;
  out["fields"] = json::object{{"claims", name_of(fields.claims)},
                               {"email", fields.email},
                               {"groups", name_of(fields.groups)},
                               {"query", fields.query},
                               {"referer", fields.referer},
                               {"tls", fields.tls},
                               {"trace", fields.trace},
                               {"user_agent", fields.user_agent}};
  out["headers"] = list_of(choice.headers);
  out["query_values"] = list_of(query_values);
  return out;
}

}  // namespace

void append_recording(const Settings& settings, std::string& out) {
  const RecordSettings& all = settings.audit.record;
  json::object recording;
  recording["all"] = choice_of(all, all.query_values);
  recording["flood"] = nullptr;
  if (all.flood.entries > 0) {
    recording["flood"] =
        json::object{{"entries", all.flood.entries}, {"milliseconds", all.flood.per.count()}};
  }
  json::object routes;
  for (const RouteSettings& route : settings.routes) {
    if (route.record != all || route.query_values != all.query_values) {
      routes[route.name] = choice_of(route.record, route.query_values);
    }
  }
  recording["routes"] = std::move(routes);
  std::string text;
  identity::append_canonical(recording, text);
  identity::append_cut(text, recorded_recording_bytes, out);
}

void append_config(const std::string& file, access::EventText& text) {
  text.member("config");
  text.text() += '{';
  access::append_json_text(text.text(), "file", file, access::recorded_path_bytes);
  text.text() += '}';
}

void append_reason(std::string_view reason, access::EventText& text) {
  text.member("reason");
  std::string member;
  access::append_json_text(member, "", reason, access::recorded_path_bytes);
  text.text() += member.substr(member.find(':') + 1);
}

}  // namespace tallygate
