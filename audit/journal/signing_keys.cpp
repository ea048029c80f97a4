#include "audit/journal/signing_keys.hpp"

#include "audit/journal/time_text.hpp"

#include <algorithm>

namespace tallygate::audit {
namespace {

constexpr std::size_t keys_max = 2;

}  // namespace

bool may_go_on(const Note& newest, std::span<const VerifyKey> keys) {
  const auto signers = verify_note(newest, keys);
  if (!signers || signers->empty()) {
    return false;
  }
  const auto last = std::find_if(newest.lines.rbegin(), newest.lines.rend(),
                                 [&keys](const auto& line) { return line.name == keys.front().name; });
  return std::any_of(keys.begin(), keys.end(),
                     [&last](const VerifyKey& key) { return key.id == last->id && key.name == last->name; });
}

Result<SigningKeys> SigningKeys::open(const std::filesystem::path& keyring, const KekSource& kek) {
  const auto key = load_kek(kek);
  if (!key) {
    return key.error();
  }
  auto opened = Keyring::open(keyring);
  if (!opened) {
    return opened.error();
  }
  auto keys = opened->load(*key);
  if (!keys) {
    return keys.error();
  }
  if (keys->size() > keys_max) {
    return fail(FailureKind::tampered, keyring.string() + ": it holds " + std::to_string(keys->size()) +
                                           " signing keys, at most two are ever kept");
  }
  return SigningKeys(std::move(*opened), kek, std::move(*keys));
}

std::vector<VerifyKey> SigningKeys::verify_keys() const {
  std::vector<VerifyKey> keys;
  keys.reserve(keys_.size());
  for (const KeptKey& key : keys_) {
    keys.push_back(key.signer.verify_key());
  }
  return keys;
}

bool SigningKeys::resolve(const Note& note) {
  const auto keys = verify_keys();
  const auto signers = verify_note(note, keys);
  const bool known = may_go_on(note, keys);
  current_ = known ? signers->back() : keys_.size() - 1;
  return known;
}

Result<std::string> SigningKeys::prepare(std::uint64_t first, Time now) {
  if (auto done = complete(); !done) {
    return done.error();
  }
  const auto kek = load_kek(kek_);
  if (!kek) {
    return kek.error();
  }
  auto next = Signer::generate(signer().name());
  if (!next) {
    return next.error();
  }
  KeptKey kept{std::move(*next), first, time_text(now)};
  if (auto added = keyring_.add(kept.signer, kept.first, kept.created, *kek); !added) {
    return added.error();
  }
  keys_.push_back(std::move(kept));
  return keys_.back().signer.vkey();
}

Result<std::string> SigningKeys::prepare_next(Time now) {
  const auto kek = load_kek(kek_);
  if (!kek) {
    return kek.error();
  }
  const auto next = Signer::generate(signer().name());
  if (!next) {
    return next.error();
  }
  if (auto kept = keyring_.keep_next(*next, time_text(now), *kek); !kept) {
    return kept.error();
  }
  return next->vkey();
}

Result<void> SigningKeys::take_next(const std::string& vkey, std::uint64_t first) {
  if (auto done = complete(); !done) {
    return done.error();
  }
  const auto kek = load_kek(kek_);
  if (!kek) {
    return kek.error();
  }
  if (auto taken = keyring_.take_next(vkey, first); !taken) {
    return taken.error();
  }
  auto keys = keyring_.load(*kek);
  if (!keys) {
    return keys.error();
  }
  const auto next = std::find_if(keys->begin(), keys->end(),
                                 [&vkey](const KeptKey& key) { return key.signer.vkey() == vkey; });
  if (next == keys->end()) {
    return fail(FailureKind::missing, "the keyring does not hold " + vkey);
  }
  keys_.push_back(std::move(*next));
  return {};
}

Result<std::string> SigningKeys::sign(std::uint64_t size, const Digest& root, Turn turn) const {
  const std::string text = checkpoint_text(signer().name(), size, root);
  std::string note = text + '\n';
  const std::size_t begin = turn == Turn::next ? keys_.size() - 1 : current_;
  const std::size_t end = turn == Turn::one ? current_ + 1 : keys_.size();
  for (std::size_t i = begin; i < end; ++i) {
    const auto signature = keys_[i].signer.sign(text);
    if (!signature) {
      return signature.error();
    }
    note += signature_line(keys_[i].signer.name(), keys_[i].signer.key_id(), *signature);
  }
  return note;
}

void SigningKeys::hand_over() {
  current_ = keys_.size() - 1;
}

Result<void> SigningKeys::complete() {
  if (!incomplete()) {
    return {};
  }
  if (auto destroyed = keyring_.keep_only(signer().vkey()); !destroyed) {
    return destroyed.error();
  }
  KeptKey kept = std::move(keys_[current_]);
  keys_.clear();
  keys_.push_back(std::move(kept));
  current_ = 0;
  return {};
}

}  // namespace tallygate::audit
