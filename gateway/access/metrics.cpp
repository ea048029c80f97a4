#include "gateway/access/metrics.hpp"

namespace tallygate::access {

std::shared_ptr<RouteCounts> Counts::route(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto& counts = routes_[name];
  if (!counts) {
    counts = std::make_shared<RouteCounts>();
    counts->route = name;
  }
  return counts;
}

std::vector<std::shared_ptr<RouteCounts>> Counts::routes() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::shared_ptr<RouteCounts>> all;
  all.reserve(routes_.size());
  for (const auto& [name, counts] : routes_) {
    all.push_back(counts);
  }
  return all;
}

}  // namespace tallygate::access
