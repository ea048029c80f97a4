// Frames from a server: nothing crashes, what is kept is bounded, and an answer that is let through has one
// reading only. The first byte says how the owner behaves and how the bytes come in pieces.
#include "gateway/http2/client_framing.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace tallygate;

void require(bool condition) {
  if (!condition) {
    std::abort();
  }
}

/// Asks for a few things, and takes what it is answered with sooner or later.
class Owner final : public http2::ClientEvents {
 public:
  explicit Owner(unsigned mode) : framing({}, *this, buffers_), mode_(mode) {}

  void on_answer(http2::ClientStream& stream) override {
    require(stream.arrived.readable().size() <= http2::stream_window);
    require(!stream.announced || stream.broken || stream.received <= *stream.announced);
    if (!stream.answered) {
      return;
    }
    const http::ResponseHead& head = stream.block.head();
    require(head.status >= 200 && head.status <= 999);
    for (const http::Field& line : head.fields.all()) {
      require(!line.name.empty() && std::all_of(line.name.begin(), line.name.end(), http::is_token_byte));
      require(line.value.find_first_of(std::string_view("\r\n\0", 3)) == std::string_view::npos);
    }
  }
  void on_sent(http2::ClientStream& /*stream*/) override {}
  void on_settings() override { ask_ = true; }
  void on_goaway() override { require(framing.room() == 0); }

  void work() {
    if (std::exchange(ask_, false)) {
      ask();
    }
    std::string out;
    framing.pull(out, std::size_t{64} * 1024);
    require(out.size() < std::size_t{1024} * 1024);
    std::erase_if(asked_, [this](http2::ClientStream* stream) {
      const std::size_t arrived = stream->arrived.readable().size();
      if ((mode_ & 1U) != 0) {
        stream->arrived.consume(arrived);
        framing.consume(*stream, arrived);
      }
      const bool over = stream->ended || stream->broken || !stream->open;
      if (over) {
        framing.release(*stream);
      }
      return over;
    });
  }
  void lose() {
    framing.lose();
    for (http2::ClientStream* stream : asked_) {
      framing.release(*stream);
    }
  }

 private:
  void ask() {
    for (int i = 0; i < 4; ++i) {
      http2::ClientStream* stream = framing.request(this, fields_, (mode_ & 2U) != 0, (mode_ & 4U) != 0);
      if (stream == nullptr) {
        return;
      }
      stream->sending = "hello";
      stream->last = &trailers_;
      framing.resume(*stream);
      asked_.push_back(stream);
    }
  }

  net::BufferPool buffers_{std::size_t{64} * 1024, 4};

 public:
  http2::ClientFraming framing;

 private:
  unsigned mode_;
  bool ask_ = false;
  std::vector<http2::ClientStream*> asked_;
  std::vector<http::Field> fields_{
      {":method", "GET"}, {":scheme", "http"}, {":path", "/"}, {":authority", "a"}};
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
  Owner owner(mode);
  net::Clock::time_point now{std::chrono::hours{1}};
  owner.work();
  require(owner.framing.feed(std::string_view("\0\0\0\4\0\0\0\0\0", 9), now));  // its SETTINGS
  owner.work();
  const std::string bytes(reinterpret_cast<const char*>(data + 1), size - 1);
  const std::size_t piece =
      (mode >> 4U) == 0 ? std::max<std::size_t>(bytes.size(), 1) : std::size_t{1} << (mode >> 4U);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const bool more = owner.framing.feed(std::string_view(bytes).substr(at, piece), now);
    owner.work();
    now += net::Milliseconds(1);
    if (!more) {
      break;
    }
  }
  owner.work();
  owner.lose();
  return 0;
}
