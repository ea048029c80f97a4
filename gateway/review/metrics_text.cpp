#include "gateway/review/metrics_text.hpp"

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

#include <array>
#include <limits>
#include <utility>

namespace tallygate::review {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double ns_per_second = 1e9;
constexpr double us_per_second = 1e6;

MetricFamily family(std::string name, std::string help, MetricType type) {
  MetricFamily result;
  result.name = std::move(name);
  result.help = std::move(help);
  result.type = type;
  return result;
}

void add(MetricFamily& to, double value, Labels labels = {}) {
  ClientMetric metric;
  metric.label = std::move(labels);
  if (to.type == MetricType::Counter) {
    metric.counter.value = value;
  } else {
    metric.gauge.value = value;
  }
  to.metric.push_back(std::move(metric));
}

template <class Count>
double number(const Count& count) {
  return static_cast<double>(count.load(std::memory_order_relaxed));
}

/// Turns counts per bucket into the cumulative ones of the exposition. `bound` gives upper bounds in seconds.
template <class Bucket, class Bound>
MetricFamily histogram(std::string name, std::string help, std::size_t bounds, Bucket bucket, Bound bound,
                       double sum) {
  MetricFamily result = family(std::move(name), std::move(help), MetricType::Histogram);
  ClientMetric metric;
  std::uint64_t so_far = 0;
  for (std::size_t at = 0; at <= bounds; ++at) {
    so_far += bucket(at);
    ClientMetric::Bucket cell;
    cell.cumulative_count = so_far;
    cell.upper_bound = at < bounds ? bound(at) : std::numeric_limits<double>::infinity();
    metric.histogram.bucket.push_back(cell);
  }
  metric.histogram.sample_count = so_far;
  metric.histogram.sample_sum = sum;
  result.metric.push_back(std::move(metric));
  return result;
}

template <std::size_t N>
MetricFamily histogram(std::string name, std::string help, const access::Histogram<N>& from) {
  return histogram(
      std::move(name), std::move(help), N, [&](std::size_t at) { return from.bucket(at); },
      [&](std::size_t at) { return static_cast<double>(from.bounds_ns()[at]) / ns_per_second; },
      static_cast<double>(from.sum_ns()) / ns_per_second);
}

void add_requests(std::vector<MetricFamily>& out, const access::Counts& counts) {
  MetricFamily requests =
      family("tallygate_requests_total", "Requests by route and effect.", MetricType::Counter);
  MetricFamily answers =
      family("tallygate_responses_total", "Responses by route and class of status.", MetricType::Counter);
  MetricFamily bytes =
      family("tallygate_body_bytes_total", "Bytes of bodies by route and direction.", MetricType::Counter);
  for (const auto& route : counts.routes()) {
    add(requests, number(route->allowed), {{"effect", "allow"}, {"route", route->route}});
    add(requests, number(route->denied), {{"effect", "deny"}, {"route", route->route}});
    for (std::size_t digit = 1; digit < route->answers.size(); ++digit) {
      add(answers, number(route->answers[digit]),
          {{"route", route->route}, {"status", std::to_string(digit) + "xx"}});
    }
    add(bytes, number(route->bytes_in), {{"direction", "in"}, {"route", route->route}});
    add(bytes, number(route->bytes_out), {{"direction", "out"}, {"route", route->route}});
  }
  out.push_back(std::move(requests));
  out.push_back(std::move(answers));
  out.push_back(std::move(bytes));
  out.push_back(histogram("tallygate_decision_seconds",
                          "Time to resolve roles, match rules and find the route.", counts.decision));
  out.push_back(histogram("tallygate_record_wait_seconds", "Time a request waited for its receipt.",
                          counts.record_wait));
}

void add_shadow(std::vector<MetricFamily>& out, const access::Counts& counts) {
  MetricFamily shadow = family("tallygate_shadow_decisions_total",
                               "Decisions by what the shadow policy would change.", MetricType::Counter);
  for (const policy::Change change : policy::all_changes) {
    add(shadow, number(counts.shadow[static_cast<std::size_t>(change)]),
        {{"change", std::string(to_string(change))}});
  }
  out.push_back(std::move(shadow));
  MetricFamily skipped =
      family("tallygate_shadow_skipped_total",
             "Decisions beside which the shadow policy was not asked: too many of the header lines it reads.",
             MetricType::Counter);
  add(skipped, number(counts.shadow_skipped));
  out.push_back(std::move(skipped));
}

void add_counts(std::vector<MetricFamily>& out, const access::Counts& counts) {
  const auto single = [&](std::string name, std::string help, MetricType type, double value) {
    MetricFamily one = family(std::move(name), std::move(help), type);
    add(one, value);
    out.push_back(std::move(one));
  };
  single("tallygate_connections_total", "Client connections accepted.", MetricType::Counter,
         number(counts.connections));
  single("tallygate_connections_open", "Client connections open now.", MetricType::Gauge,
         number(counts.connections_open));
  single("tallygate_connections_refused_total", "Client connections closed because a limit was reached.",
         MetricType::Counter, number(counts.connections_refused));
  single("tallygate_handshake_failures_total", "TLS handshakes that failed.", MetricType::Counter,
         number(counts.handshake_failures));
  single("tallygate_unrecorded_total", "Events whose receipt did not come; their requests were refused.",
         MetricType::Counter, number(counts.unrecorded));
  single("tallygate_overloaded_total",
         "Requests refused with 503: too many were under way, or memory was short.", MetricType::Counter,
         number(counts.overloaded));
  single("tallygate_too_soon_total",
         "Requests refused with 429: over the rate of their address, their principal or their route.",
         MetricType::Counter, number(counts.too_soon));
  single("tallygate_suppressed_total",
         "Refusals of a flood, counted in journal.suppress instead of recorded one by one.",
         MetricType::Counter, number(counts.suppressed));
  single("tallygate_ingested_total", "Records of enrolled writers that were taken.", MetricType::Counter,
         number(counts.ingested));
  single("tallygate_review_refusals_total", "Records and readers' tokens that the admin listener refused.",
         MetricType::Counter, number(counts.review_refusals));
  single("tallygate_faults_total", "Connections ended by an internal error.", MetricType::Counter,
         number(counts.faults));
  single("tallygate_config_reloads_total", "Configurations taken up after the first.", MetricType::Counter,
         number(counts.config_reloads));
  single("tallygate_config_rejects_total", "Configurations refused at a reload.", MetricType::Counter,
         number(counts.config_rejects));
}

void add_journal(std::vector<MetricFamily>& out, const tg_health& health) {
  static constexpr std::array<std::uint64_t, TG_COMMIT_BUCKETS - 1> bounds_us = TG_COMMIT_BOUNDS_US;
  const auto single = [&](std::string name, std::string help, MetricType type, double value) {
    MetricFamily one = family(std::move(name), std::move(help), type);
    add(one, value);
    out.push_back(std::move(one));
  };
  single("tallygate_journal_queued", "Events accepted and not yet durable.", MetricType::Gauge,
         static_cast<double>(health.queued));
  single("tallygate_journal_entries_total", "Entries made durable.", MetricType::Counter,
         static_cast<double>(health.entries));
  single("tallygate_journal_batches_total", "Commits; entries over commits is the mean batch.",
         MetricType::Counter, static_cast<double>(health.batches));
  single("tallygate_journal_failures_total", "Commits that failed.", MetricType::Counter,
         static_cast<double>(health.failures));
  single("tallygate_journal_newest_seq", "Sequence number of the newest durable entry.", MetricType::Gauge,
         static_cast<double>(health.newest_seq));
  out.push_back(histogram(
      "tallygate_journal_commit_seconds", "Duration of a commit: transaction, signature and head.",
      bounds_us.size(), [&](std::size_t at) { return health.commit_us[at]; },
      [&](std::size_t at) { return static_cast<double>(bounds_us[at]) / us_per_second; },
      static_cast<double>(health.commit_us_sum) / us_per_second));
}

void add_servers(std::vector<MetricFamily>& out, const MetricsView& view) {
  MetricFamily up =
      family("tallygate_upstream_up",
             "1 unless the server is passed over: it failed, or its health checks do.", MetricType::Gauge);
  MetricFamily active = family("tallygate_upstream_active", "Requests under way.", MetricType::Gauge);
  MetricFamily connects =
      family("tallygate_upstream_connects_total", "Connections made.", MetricType::Counter);
  MetricFamily failures = family("tallygate_upstream_connect_failures_total",
                                 "Connections that could not be made.", MetricType::Counter);
  MetricFamily healthy = family("tallygate_upstream_healthy",
                                "1 if health checks say so; absent where there are none.", MetricType::Gauge);
  MetricFamily retries =
      family("tallygate_upstream_retries_total",
             "Requests that the server got because another one did not answer.", MetricType::Counter);
  MetricFamily refused =
      family("tallygate_upstream_refused_total",
             "Requests refused with 503 because the server had enough to do.", MetricType::Counter);
  const auto now = net::Clock::now();
  for (const auto& server : view.servers) {
    const Labels labels{{"server", server->name}};
    const bool is_healthy = server->healthy.load(std::memory_order_relaxed);
    add(up, server->down(now) || !is_healthy ? 0 : 1, labels);
    if (server->checked.load(std::memory_order_relaxed)) {
      add(healthy, is_healthy ? 1 : 0, labels);
    }
    add(retries, number(server->retries), labels);
    add(refused, number(server->refused), labels);
    add(active, number(server->active), labels);
    add(connects, number(server->connects), labels);
    add(failures, number(server->connect_failures), labels);
  }
  MetricFamily expiry = family("tallygate_certificate_expiry_timestamp_seconds",
                               "When a certificate that is served ends.", MetricType::Gauge);
  for (const auto& certificate : view.certificates) {
    const auto at = std::chrono::duration_cast<std::chrono::seconds>(certificate.expires.time_since_epoch());
    add(expiry, static_cast<double>(at.count()), {{"file", certificate.file}});
  }
  MetricFamily staples = family("tallygate_ocsp_response_expiry_timestamp_seconds",
                                "When the OCSP response of a certificate ends, which is not handed out then.",
                                MetricType::Gauge);
  for (const auto& certificate : view.certificates) {
    if (certificate.staple_expires) {
      const auto at =
          std::chrono::duration_cast<std::chrono::seconds>(certificate.staple_expires->time_since_epoch());
      add(staples, static_cast<double>(at.count()), {{"file", certificate.file}});
    }
  }
  for (MetricFamily* one :
       {&up, &healthy, &active, &connects, &failures, &retries, &refused, &expiry, &staples}) {
    out.push_back(std::move(*one));
  }
}

/// OpenMetrics differs in two things that matter: a counter's family is named without `_total`, and the page
/// says where it ends.
std::string to_open_metrics(const std::string& text) {
  std::string out;
  for (std::size_t begin = 0; begin < text.size();) {
    std::size_t end = text.find('\n', begin);
    if (end == std::string::npos) {
      end = text.size();
    }
    std::string line = text.substr(begin, end - begin);
    if (line.starts_with("# ")) {
      const std::size_t name_end = line.find(' ', line.find(' ', 2) + 1);
      constexpr std::string_view suffix = "_total";
      if (name_end != std::string::npos && line.substr(0, name_end).ends_with(suffix)) {
        line.erase(name_end - suffix.size(), suffix.size());
      }
    }
    out.append(line).append("\n");
    begin = end + 1;
  }
  return out + "# EOF\n";
}

}  // namespace

std::string metrics_text(const MetricsView& view, bool open_metrics) {
  std::vector<MetricFamily> families;
  MetricFamily build =
      family("tallygate_build_info", "Always 1; the version is the label.", MetricType::Gauge);
  add(build, 1, {{"version", TALLYGATE_VERSION}});
  families.push_back(std::move(build));
  MetricFamily ready = family("tallygate_ready", "1 if requests are served.", MetricType::Gauge);
  add(ready, view.ready ? 1 : 0);
  families.push_back(std::move(ready));
  MetricFamily sessions = family("tallygate_sessions", "Sessions alive.", MetricType::Gauge);
  add(sessions, static_cast<double>(view.sessions));
  families.push_back(std::move(sessions));
  add_requests(families, *view.counts);
  add_shadow(families, *view.counts);
  add_counts(families, *view.counts);
  if (view.journal != nullptr) {
    add_journal(families, *view.journal);
  }
  add_servers(families, view);
  const std::string text = prometheus::TextSerializer().Serialize(families);
  return open_metrics ? to_open_metrics(text) : text;
}

}  // namespace tallygate::review
