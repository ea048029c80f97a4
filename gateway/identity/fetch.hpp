#pragma once
/// Fetching a small document from a URL that the operator configured, without letting the answer lead
/// anywhere else.
#include "policy/request/address.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/system/result.hpp>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

namespace tallygate::identity {

/// One sentence: what was asked for, what went wrong.
struct FetchError {
  std::string message;
};
[[noreturn]] void throw_exception_from_error(const FetchError& error, const boost::source_location& where);

/// An http or https URL taken apart.
struct Url {
  bool tls = true;
  std::string host;  ///< lower case, without brackets
  std::uint16_t port = 443;
  std::string target;  ///< path and query, at least `/`

  bool operator==(const Url&) const = default;
};

/// Reads `http[s]://host[:port][/path][?query]`. Errors: another scheme, userinfo, a fragment, a host or port
/// that is none, any byte outside visible ASCII.
[[nodiscard]] boost::system::result<Url, FetchError> parse_url(std::string_view text);

/// Where the `Location` of an answer from `from` leads. Absolute URLs and absolute paths only; never from
/// https to http.
[[nodiscard]] boost::system::result<Url, FetchError> follow(const Url& from, std::string_view location);

/// True for addresses that no fetch may reach: unspecified, multicast, reserved, link-local, cloud metadata
/// services, also where embedded in IPv6 translation prefixes; loopback unless `loopback` says that the
/// operator named it.
[[nodiscard]] bool is_forbidden(const policy::Address& address, bool loopback) noexcept;
/// True if the host is written as a loopback address, or is `localhost`.
[[nodiscard]] bool names_loopback(std::string_view host) noexcept;

struct FetchLimits {
  std::size_t bytes = std::size_t{256} * 1024;
  std::chrono::milliseconds time{10'000};  ///< for everything, redirects included
  unsigned redirects = 3;
};

/// What is wanted. `ca`: PEM file of the authorities to believe; default: the system's.
struct FetchRequest {
  std::string url;
  std::optional<std::filesystem::path> ca;
  FetchLimits limits;
};

/// What was fetched.
struct Document {
  std::string text;
};

using FetchResult = boost::system::result<Document, FetchError>;
/// How a document is fetched; tests put their own in.
using FetchFunction = std::function<boost::asio::awaitable<FetchResult>(FetchRequest)>;

/// GET over HTTP/1.1. The address is checked after the name is resolved and the connection goes to the
/// checked address; certificates are verified against the host's name. Plain http only to a host that names
/// loopback. Error: anything but 200, or a limit. Runs on the awaiting coroutine's executor.
[[nodiscard]] boost::asio::awaitable<FetchResult> fetch(FetchRequest request);

}  // namespace tallygate::identity
