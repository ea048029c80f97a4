// Which files a reload reads.
#include "gateway/settings.hpp"

namespace tallygate {
namespace {

class Files {
 public:
  void add(const std::filesystem::path& path) { paths_.push_back(path.string()); }
  void add(const std::optional<std::filesystem::path>& path) {
    if (path) {
      add(*path);
    }
  }
  void add(const std::vector<NamedFile>& files) {
    for (const NamedFile& file : files) {
      add(file.path);
    }
  }
  [[nodiscard]] std::vector<std::string> take() { return std::move(paths_); }

 private:
  std::vector<std::string> paths_;
};

void add_tls(const TlsSettings& tls, Files& files) {
  for (const CertificateSettings& certificate : tls.certificates) {
    files.add(certificate.cert);
    files.add(certificate.key);
    files.add(certificate.ocsp);
  }
  files.add(tls.client_ca);
  for (const HostTlsSettings& host : tls.hosts) {
    files.add(host.client_ca);
  }
}

void add_identity(const IdentitySettings& identity, Files& files) {
  for (const JwtSettings& jwt : identity.jwt) {
    files.add(jwt.jwks.file);
    files.add(jwt.jwks.ca);
  }
  files.add(identity.tokens);
  files.add(identity.users);
}

}  // namespace

std::vector<std::string> files_of(const Settings& settings) {
  Files files;
  files.add(settings.file);
  files.add(settings.policy);
  files.add(settings.shadow_policy);
  files.add(settings.policy_tests);
  add_tls(settings.tls, files);
  add_identity(settings.identity, files);
  for (const RouteSettings& route : settings.routes) {
    files.add(route.upstream_ca);
    if (route.upstream_certificate) {
      files.add(route.upstream_certificate->cert);
      files.add(route.upstream_certificate->key);
    }
  }
  return files.take();
}

}  // namespace tallygate
