#include "audit/proof/leaf_lanes.hpp"

#include <stdexcept>

#ifdef TALLYGATE_IPSEC_MB
// Its older names are macros, and collide with OpenSSL's functions.
#define NO_COMPAT_IMB_API_053
#include <intel-ipsec-mb.h>
#endif

namespace tallygate::audit {
namespace {

// As many as wait for each other: a lane that has run empty idles until the longest of the last ones is done.
constexpr std::size_t together_max = 64;
// The library takes jobs of up to 65,534 bytes. Few entries are longer (journal.md §2); what claims to be one
// may be.
constexpr std::size_t lane_bytes_max = 65'534;
constexpr std::size_t checked_bytes_max = 192;

}  // namespace

LeafLanes::~LeafLanes() = default;
LeafLanes::LeafLanes(LeafLanes&&) noexcept = default;
LeafLanes& LeafLanes::operator=(LeafLanes&&) noexcept = default;

#ifdef TALLYGATE_IPSEC_MB

void LeafLanes::FreeManager::operator()(IMB_MGR* manager) const noexcept {
  free_mb_mgr(manager);
}

LeafLanes::LeafLanes() : manager_(alloc_mb_mgr(0)) {
  if (!manager_) {
    throw std::runtime_error("no memory for hashing side by side");
  }
  IMB_ARCH architecture = IMB_ARCH_NONE;
  init_mb_mgr_auto(manager_.get(), &architecture);
  if (imb_get_errno(manager_.get()) != 0) {
    // A processor without what the library asks for.
    manager_.reset();
  }
  pending_.reserve(together_max);
  check();
}

void LeafLanes::hash_together() {
  std::size_t done = 0;
  // A job that failed is not counted; all are flushed before anybody hears of it, so that the lanes hold
  // nothing.
  const auto count = [&done](const IMB_JOB* job) {
    done += job != nullptr && job->status == IMB_STATUS_COMPLETED ? 1 : 0;
    return job != nullptr;
  };
  for (const Pending& entry : pending_) {
    IMB_JOB* const job = IMB_GET_NEXT_JOB(manager_.get());
    *job = {};
    job->cipher_mode = IMB_CIPHER_NULL;
    job->cipher_direction = IMB_DIR_ENCRYPT;
    job->chain_order = IMB_ORDER_HASH_CIPHER;
    job->hash_alg = IMB_AUTH_SHA_256;
    job->src = reinterpret_cast<const std::uint8_t*>(bytes_.data()) + entry.offset;
    job->msg_len_to_hash_in_bytes = entry.bytes;
    job->auth_tag_output = entry.leaf->data();
    job->auth_tag_output_len_in_bytes = entry.leaf->size();
    // The library need not look again whether this is a job: all that it would look at stands right above.
    bool more = count(IMB_SUBMIT_JOB_NOCHECK(manager_.get()));
    while (more) {
      more = count(IMB_GET_COMPLETED_JOB(manager_.get()));
    }
  }
  while (count(IMB_FLUSH_JOB(manager_.get()))) {
  }
  if (done != pending_.size()) {
    for (const Pending& entry : pending_) {
      *entry.leaf = sha_.leaf(std::string_view(bytes_).substr(entry.offset + 1, entry.bytes - 1));
    }
  }
}

std::string_view LeafLanes::engine() const noexcept {
  return manager_ ? "ipsec-mb" : "openssl";
}

#else

void LeafLanes::FreeManager::operator()(IMB_MGR* /*manager*/) const noexcept {}

LeafLanes::LeafLanes() = default;

void LeafLanes::hash_together() {}

std::string_view LeafLanes::engine() const noexcept {
  return "openssl";
}

#endif

void LeafLanes::check() {
  const std::string body(checked_bytes_max, 'a');
  std::vector<Digest> leaves(body.size() + 1);
  for (std::size_t bytes = 0; bytes < leaves.size(); ++bytes) {
    add(std::string_view(body).substr(0, bytes), leaves[bytes]);
  }
  finish();
  for (std::size_t bytes = 0; bytes < leaves.size(); ++bytes) {
    if (leaves[bytes] != sha_.leaf(std::string_view(body).substr(0, bytes))) {
      throw std::runtime_error("the multi-buffer library and OpenSSL disagree on SHA-256");
    }
  }
}

void LeafLanes::add(std::string_view body, Digest& leaf) {
  if (!manager_ || body.size() + 1 > lane_bytes_max) {
    leaf = sha_.leaf(body);
    return;
  }
  pending_.push_back({bytes_.size(), body.size() + 1, &leaf});
  bytes_.push_back('\0');
  bytes_.append(body);
  if (pending_.size() == together_max) {
    finish();
  }
}

void LeafLanes::finish() {
  if (!pending_.empty()) {
    hash_together();
    drop();
  }
}

void LeafLanes::drop() noexcept {
  pending_.clear();
  bytes_.clear();
}

}  // namespace tallygate::audit
