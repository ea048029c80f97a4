// Frames from the open side of the network: nothing crashes, what is kept is bounded, and a head that is let
// through has one reading only. The first byte says how the owner behaves and how the bytes come in pieces.
#include "gateway/http2/framing.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace tallygate;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// Answers each request with a few bytes, sooner or later.
class Owner final : public http2::Events {
 public:
  explicit Owner(unsigned mode) : framing(limits(), *this, buffers_), mode_(mode) {}

  static http2::Limits limits() {
    http2::Limits limits;
    limits.streams = 8;
    return limits;
  }

  void on_request(http2::Stream& stream) override {
    stream.owner = this;
    const http::RequestRules& rules = stream.block.rules();
    if (rules.fault == http::HeadFault::none) {
      const http::RequestHead& head = stream.block.head();
      require(stream.block.readable() && head.fields.count(boost::beast::http::field::host) <= 1);
      require(head.target.starts_with('/') || head.target == "*");
      for (const http::Field& line : head.fields.all()) {
        require(!line.name.empty() && std::all_of(line.name.begin(), line.name.end(), http::is_token_byte));
        require(line.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
      }
    }
    waiting_.push_back(&stream);
  }
  void on_body(http2::Stream& stream) override {
    require(stream.arrived.readable().size() <= http2::stream_window);
    require(!stream.announced || stream.broken || stream.received <= *stream.announced);
  }
  void on_sent(http2::Stream& /*stream*/) override {}
  void on_reset(http2::Stream& /*stream*/) override {}
  void on_probe() override { framing.end(); }

  void work() {
    for (http2::Stream* stream : waiting_) {
      serve(*stream);
    }
    waiting_.clear();
    std::string out;
    framing.pull(out, std::size_t{64} * 1024);
    require(out.size() < std::size_t{1024} * 1024);
    std::erase_if(answered_, [this](http2::Stream* stream) {
      const bool over = stream->finished || !stream->open;
      if (over) {
        framing.release(*stream);
      }
      return over;
    });
    require(answered_.size() <= 64);
  }

 private:
  void serve(http2::Stream& stream) {
    const std::size_t arrived = stream.arrived.readable().size();
    if ((mode_ & 1U) != 0) {
      stream.arrived.consume(arrived);
      framing.consume(stream, arrived);
    }
    framing.respond(stream, fields_, 200, (mode_ & 2U) != 0);
    stream.sending = (mode_ & 2U) != 0 ? std::string_view() : std::string_view("hello");
    stream.last = &trailers_;
    framing.resume(stream);
    answered_.push_back(&stream);
  }

  net::BufferPool buffers_{std::size_t{64} * 1024, 4};

 public:
  http2::Framing framing;

 private:
  unsigned mode_;
  std::vector<http2::Stream*> waiting_;
  std::vector<http2::Stream*> answered_;
  std::vector<http::Field> fields_{{"Content-Type", "text/plain"}};
  http::Trailers trailers_{{"Sum", "1"}};
};

}  // namespace

// The name and signature are libFuzzer's.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  if (size == 0) {
    return 0;
  }
  const unsigned mode = data[0];
  std::string bytes("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  bytes.append(std::string("\0\0\0\4\0\0\0\0\0", 9));
  bytes.append(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece = (mode >> 4U) == 0 ? bytes.size() : std::size_t{1} << (mode >> 4U);
  Owner owner(mode);
  net::Clock::time_point now{std::chrono::hours{1}};
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const bool more = owner.framing.feed(std::string_view(bytes).substr(at, piece), now);
    owner.work();
    now += net::Milliseconds(1);
    if (!more) {
      break;
    }
  }
  owner.work();
  return 0;
}
