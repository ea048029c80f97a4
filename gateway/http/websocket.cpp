#include "gateway/http/websocket.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <array>
#include <span>

namespace tallygate::http {
namespace {

std::string base64(std::span<const unsigned char> bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');  // the function ends its text with a NUL
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()), bytes.data(),
                                   static_cast<int>(bytes.size()));
  text.resize(static_cast<std::size_t>(size));
  return text;
}

}  // namespace

std::string make_websocket_key() {
  std::array<unsigned char, 16> nonce{};
  return RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) == 1 ? base64(nonce) : std::string();
}

std::string websocket_accept(std::string_view key) {
  const std::string text = std::string(key) + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (EVP_Digest(text.data(), text.size(), digest.data(), &size, EVP_sha1(), nullptr) != 1) {
    return {};
  }
  return base64(std::span<const unsigned char>(digest).first(size));
}

}  // namespace tallygate::http
