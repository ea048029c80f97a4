#pragma once
/// The gateway's counters as a page for Prometheus.
#include "gateway/access/metrics.hpp"
#include "gateway/net/tls_context.hpp"
#include "gateway/upstream/pool.hpp"
#include <tallygate/plugin.h>

#include <memory>
#include <string>
#include <vector>

namespace tallygate::review {

/// Everything that is measured, gathered at one moment.
struct MetricsView {
  const access::Counts* counts = nullptr;
  const tg_health* journal = nullptr;  ///< null: no plugin is open
  std::vector<std::shared_ptr<upstream::ServerState>> servers;
  std::vector<net::ServedCertificate> certificates;
  std::uint64_t sessions = 0;
  bool ready = false;
};

/// The page. `open_metrics`: OpenMetrics 1.0 text, else the Prometheus text format 0.0.4.
[[nodiscard]] std::string metrics_text(const MetricsView& view, bool open_metrics);

}  // namespace tallygate::review
