#include "gateway/cli/keys_provision.hpp"

#include "audit/journal/pkcs11.hpp"
#include "gateway/cli/site_folder.hpp"

#include <fmt/format.h>

#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

namespace tallygate::cli {
namespace {

using audit::fail;
using audit::FailureKind;
using audit::Result;
namespace fs = std::filesystem;

constexpr std::uintmax_t pem_max = std::uintmax_t{64} * 1024;

/// Files, folders and keys on tokens that are removed again unless everything went well.
class Undo {
 public:
  Undo() = default;
  Undo(const Undo&) = delete;
  Undo& operator=(const Undo&) = delete;
  ~Undo() {
    for (auto path = made_.rbegin(); path != made_.rend(); ++path) {
      std::error_code ignored;  // the failure that led here is the one to report
      fs::remove(*path, ignored);
    }
    for (auto token = tokens_.rbegin(); token != tokens_.rend(); ++token) {
      // As above: what cannot be removed is left for a person to see.
      static_cast<void>(token->destroy());
    }
  }
  void add(fs::path path) { made_.push_back(std::move(path)); }
  void add(audit::Token token) { tokens_.push_back(std::move(token)); }
  void keep() noexcept {
    made_.clear();
    tokens_.clear();
  }

 private:
  std::vector<fs::path> made_;
  std::vector<audit::Token> tokens_;
};

Result<audit::Signer> open_key(const fs::path& path, const std::string& origin,
                               const std::string& passphrase) {
  std::error_code error;
  const auto size = fs::file_size(path, error);
  std::ifstream file(path, std::ios::binary);
  if (error || !file) {
    return fail(FailureKind::missing, fmt::format("{}: cannot read the provisioning key: {}", path.string(),
                                                  error ? error.message() : "permission denied"));
  }
  if (size > pem_max) {
    return fail(FailureKind::invalid, fmt::format("{}: this is no provisioning key", path.string()));
  }
  const std::string pem{std::istreambuf_iterator<char>(file), {}};
  auto signer = audit::Signer::from_pem(origin + "/root", pem, passphrase);
  if (!signer) {
    return fail(signer.error().kind, fmt::format("{}: {}", path.string(), signer.error().message));
  }
  return signer;
}

Result<void> write_key(const audit::Signer& root, const KeysProvisionRequest& request, Undo& undo) {
  const auto private_pem = root.private_pem(request.passphrase);
  const auto public_pem = root.public_pem();
  if (!private_pem || !public_pem) {
    return private_pem ? public_pem.error() : private_pem.error();
  }
  if (auto written = write_new_file(request.key, *private_pem, private_mode); !written) {
    return written;
  }
  undo.add(request.key);
  const fs::path public_path = public_key_path(request.key);
  if (auto written = write_new_file(public_path, *public_pem, public_mode); !written) {
    return written;
  }
  undo.add(public_path);
  return {};
}

/// Makes the folders of `file` that are missing.
Result<void> make_folders(const fs::path& file, Undo& undo) {
  std::vector<fs::path> missing;
  std::error_code error;
  for (fs::path folder = fs::absolute(file, error).parent_path(); !fs::exists(folder, error);
       folder = folder.parent_path()) {
    missing.push_back(folder);
  }
  for (auto folder = missing.rbegin(); folder != missing.rend(); ++folder) {
    if (!fs::create_directory(*folder, error)) {
      return fail(FailureKind::unreadable,
                  fmt::format("cannot create {}: {}", folder->string(), error.message()));
    }
    fs::permissions(*folder, fs::perms::owner_all, error);
    undo.add(*folder);
  }
  return {};
}

/// Makes the secret of a key-encryption key on a token, unless it is there.
Result<void> make_token_secret(const std::string& text, Undo& undo) {
  const auto uri = audit::parse_pkcs11_uri(text);
  if (!uri) {
    return uri.error();
  }
  const auto there = audit::load_kek({audit::KekSource::Kind::pkcs11, text});
  if (there || there.error().kind != FailureKind::missing) {
    return there ? Result<void>() : there.error();
  }
  auto token = audit::Token::open(*uri, audit::TokenUse::make);
  if (!token) {
    return token.error();
  }
  if (auto made = token->generate_secret(); !made) {
    return made;
  }
  undo.add(*std::move(token));
  return {};
}

Result<audit::Provisioned> make_journal(const audit::ProvisionOptions& options, const audit::Signer& root,
                                        Undo& undo) {
  for (const auto* file : {&options.head, &options.keyring, &options.journal}) {
    if (auto made = make_folders(*file, undo); !made) {
      return made.error();
    }
  }
  const fs::path kek = options.kek.name;
  if (options.kek.kind == audit::KekSource::Kind::file && !fs::exists(kek)) {
    if (auto made = make_folders(kek, undo); !made) {
      return made.error();
    }
    if (auto made = audit::create_kek_file(kek); !made) {
      return made.error();
    }
    undo.add(kek);
  }
  if (options.kek.kind == audit::KekSource::Kind::pkcs11) {
    if (auto made = make_token_secret(options.kek.name, undo); !made) {
      return made.error();
    }
  }
  return audit::provision(options, root);
}

/// The provisioning key on a token, made there if it is missing.
Result<audit::Signer> token_root(const KeysProvisionRequest& request, bool& made_key, Undo& undo) {
  const std::string name = request.origin + "/root";
  auto there = audit::open_token_signer(name, *request.token);
  if (there || there.error().kind != FailureKind::missing) {
    return there;
  }
  auto token = audit::Token::open(*request.token, audit::TokenUse::make);
  if (!token) {
    return token.error();
  }
  if (auto made = token->generate_ed25519(); !made) {
    return made.error();
  }
  made_key = true;
  undo.add(*std::move(token));
  return audit::open_token_signer(name, *request.token);
}

Result<void> write_public(const audit::Signer& root, const fs::path& path, Undo& undo) {
  const auto pem = root.public_pem();
  if (!pem) {
    return pem.error();
  }
  if (auto written = write_new_file(path, *pem, public_mode); !written) {
    return written;
  }
  undo.add(path);
  return {};
}

Result<audit::Signer> root_of(const KeysProvisionRequest& request, KeysProvisioned& result, Undo& undo) {
  if (request.token) {
    result.public_key = request.public_out;
    return token_root(request, result.made_key, undo);
  }
  result.public_key = public_key_path(request.key);
  result.made_key = request.make_key;
  return request.make_key ? audit::generate_root(request.origin)
                          : open_key(request.key, request.origin, request.passphrase);
}

}  // namespace

fs::path public_key_path(const fs::path& key) {
  fs::path path = key;
  if (path.extension() == ".pem") {
    path.replace_extension();
  }
  path += ".pub.pem";
  return path;
}

Result<KeysProvisioned> provision_keys(KeysProvisionRequest request) {
  if (auto good = audit::check_origin(request.origin); !good) {
    return good.error();
  }
  Undo undo;
  KeysProvisioned result;
  auto root = root_of(request, result, undo);
  if (!root) {
    return root.error();
  }
  if (request.token && !request.public_out.empty()) {
    if (auto written = write_public(*root, request.public_out, undo); !written) {
      return written.error();
    }
  } else if (!request.token && request.make_key) {
    if (auto written = write_key(*root, request, undo); !written) {
      return written.error();
    }
  }
  result.made.root = root->vkey();
  result.made.fingerprint = audit::fingerprint(root->public_key());
  if (request.journal) {
    request.journal->origin = request.origin;
    auto made = make_journal(*request.journal, *root, undo);
    if (!made) {
      return made.error();
    }
    result.made = *std::move(made);
  }
  undo.keep();
  return result;
}

}  // namespace tallygate::cli
