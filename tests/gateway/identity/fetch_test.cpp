#include "gateway/identity/fetch.hpp"

#include "tests/gateway/identity/support.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <atomic>
#include <functional>
#include <thread>

namespace tallygate::identity {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using testing::wait;

TEST(Urls, AreReadStrictly) {
  const auto url = parse_url("HTTPS://Id.Example.COM:8443/keys?x=1");
  ASSERT_TRUE(url);
  EXPECT_EQ(*url, (Url{true, "id.example.com", 8443, "/keys?x=1"}));
  EXPECT_EQ(*parse_url("http://[::1]"), (Url{false, "::1", 80, "/"}));
  EXPECT_EQ(*parse_url("https://a?b"), (Url{true, "a", 443, "/?b"}));
  for (const std::string_view bad : {"",
                                     "a",
                                     "//a",
                                     "ftp://a",
                                     "file:///etc/passwd",
                                     "https://",
                                     "https:///x",
                                     "https://u@a",
                                     "https://u:p@a/",
                                     "https://a:0/",
                                     "https://a:65536",
                                     "https://a:x",
                                     "https://a:",
                                     "https://a b",
                                     "https://a/#f",
                                     "https://a\\b",
                                     "https://[::1",
                                     "https://[x]/",
                                     "https://a/\xC3\xA9",
                                     "https://a/\r\nX: y",
                                     "https://a%00b",
                                     "javascript:alert(1)",
                                     " https://a"}) {
    EXPECT_FALSE(parse_url(bad)) << bad;
  }
}

TEST(Urls, ARedirectLeadsOnlyToHttpsOrStaysWhereItIs) {
  const Url from = *parse_url("https://id.example.com/a");
  EXPECT_EQ(follow(from, "/b?c")->target, "/b?c");
  EXPECT_EQ(follow(from, "https://other.example/")->host, "other.example");
  for (const std::string_view bad :
       {"", "b", "//evil.example", "http://id.example.com/", "file:///x", "gopher://x", "https://u@x"}) {
    EXPECT_FALSE(follow(from, bad)) << bad;
  }
}

TEST(FetchAddresses, MetadataAndOtherAddressesThatNobodyServesKeysAtAreForbidden) {
  for (const char* text : {"169.254.169.254",
                           "169.254.0.1",
                           "0.0.0.0",
                           "0.1.2.3",
                           "224.0.0.1",
                           "240.0.0.1",
                           "255.255.255.255",
                           "100.100.100.200",
                           "168.63.129.16",
                           "192.0.0.192",
                           "::",
                           "fe80::1",
                           "febf::1",
                           "fec0::1",
                           "ff02::1",
                           "fd00:ec2::254",
                           "fd20:ce::254",
                           "::ffff:169.254.169.254",
                           "64:ff9b::a9fe:a9fe",
                           "64:ff9b:1::a9fe:a9fe",
                           "2002:a9fe:a9fe::1",
                           "::169.254.169.254",
                           "2001:0:1:2::1",
                           "127.0.0.1",
                           "127.9.9.9",
                           "::1",
                           "64:ff9b::7f00:1",
                           "2002:7f00:1::"}) {
    EXPECT_TRUE(is_forbidden(*policy::parse_address(text), false)) << text;
  }
  for (const char* text : {"10.0.0.1", "192.168.1.1", "203.0.113.9", "2001:db8::1", "fd12::1",
                           "64:ff9b::cb00:7109", "100.100.100.201"}) {
    EXPECT_FALSE(is_forbidden(*policy::parse_address(text), false)) << text;
  }
  for (const char* text : {"127.0.0.1", "::1"}) {
    EXPECT_FALSE(is_forbidden(*policy::parse_address(text), true)) << text;
  }
  EXPECT_TRUE(is_forbidden(*policy::parse_address("169.254.169.254"), true));
  EXPECT_TRUE(is_forbidden(*policy::parse_address("64:ff9b::7f00:1"), true));
  EXPECT_TRUE(names_loopback("localhost"));
  EXPECT_TRUE(names_loopback("x.localhost"));
  EXPECT_TRUE(names_loopback("127.0.0.1"));
  EXPECT_FALSE(names_loopback("localhost.example.com"));
}

std::string answer(const std::string& status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + more +
         "\r\n" + body;
}

/// A server on loopback that answers each request by its target. With `tls` it shows a certificate for
/// `localhost`.
class Server {
 public:
  using Handler = std::function<std::string(const std::string& target)>;

  explicit Server(Handler handler, bool tls = false)
      : handler_(std::move(handler)),
        tls_(tls),
        acceptor_(io_, tcp::endpoint(asio::ip::make_address("127.0.0.1"), 0)) {
    if (tls_) {
      make_certificate();
    }
    port_ = acceptor_.local_endpoint().port();
    thread_ = std::thread([this] { serve(); });
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server() {
    stopping_ = true;
    asio::io_context io;
    tcp::socket wake(io);
    boost::system::error_code ignored;
    wake.connect(tcp::endpoint(asio::ip::make_address("127.0.0.1"), port_), ignored);
    thread_.join();
  }

  [[nodiscard]] std::string url(const std::string& target, const std::string& host = "127.0.0.1") const {
    return (tls_ ? "https://" : "http://") + host + ':' + std::to_string(port_) + target;
  }
  [[nodiscard]] const std::string& authority() const { return certificate_pem_; }
  [[nodiscard]] int requests() const { return requests_; }

 private:
  void make_certificate() {
    key_ = testing::SigningKey::make(Algorithm::es256, "tls");
    X509* certificate = X509_new();
    X509_set_version(certificate, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 7);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -3'600);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3'600);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("test"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    for (const auto& [nid, value] : {std::pair{NID_subject_alt_name, "DNS:localhost"},
                                     std::pair{NID_basic_constraints, "critical,CA:TRUE"}}) {
      X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value);
      X509_add_ext(certificate, extension, -1);
      X509_EXTENSION_free(extension);
    }
    X509_set_pubkey(certificate, key_.key());
    X509_sign(certificate, key_.key(), EVP_sha256());
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, certificate);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(bio, &data);
    certificate_pem_.assign(data, static_cast<std::size_t>(size));
    BIO_free(bio);
    SSL_CTX_use_certificate(context_.native_handle(), certificate);
    SSL_CTX_use_PrivateKey(context_.native_handle(), key_.key());
    X509_free(certificate);
  }

  template <class Stream>
  void answer_on(Stream& stream) {
    std::string text;
    boost::system::error_code error;
    asio::read_until(stream, asio::dynamic_buffer(text), "\r\n\r\n", error);
    if (error) {
      return;
    }
    ++requests_;
    const std::string target = text.substr(4, text.find(' ', 4) - 4);
    const std::string reply = handler_(target);
    if (reply.empty()) {  // say nothing until the client gives up
      char byte = 0;
      static_cast<void>(stream.read_some(asio::buffer(&byte, 1), error));
      return;
    }
    asio::write(stream, asio::buffer(reply), error);
  }

  void serve() {
    while (!stopping_) {
      boost::system::error_code error;
      tcp::socket socket(io_);
      acceptor_.accept(socket, error);
      if (error || stopping_) {
        continue;
      }
      if (!tls_) {
        answer_on(socket);
        continue;
      }
      asio::ssl::stream<tcp::socket> stream(std::move(socket), context_);
      stream.handshake(asio::ssl::stream_base::server, error);
      if (!error) {
        answer_on(stream);
      }
    }
  }

  Handler handler_;
  bool tls_;
  testing::SigningKey key_;
  std::string certificate_pem_;
  asio::io_context io_;
  asio::ssl::context context_{asio::ssl::context::tls_server};
  tcp::acceptor acceptor_;
  std::uint16_t port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<int> requests_{0};
  std::thread thread_;
};

FetchResult get(FetchRequest request) {
  return wait(fetch(std::move(request)));
}

std::string error_of(FetchRequest request) {
  const FetchResult result = get(std::move(request));
  return result ? "fetched: " + result->text : result.error().message;
}

TEST(Fetch, GivesTheDocumentAndFollowsAFewRedirects) {
  const Server server([](const std::string& target) {
    if (target == "/a") {
      return answer("302 Found", "", "Location: /b\r\n");
    }
    return target == "/b" ? answer("200 OK", "keys") : answer("302 Found", "", "Location: /again\r\n");
  });
  EXPECT_EQ(get({server.url("/a"), {}, {}})->text, "keys");
  EXPECT_NE(error_of({server.url("/loop"), {}, {}}).find("more than 3 redirects"), std::string::npos);
  EXPECT_EQ(server.requests(), 2 + 4);
}

TEST(Fetch, AnythingButAWholeSmall200IsAnError) {
  const Server server([](const std::string& target) -> std::string {
    if (target == "/404") {
      return answer("404 Not Found", "keys");
    }
    if (target == "/big") {
      return answer("200 OK", std::string(5'000, 'x'));
    }
    if (target == "/endless") {
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string("1388\r\n") +
             std::string(5'000, 'x') + "\r\n";
    }
    if (target == "/head") {
      return "HTTP/1.1 200 OK\r\nX: " + std::string(20'000, 'x') + "\r\n\r\n";
    }
    return target == "/cut" ? "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nkeys" : "SSH-2.0-OpenSSH\r\n\r\n";
  });
  FetchLimits limits;
  limits.bytes = 4'096;
  EXPECT_NE(error_of({server.url("/404"), {}, limits}).find("answered 404"), std::string::npos);
  for (const std::string target : {"/big", "/endless", "/head", "/cut", "/ssh"}) {
    EXPECT_FALSE(get({server.url(target), {}, limits})) << target;
  }
}

TEST(Fetch, AServerThatKeepsSilentIsGivenUp) {
  const Server server([](const std::string&) { return std::string{}; });
  FetchLimits limits;
  limits.time = std::chrono::milliseconds{50};
  EXPECT_NE(error_of({server.url("/"), {}, limits}).find("no answer within 50 ms"), std::string::npos);
}

TEST(Fetch, ARedirectCannotReachWhatTheOperatorDidNotName) {
  std::string location;
  const Server server(
      [&](const std::string&) { return answer("302 Found", "", "Location: " + location + "\r\n"); });
  for (const std::string target :
       {"http://169.254.169.254/latest/meta-data/", "https://169.254.169.254/", "https://[fe80::1]/",
        "http://10.0.0.1/", "file:///etc/passwd", "//evil.example/"}) {
    location = target;
    EXPECT_FALSE(get({server.url("/"), {}, {}})) << target;
  }
}

TEST(Fetch, PlainHttpAndMetadataAddressesAreRefusedBeforeAnythingIsSent) {
  EXPECT_NE(
      error_of({"http://id.example.com/keys", {}, {}}).find("plain http is only for a loopback address"),
      std::string::npos);
  EXPECT_NE(error_of({"https://169.254.169.254/keys", {}, {}}).find("where nothing may be fetched"),
            std::string::npos);
  EXPECT_NE(error_of({"https://[fd00:ec2::254]/keys", {}, {}}).find("where nothing may be fetched"),
            std::string::npos);
}

TEST(Fetch, OverTlsTheAuthorityAndTheNameMustFit) {
  const Server server([](const std::string&) { return answer("200 OK", "keys"); }, true);
  const testing::TempDir folder;
  const auto ca = folder.write("ca.pem", server.authority());
  EXPECT_EQ(error_of({server.url("/", "localhost"), ca, {}}), "fetched: keys");
  EXPECT_NE(error_of({server.url("/", "127.0.0.1"), ca, {}}).find("no trusted TLS connection"),
            std::string::npos)
      << "the certificate is not for that name";
  EXPECT_NE(error_of({server.url("/", "localhost"), {}, {}}).find("no trusted TLS connection"),
            std::string::npos)
      << "the system knows no such authority";
  EXPECT_NE(error_of({server.url("/", "localhost"), folder.path() / "missing.pem", {}}).find("authorities"),
            std::string::npos);
}

}  // namespace
}  // namespace tallygate::identity
