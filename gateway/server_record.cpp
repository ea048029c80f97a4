// What the gateway records of itself: its start, its configuration and its policies, the ends of sessions,
// and floods.
#include "gateway/access/flood_record.hpp"
#include "gateway/access/json.hpp"
#include "gateway/identity/users.hpp"
#include "gateway/recording.hpp"
#include "gateway/server.hpp"

#include <boost/asio/awaitable.hpp>
#include <unistd.h>

#include <algorithm>
#include <utility>

namespace tallygate {
namespace {

namespace asio = boost::asio;

/// A part of a policy's text in one entry: at most so many bytes (journal.md §3), and so many as JSON, which
/// the escapes of a text full of quotes could double.
constexpr std::size_t part_bytes = 32'768;
constexpr std::size_t part_json_bytes = 60'000;

/// The longest start of `text` that fits one entry and ends between code points.
std::string_view first_part(std::string_view text) {
  std::size_t length = std::min(text.size(), part_bytes);
  for (;;) {
    while (length < text.size() && length > 0 && (static_cast<unsigned char>(text[length]) & 0xC0) == 0x80) {
      --length;
    }
    std::string json;
    access::append_json_string(json, text.substr(0, length));
    if (json.size() <= part_json_bytes) {
      return text.substr(0, length);
    }
    length /= 2;
  }
}

struct Part {
  std::string file;
  std::string_view text;
};

std::vector<Part> parts_of(const std::vector<policy::yaml::SourceFile>& sources) {
  std::vector<Part> parts;
  for (const auto& source : sources) {
    std::string_view rest = source.text;
    do {
      const std::string_view part = first_part(rest);
      parts.push_back({source.name, part});
      rest.remove_prefix(part.size());
    } while (!rest.empty());
  }
  return parts;
}

/// The cell of a suite that a policy failed.
void append_cell(const policy::testing::FailedCell& cell, std::string& out) {
  const auto text = [&out](std::string_view name, std::string_view value) {
    out += out.ends_with('{') ? "" : ",";
    access::append_json_text(out, name, value, access::recorded_header_bytes);
  };
  const auto number = [&out](std::string_view name, std::size_t value) {
    out.append(",\"").append(name).append("\":");
    access::append_json_integer(out, static_cast<std::int64_t>(value));
  };
  out += '{';
  text("actual", cell.actual);
  number("column", cell.mark.column);
  text("expected", cell.expected);
  text("file", cell.file);
  number("line", cell.mark.line);
  text("principal", cell.principal);
  text("request", cell.request);
  text("test", cell.test);
  out += '}';
}

}  // namespace

asio::awaitable<bool> Server::record(std::string_view kind,
                                     const std::function<void(access::EventText&)>& fill) {
  event_.clear();
  fill(event_);
  const access::UuidText id = ids_.uuid7(std::chrono::system_clock::now());
  auto pending = recorder_.begin(event_.finish(kind, access::text_of(id), TG_EVENT_AWAITED));
  const access::Answer answer = co_await recorder_.wait(std::move(pending));
  co_return answer.durable();
}

asio::awaitable<bool> Server::introduce() {
  const auto fill_start = [](access::EventText& text) {
    text.member("process");
    text.text() += "{\"pid\":";
    access::append_json_integer(text.text(), getpid());
    text.text() += ",\"version\":\"" TALLYGATE_VERSION "\"}";
  };
  introduced_ = co_await record("gateway.start", fill_start) && co_await state_in_force();
  co_return introduced_;
}

asio::awaitable<bool> Server::state_in_force() {
  const std::shared_ptr<const Snapshot> snapshot = snapshot_;
  const std::string file = snapshot->settings.file.string();
  const auto fill_config = [&file, &snapshot](access::EventText& text) {
    append_config(file, text);
    text.member("recording");
    append_recording(snapshot->settings, text.text());
  };
  if (!co_await record("config.load", fill_config)) {
    co_return false;
  }
  co_return co_await record_policy(*snapshot) && co_await record_shadow(*snapshot);
}

asio::awaitable<bool> Server::record_policy(const Snapshot& snapshot) {
  co_return co_await record_texts(snapshot.policy_sources, *snapshot.program, false);
}

asio::awaitable<bool> Server::record_shadow(const Snapshot& snapshot) {
  if (!snapshot.shadow) {
    co_return true;
  }
  co_return co_await record_texts(snapshot.shadow_sources, *snapshot.shadow, true);
}

/// The text of a policy. That of a shadow says so, since it decides nothing.
asio::awaitable<bool> Server::record_texts(const std::vector<policy::yaml::SourceFile>& sources,
                                           const policy::Program& program, bool shadow) {
  const std::vector<Part> parts = parts_of(sources);
  for (std::size_t at = 0; at < parts.size(); ++at) {
    const auto fill = [&](access::EventText& text) {
      std::string& out = text.text();
      text.member("part");
      access::append_json_integer(out, static_cast<std::int64_t>(at + 1));
      text.member("parts");
      access::append_json_integer(out, static_cast<std::int64_t>(parts.size()));
      text.member("policy");
      out += "{\"digest\":\"" + program.digest_hex() + "\",";
      access::append_json_text(out, "file", parts[at].file, access::recorded_path_bytes);
      out += shadow ? ",\"mode\":\"shadow\"," : ",";
      access::append_json_text(out, "name", program.policy().name, access::recorded_header_bytes);
      out += ",\"text\":";
      access::append_json_string(out, parts[at].text);
      out += "}";
    };
    if (!co_await record("policy.load", fill)) {
      co_return false;
    }
  }
  co_return true;
}

asio::awaitable<void> Server::reject_shadow(const std::string& failure) {
  access::count(persistent_->counts.config_rejects);
  log_.error(snapshot_->shadow ? "the shadow policy was refused, the old one stays beside the policy in force"
                               : "the shadow policy was refused, none stands beside the policy in force",
             {{"reason", failure}});
  const auto fill = [&failure](access::EventText& text) {
    text.member("policy");
    text.text() += "{\"mode\":\"shadow\"}";
    append_reason(failure, text);
  };
  if (!co_await record("policy.reject", fill)) {
    log_.warning("the refused shadow policy is not on record");
  }
}

asio::awaitable<bool> Server::record_refusal(const PolicyRefusal& refusal) {
  const auto fill = [&refusal](access::EventText& text) {
    std::string& out = text.text();
    if (refusal.cell) {
      text.member("cell");
      append_cell(*refusal.cell, out);
      text.member("failed");
      access::append_json_integer(out, static_cast<std::int64_t>(refusal.failed));
    }
    if (!refusal.digest.empty()) {
      text.member("policy");
      out += "{\"digest\":\"" + refusal.digest + "\",";
      access::append_json_text(out, "name", refusal.name, access::recorded_header_bytes);
      out += '}';
    }
    append_reason(refusal.reason, text);
  };
  co_return co_await record("policy.reject", fill);
}

asio::awaitable<void> Server::record_session_events(std::vector<identity::SessionEvent> events) {
  for (const identity::SessionEvent& event : events) {
    const auto fill = [&event](access::EventText& text) {
      for (const auto& member : event.members) {
        text.member(member.name);
        text.text() += member.json;
      }
    };
    if (!co_await record(event.kind, fill)) {
      log_.warning("a session's end is not on record", {{"kind", event.kind}});
    }
  }
}

asio::awaitable<void> Server::record_floods(std::vector<access::Suppressed> sums) {
  constexpr std::size_t together = 256;  // they share commits, and the journal's queue stays open to requests
  std::vector<access::Suppressed> unrecorded;
  std::uint64_t count = 0;
  for (std::size_t begin = 0; begin < sums.size(); begin += together) {
    const std::size_t end = std::min(sums.size(), begin + together);
    std::vector<access::Recorder::Pending> pending;
    for (std::size_t at = begin; at < end; ++at) {
      event_.clear();
      access::append_suppressed(event_, sums[at]);
      const access::UuidText id = ids_.uuid7(std::chrono::system_clock::now());
      pending.push_back(
          recorder_.begin(event_.finish("journal.suppress", access::text_of(id), TG_EVENT_AWAITED)));
    }
    for (std::size_t at = begin; at < end; ++at) {
      const access::Answer answer = co_await recorder_.wait(std::move(pending[at - begin]));
      if (answer.durable()) {
        count += sums[at].count;
      } else {
        unrecorded.push_back(std::move(sums[at]));
      }
    }
  }
  if (count > 0) {
    log_.warning("refusals of a flood were counted instead of recorded one by one",
                 {{"refusals", std::to_string(count)}});
  }
  if (!unrecorded.empty()) {
    log_.error("the count of a flood is not on record yet", {{"sources", std::to_string(unrecorded.size())}});
    persistent_->floods.give_back(std::move(unrecorded));
  }
}

}  // namespace tallygate
