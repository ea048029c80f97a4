#pragma once
/// An OCSP response that is handed out with a certificate (RFC 6066 §8).
#include <boost/system/result.hpp>
#include <openssl/ssl.h>

#include <chrono>
#include <filesystem>
#include <string>

namespace tallygate::net {

/// Immutable once read.
struct Staple {
  std::chrono::system_clock::time_point expires;  ///< nextUpdate; it is not handed out afterwards
  std::string der;
};

/// Reads a DER file and holds it against the certificate chain of a context: it must be a successful answer
/// that says `good` of the leaf, whose issuer stands in the chain. Errors: a sentence that names the file.
[[nodiscard]] boost::system::result<Staple, std::string> read_staple(const std::filesystem::path& file,
                                                                     SSL_CTX& context);

/// Hands `staple` out to a client that asked, unless it has expired; OpenSSL's status callback returns this.
[[nodiscard]] int hand_out(const Staple& staple, SSL& ssl) noexcept;

}  // namespace tallygate::net
