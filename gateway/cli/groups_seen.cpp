#include "gateway/cli/groups_seen.hpp"

#include "audit/sealing/unsealer.hpp"
#include "audit/search/escape.hpp"
#include "audit/search/reader.hpp"
#include "gateway/cli/audit_view.hpp"
#include "gateway/cli/entry_reading.hpp"

#include <boost/json.hpp>
#include <fmt/core.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <set>
#include <string_view>

namespace tallygate::cli {
namespace {

using audit::FailureKind;
using audit::Result;

constexpr std::size_t groups_bytes_max = std::size_t{32} << 20;

/// Takes the groups out of entries.
class GroupCollector {
 public:
  explicit GroupCollector(EntryView& view) : view_(view) {}

  void look(std::string_view body) {
    const std::string_view seen = view_.of(body).value_or(body);
    if (audit::looks_sealed(body)) {
      ++(audit::looks_sealed(seen) && seen.data() == body.data() ? closed_ : opened_);
    }
    // "groups", or "groups_policy" where not all of them are recorded
    if (seen.find("\"groups") == std::string_view::npos) {
      return;
    }
    boost::system::error_code error;
    const boost::json::value entry = boost::json::parse(seen, error);
    const auto* object = error ? nullptr : entry.if_object();
    const auto* actor = object == nullptr ? nullptr : object->if_contains("actor");
    for (const char* key : {"groups", "groups_policy"}) {
      const auto* list =
          actor == nullptr || !actor->is_object() ? nullptr : actor->get_object().if_contains(key);
      for (std::size_t i = 0; list != nullptr && list->is_array() && i < list->get_array().size(); ++i) {
        if (const auto* group = list->get_array()[i].if_string()) {
          groups_.emplace(group->data(), group->size());
        }
      }
    }
  }

  Result<std::vector<std::string>> take() const {
    if (closed_ != 0 && opened_ == 0) {
      return audit::fail(FailureKind::unreadable,
                         "the persons of " + std::to_string(closed_) +
                             " entries are sealed, and their groups with them; give --keyring");
    }
    if (closed_ != 0) {
      fmt::print(stderr, "tallygate: {} entries are of persons who were erased; their groups are not known\n",
                 closed_);
    }
    return std::vector<std::string>(groups_.begin(), groups_.end());
  }

 private:
  EntryView& view_;
  std::set<std::string> groups_;
  std::uint64_t closed_ = 0;
  std::uint64_t opened_ = 0;
};

}  // namespace

Result<std::vector<std::string>> groups_of_file(const std::string& path) {
  const auto text = read_small_file(path, groups_bytes_max);
  if (!text) {
    return text.error();
  }
  std::set<std::string> groups;
  for (std::size_t start = 0; start < text->size();) {
    const std::size_t end = std::min(text->find('\n', start), text->size());
    std::string line = text->substr(start, end - start);
    if (line.ends_with('\r')) {
      line.pop_back();
    }
    if (!line.empty()) {
      groups.insert(std::move(line));
    }
    start = end + 1;
  }
  return std::vector<std::string>(groups.begin(), groups.end());
}

Result<std::vector<std::string>> groups_of_journal(const JournalArguments& arguments) {
  const auto noted = note_reading(arguments, arguments.keyring.has_value(), {{"command", "policy check"}});
  if (!noted) {
    return noted.error();
  }
  auto view = EntryView::open({arguments.config.value_or(""), arguments.journal.value_or(""),
                               arguments.keyring.value_or(""), arguments.kek.value_or("")});
  if (!view) {
    return view.error();
  }
  if (!noted->on_record) {
    view->put_keys_away();
  }
  auto reader = audit::JournalReader::open(view->journal());
  if (!reader) {
    return reader.error();
  }
  const auto end = reader->end();
  if (!end) {
    return end.error();
  }
  GroupCollector collector(*view);
  const auto read = reader->up(0, *end, [&](std::uint64_t, std::string_view body) {
    collector.look(body);
    return true;
  });
  if (!read) {
    return read.error();
  }
  return collector.take();
}

}  // namespace tallygate::cli
