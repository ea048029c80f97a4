// PROXY headers: the same answer in whatever pieces they come, and never more taken than they have.
#include "gateway/access/proxy_header.hpp"

#include <cstdint>
#include <cstdlib>
#include <string_view>

namespace proxied = tallygate::access;

namespace {

std::size_t read(proxied::ProxyHeader& header, std::string_view bytes, std::size_t piece) {
  std::size_t taken = 0;
  while (header.state() == proxied::ProxyHeader::State::reading && taken < bytes.size()) {
    const std::size_t more = header.take(bytes.substr(taken, piece));
    if (more == 0 || more > piece) {
      std::abort();
    }
    taken += more;
  }
  return taken;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {  // NOLINT(readability-identifier-naming)
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  proxied::ProxyHeader whole;
  proxied::ProxyHeader by_bytes;
  const std::size_t taken = read(whole, bytes, size + 1);
  const std::size_t taken_by_bytes = read(by_bytes, bytes, 1);
  using State = proxied::ProxyHeader::State;
  if (whole.state() != by_bytes.state() || taken > proxied::proxy_header_bytes_max) {
    std::abort();
  }
  if (whole.state() == State::done &&
      (taken != taken_by_bytes || whole.names_client() != by_bytes.names_client() ||
       whole.address() != by_bytes.address() || whole.port() != by_bytes.port())) {
    std::abort();
  }
  return 0;
}
