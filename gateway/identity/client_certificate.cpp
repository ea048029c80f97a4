#include "gateway/identity/client_certificate.hpp"

#include "gateway/identity/canonical_json.hpp"
#include "gateway/identity/crypto.hpp"
#include "gateway/identity/encoding.hpp"

#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <ctime>
#include <mutex>
#include <unordered_map>

namespace tallygate::identity {
namespace {

constexpr std::size_t max_certificate_name_bytes = 1'024;

struct X509Free {
  void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
  void operator()(BIO* bio) const noexcept { BIO_free(bio); }
};

/// The bytes as the certificate has them, with their own length: a NUL inside ends nothing.
std::string_view bytes_of(const ASN1_STRING* text) noexcept {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

bool is_visible_ascii(std::string_view text) noexcept {
  return !text.empty() && text.size() <= max_certificate_name_bytes &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c <= '~'; });
}

std::string lower(std::string_view text) {
  std::string folded(text);
  std::ranges::transform(folded, folded.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return folded;
}

bool is_host_byte(char c) noexcept {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::optional<std::string> usable_uri(std::string_view text) {
  const std::size_t colon = text.find(':');
  const bool usable =
      is_visible_ascii(text) && colon != std::string_view::npos && colon > 0 && colon + 1 < text.size();
  return usable ? std::optional<std::string>(text) : std::nullopt;
}

/// A host's name, never a pattern: whoever shows it claims to be that one host.
std::optional<std::string> usable_dns(std::string_view text) {
  std::string name = lower(text);
  const bool usable = is_visible_ascii(text) && std::ranges::all_of(name, is_host_byte) &&
                      name.front() != '.' && name.find("..") == std::string::npos;
  return usable ? std::optional(std::move(name)) : std::nullopt;
}

/// Exactly one `@`; the host's part in lower case, the other as it is.
std::optional<std::string> usable_email(std::string_view text) {
  const std::size_t at = text.find('@');
  if (!is_visible_ascii(text) || at == std::string_view::npos || at == 0) {
    return std::nullopt;
  }
  const auto host = usable_dns(text.substr(at + 1));
  return host ? std::optional(std::string(text.substr(0, at + 1)) + *host) : std::nullopt;
}

std::optional<std::string> usable_common_name(std::string_view text) {
  const bool usable =
      !text.empty() && text.size() <= max_certificate_name_bytes && is_utf8(text) &&
      std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7F'; });
  return usable ? std::optional<std::string>(text) : std::nullopt;
}

std::string rfc2253(const X509_NAME* name) {
  const std::unique_ptr<BIO, X509Free> bio(BIO_new(BIO_s_mem()));
  if (!bio || X509_NAME_print_ex(bio.get(), name, 0, XN_FLAG_RFC2253) < 0) {
    return {};
  }
  char* data = nullptr;
  const auto size = BIO_get_mem_data(bio.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

TimePoint time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) {
    return {};
  }
  const std::chrono::year_month_day day{std::chrono::year{parts.tm_year + 1900},
                                        std::chrono::month{static_cast<unsigned>(parts.tm_mon + 1)},
                                        std::chrono::day{static_cast<unsigned>(parts.tm_mday)}};
  // "No end" is written as the year 9999, which the clock's type cannot hold.
  constexpr std::chrono::year last_year{2200};
  const auto date = std::chrono::sys_days{
      std::min(day, std::chrono::year_month_day{last_year, std::chrono::January, std::chrono::day{1}})};
  return TimePoint{date} + std::chrono::hours{parts.tm_hour} + std::chrono::minutes{parts.tm_min} +
         std::chrono::seconds{parts.tm_sec};
}

}  // namespace

std::string_view name_of(CertificateNameKind kind) noexcept {
  switch (kind) {
    case CertificateNameKind::san_uri:
      return "san_uri";
    case CertificateNameKind::san_dns:
      return "san_dns";
    case CertificateNameKind::san_email:
      return "san_email";
    case CertificateNameKind::subject_cn:
      return "subject_cn";
  }
  return {};
}

/// Fills a ClientCertificate.
class CertificateReader {
 public:
  explicit CertificateReader(ClientCertificate& out) : out_(out) {}

  void read(const X509& certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned size = 0;
    if (X509_digest(&certificate, EVP_sha256(), digest.data(), &size) == 1) {
      out_.fingerprint_ = hex_encode(as_text(std::span(digest).first(size)));
    }
    out_.issuer_ = rfc2253(X509_get_issuer_name(&certificate));
    out_.not_after_ = time_of(X509_get0_notAfter(&certificate));
    read_alternative_names(certificate);
    read_common_names(*X509_get_subject_name(&certificate));
  }

 private:
  void add(CertificateNameKind kind, std::optional<std::string> name) {
    ClientCertificate::Names& names = out_.names_[static_cast<std::size_t>(kind)];
    if (name) {
      names.usable.push_back(std::move(*name));
    } else {
      ++names.unusable;
    }
  }

  void read_alternative_names(const X509& certificate) {
    const std::unique_ptr<GENERAL_NAMES, X509Free> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(&certificate, NID_subject_alt_name, nullptr, nullptr)));
    for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
      int type = 0;
      const void* value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type);
      const auto* text = static_cast<const ASN1_STRING*>(value);
      switch (type) {
        case GEN_URI:
          add(CertificateNameKind::san_uri, usable_uri(bytes_of(text)));
          break;
        case GEN_DNS:
          add(CertificateNameKind::san_dns, usable_dns(bytes_of(text)));
          break;
        case GEN_EMAIL:
          add(CertificateNameKind::san_email, usable_email(bytes_of(text)));
          break;
        default:
          break;
      }
    }
  }

  void read_common_names(const X509_NAME& subject) {
    for (int at = X509_NAME_get_index_by_NID(&subject, NID_commonName, -1); at >= 0;
         at = X509_NAME_get_index_by_NID(&subject, NID_commonName, at)) {
      unsigned char* utf8 = nullptr;
      const int size =
          ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(&subject, at)));
      if (size < 0) {
        add(CertificateNameKind::subject_cn, std::nullopt);
        continue;
      }
      add(CertificateNameKind::subject_cn,
          usable_common_name({reinterpret_cast<const char*>(utf8), static_cast<std::size_t>(size)}));
      OPENSSL_free(utf8);
    }
  }

  ClientCertificate& out_;
};

ClientCertificate ClientCertificate::read(const X509& certificate) {
  ClientCertificate out;
  CertificateReader(out).read(certificate);
  return out;
}

const std::vector<std::string>& ClientCertificate::names(CertificateNameKind kind) const noexcept {
  return names_[static_cast<std::size_t>(kind)].usable;
}

std::size_t ClientCertificate::unusable(CertificateNameKind kind) const noexcept {
  return names_[static_cast<std::size_t>(kind)].unusable;
}

/// Identities by fingerprint, so that each request of a connection finds the same one. Emptied when full,
/// which costs each certificate one small computation.
class CertificateAuthenticator::Cache {
 public:
  static constexpr std::size_t max_entries = 16'384;

  [[nodiscard]] IdentityPtr find(const std::string& fingerprint) {
    const std::scoped_lock lock(mutex_);
    const auto at = by_fingerprint_.find(fingerprint);
    return at == by_fingerprint_.end() ? nullptr : at->second;
  }
  void put(const std::string& fingerprint, IdentityPtr identity) {
    const std::scoped_lock lock(mutex_);
    if (by_fingerprint_.size() >= max_entries) {
      by_fingerprint_.clear();
    }
    by_fingerprint_[fingerprint] = std::move(identity);
  }

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, IdentityPtr> by_fingerprint_;  // guarded by mutex_
};

CertificateAuthenticator::CertificateAuthenticator(CertificateNameKind subject_from)
    : subject_from_(subject_from), cache_(std::make_unique<Cache>()) {}

CertificateAuthenticator::~CertificateAuthenticator() = default;

std::size_t CertificateAuthenticator::presents(const http::RequestHead& /*head*/,
                                               const Peer& peer) const noexcept {
  return peer.certificate != nullptr ? 1 : 0;
}

Outcome CertificateAuthenticator::judge(const Peer& peer, TimePoint now) {
  const ClientCertificate& certificate = *peer.certificate;
  if (now >= certificate.not_after()) {
    return Reject{RejectCode::certificate_expired,
                  "the client certificate has expired since the connection began"};
  }
  if (IdentityPtr known = cache_->find(certificate.fingerprint())) {
    return Outcome{std::move(known)};
  }
  const auto& names = certificate.names(subject_from_);
  if (names.size() != 1 || certificate.unusable(subject_from_) != 0) {
    return Reject{RejectCode::certificate_name,
                  "the client certificate must have exactly one usable name of type " +
                      std::string(name_of(subject_from_)) + "; it has " + std::to_string(names.size()) +
                      ", and " + std::to_string(certificate.unusable(subject_from_)) + " unusable"};
  }
  IdentityFacts facts;
  facts.method = Method::mtls;
  facts.credential = Credential::client_certificate;
  facts.subject = names.front();
  facts.user = names.front();
  if (subject_from_ == CertificateNameKind::san_email) {
    facts.email = names.front();
  }
  facts.issuer = certificate.issuer();
  facts.expires = certificate.not_after();
  IdentityPtr identity = make_identity(std::move(facts));
  cache_->put(certificate.fingerprint(), identity);
  return Outcome{std::move(identity)};
}

std::optional<Outcome> CertificateAuthenticator::try_authenticate(const http::RequestHead& /*head*/,
                                                                  const Peer& peer, TimePoint now) {
  return judge(peer, now);
}

boost::asio::awaitable<Outcome> CertificateAuthenticator::authenticate(const http::RequestHead& /*head*/,
                                                                       const Peer& peer, TimePoint now) {
  co_return judge(peer, now);
}

}  // namespace tallygate::identity
