#include "gateway/identity/jwks.hpp"

#include "gateway/identity/crypto.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <fstream>
#include <iterator>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;
using Timer = asio::steady_timer;

/// Whoever joins a fetch waits for it no longer than it can take, should the one who fetches be torn down.
constexpr std::chrono::seconds max_join{15};

FetchResult read_document(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    return FetchError{path.string() + ": cannot be opened"};
  }
  std::string text(max_jwks_bytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (file.bad()) {
    return FetchError{path.string() + ": cannot be read"};
  }
  text.resize(static_cast<std::size_t>(file.gcount()));
  return Document{std::move(text)};
}

}  // namespace

/// A fetch under way, and who waits for it.
struct Jwks::Flight {
  std::vector<std::shared_ptr<Timer>> waiters;
};

/// Whoever fetches. Ends the flight whatever happens, also when the coroutine is destroyed while it waits.
class Jwks::Pilot {
 public:
  explicit Pilot(Jwks& owner) : owner_(owner) {}
  Pilot(const Pilot&) = delete;
  Pilot& operator=(const Pilot&) = delete;
  ~Pilot() { take(); }

  void wake_waiters() {
    const auto flight = take();
    for (const auto& waiter : flight->waiters) {
      // On the waiter's own thread, since a timer belongs to one; an expiry in the past also ends a wait that
      // begins later.
      asio::post(waiter->get_executor(), [waiter] { waiter->expires_at(Timer::time_point::min()); });
    }
  }

 private:
  std::shared_ptr<Flight> take() {
    const std::scoped_lock lock(owner_.mutex_);
    return std::exchange(owner_.flight_, nullptr);
  }

  Jwks& owner_;
};

Jwks::Jwks(JwksLocation location, FetchFunction fetch_function)
    : location_(std::move(location)),
      name_(location_.file ? location_.file->string() : location_.url.value_or("")),
      fetch_(fetch_function ? std::move(fetch_function) : FetchFunction{&identity::fetch}) {}

boost::system::result<void, FetchError> Jwks::load_file(TimePoint now) {
  if (!location_.file) {
    return {};
  }
  accept(read_document(*location_.file), now);
  const std::string error = last_error();
  if (!error.empty()) {
    return FetchError{error};
  }
  return {};
}

std::shared_ptr<const KeySet> Jwks::current(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  const bool too_old = location_.url && fetched_ && now - *fetched_ > max_stale;
  return too_old ? nullptr : keys_;
}

bool Jwks::may_attempt(TimePoint now) const {
  const std::chrono::seconds pause = keys_ ? min_refetch : min_retry;
  return !attempted_ || now < *attempted_ || now - *attempted_ >= pause;
}

bool Jwks::may_refetch(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  return flight_ != nullptr || may_attempt(now);
}

bool Jwks::is_due(TimePoint now) const {
  const std::scoped_lock lock(mutex_);
  const bool old = !keys_ || !fetched_ || now < *fetched_ || now - *fetched_ >= location_.refresh;
  return old && flight_ == nullptr && may_attempt(now);
}

std::string Jwks::last_error() const {
  const std::scoped_lock lock(mutex_);
  return last_error_;
}

asio::awaitable<bool> Jwks::refresh(TimePoint now) {
  auto executor = co_await asio::this_coro::executor;
  auto waiter = std::make_shared<Timer>(executor, max_join);
  bool fetching = false;
  bool joined = false;
  {
    const std::scoped_lock lock(mutex_);
    if (flight_) {
      flight_->waiters.push_back(waiter);
      joined = true;
    } else if (may_attempt(now)) {
      flight_ = std::make_shared<Flight>();
      attempted_ = now;
      fetching = true;
    }
  }
  if (joined) {
    boost::system::error_code woken;
    co_await waiter->async_wait(asio::redirect_error(asio::use_awaitable, woken));
  }
  if (fetching) {
    Pilot pilot(*this);
    FetchResult document = co_await obtain();
    accept(std::move(document), now);
    pilot.wake_waiters();
  }
  const std::scoped_lock lock(mutex_);
  co_return keys_ != nullptr&& last_error_.empty();
}

asio::awaitable<FetchResult> Jwks::obtain() const {
  if (location_.file) {
    co_return read_document(*location_.file);
  }
  FetchRequest request;
  request.url = location_.url.value_or("");
  request.ca = location_.ca;
  request.limits.bytes = max_jwks_bytes;
  co_return co_await fetch_(std::move(request));
}

void Jwks::accept(FetchResult document, TimePoint now) {
  auto set =
      document ? parse_jwks(document->text) : boost::system::result<KeySet, FetchError>(document.error());
  const std::scoped_lock lock(mutex_);
  attempted_ = now;
  if (!set) {
    last_error_ = document ? name_ + ": " + set.error().message : set.error().message;
    if (location_.url && fetched_ && now - *fetched_ > max_stale && keys_) {
      keys_ = nullptr;
      source_digest_.clear();
      generation_.fetch_add(1, std::memory_order_acq_rel);
    }
    return;
  }
  last_error_.clear();
  fetched_ = now;
  const Digest digest = sha256(document->text);
  if (!keys_ || source_digest_ != as_text(digest)) {
    source_digest_ = as_text(digest);
    keys_ = std::make_shared<const KeySet>(std::move(*set));
    generation_.fetch_add(1, std::memory_order_acq_rel);
  }
}

}  // namespace tallygate::identity
