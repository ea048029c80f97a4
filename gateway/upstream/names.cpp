#include "gateway/upstream/names.hpp"

#include <utility>

namespace tallygate::upstream {
namespace {

using boost::asio::ip::tcp;

/// One question to the system. The resolver outlives whoever asked: the system cannot be interrupted, only
/// left. A question that has not begun need not be: it would keep the next ones waiting.
class SystemQuestion final : public Names::Question {
 public:
  explicit SystemQuestion(std::shared_ptr<tcp::resolver> resolver) : resolver_(std::move(resolver)) {}
  SystemQuestion(const SystemQuestion&) = delete;
  SystemQuestion& operator=(const SystemQuestion&) = delete;
  ~SystemQuestion() override { resolver_->cancel(); }

 private:
  std::shared_ptr<tcp::resolver> resolver_;
};

class SystemNames final : public Names {
 public:
  explicit SystemNames(boost::asio::io_context& io) : io_(io) {}

  std::unique_ptr<Question> ask(const std::string& host, std::uint16_t port, Found found) override {
    auto resolver = std::make_shared<tcp::resolver>(io_);
    resolver->async_resolve(host, std::to_string(port),
                            [resolver, found = std::move(found)](const net::error_code& error,
                                                                 const tcp::resolver::results_type& results) {
                              Endpoints endpoints;
                              for (const auto& entry : results) {
                                endpoints.push_back(entry.endpoint());
                              }
                              found(error, std::move(endpoints));
                            });
    return std::make_unique<SystemQuestion>(std::move(resolver));
  }

 private:
  boost::asio::io_context& io_;
};

}  // namespace

std::unique_ptr<Names> system_names(boost::asio::io_context& io) {
  return std::make_unique<SystemNames>(io);
}

}  // namespace tallygate::upstream
