#include "tests/support/fake_plugin.hpp"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <string_view>

namespace tallygate::test {
namespace {

constexpr std::string_view config_prefix = R"({"fake":")";

std::string text(tg_bytes bytes) {
  return bytes.size == 0 ? std::string() : std::string(reinterpret_cast<const char*>(bytes.data), bytes.size);
}

tg_bytes bytes(const std::string& text) {
  return {.data = reinterpret_cast<const std::uint8_t*>(text.data()), .size = text.size()};
}

}  // namespace

FakePlugin::FakePlugin()
    : table_{.size = sizeof(tg_plugin),
             .abi = TALLYGATE_PLUGIN_ABI,
             .name = "fake",
             .version = "1",
             .open = &FakePlugin::open,
             .submit = &FakePlugin::submit,
             .health = &FakePlugin::health,
             .close = &FakePlugin::close} {}

std::string FakePlugin::config() const {
  return std::string(config_prefix) + std::to_string(reinterpret_cast<std::uintptr_t>(this)) + "\"}";
}

tg_status FakePlugin::open(const tg_host* /*host*/, tg_bytes config, void** self, char* error,
                           std::size_t error_size) {
  const std::string given = text(config);
  std::uintptr_t address = 0;
  if (!given.starts_with(config_prefix) ||
      std::from_chars(given.data() + config_prefix.size(), given.data() + given.size(), address).ec !=
          std::errc()) {
    std::strncpy(error, "the fake is opened with FakePlugin::config()", error_size - 1);
    return TG_INVALID;
  }
  *self = reinterpret_cast<void*>(address);  // NOLINT(performance-no-int-to-ptr)
  return TG_OK;
}

tg_receipt FakePlugin::next_receipt() {
  tg_receipt receipt{.size = sizeof(tg_receipt), .seq = seq_++, .leaf = {}};
  std::memcpy(receipt.leaf, &receipt.seq, sizeof(receipt.seq));
  return receipt;
}

void FakePlugin::submit(void* self, const tg_event* event, tg_done done, void* token) {
  auto& fake = *static_cast<FakePlugin*>(self);
  std::unique_lock lock(fake.mutex_);
  SeenEvent seen{.kind = text(event->kind),
                 .id = text(event->id),
                 .members = {},
                 .awaited = (event->flags & TG_EVENT_AWAITED) != 0};
  for (std::size_t i = 0; i < event->member_count; ++i) {
    seen.members.emplace(text(event->members[i].name), text(event->members[i].json));
  }
  fake.events_.push_back(std::move(seen));
  if (fake.answer_ == Answer::hold) {
    fake.held_.emplace_back(done, token);
    return;
  }
  if (fake.answer_ == Answer::refuse) {
    const tg_status status = fake.status_;
    const std::string reason = fake.reason_;
    lock.unlock();
    done(token, status, nullptr, bytes(reason));
    return;
  }
  const tg_receipt receipt = fake.next_receipt();
  lock.unlock();
  done(token, TG_OK, &receipt, {.data = nullptr, .size = 0});
}

void FakePlugin::health(void* self, tg_health* health) {
  auto& fake = *static_cast<FakePlugin*>(self);
  const std::scoped_lock lock(fake.mutex_);
  health->status = fake.status_;
  const std::size_t length = std::min(fake.reason_.size(), sizeof(health->reason) - 1);
  std::memcpy(health->reason, fake.reason_.data(), length);
  health->reason[length] = '\0';
  health->queued = fake.held_.size();
  health->entries = fake.seq_;
  health->batches = fake.seq_;
  health->newest_seq = fake.seq_ == 0 ? 0 : fake.seq_ - 1;
}

void FakePlugin::close(void* self) {
  auto& fake = *static_cast<FakePlugin*>(self);
  fake.release();
  const std::scoped_lock lock(fake.mutex_);
  fake.closed_ = true;
}

void FakePlugin::answer_at_once() {
  const std::scoped_lock lock(mutex_);
  answer_ = Answer::at_once;
  status_ = TG_OK;
  reason_.clear();
}

void FakePlugin::hold() {
  const std::scoped_lock lock(mutex_);
  answer_ = Answer::hold;
}

void FakePlugin::refuse_with(tg_status status, std::string reason) {
  const std::scoped_lock lock(mutex_);
  answer_ = Answer::refuse;
  status_ = status;
  reason_ = std::move(reason);
}

std::size_t FakePlugin::release() {
  std::unique_lock lock(mutex_);
  const std::vector<Held> held = std::exchange(held_, {});
  for (const auto& [done, token] : held) {
    const tg_receipt receipt = next_receipt();
    lock.unlock();
    done(token, TG_OK, &receipt, {.data = nullptr, .size = 0});
    lock.lock();
  }
  return held.size();
}

std::size_t FakePlugin::release_with(tg_status status, const std::string& reason) {
  std::unique_lock lock(mutex_);
  const std::vector<Held> held = std::exchange(held_, {});
  lock.unlock();
  for (const auto& [done, token] : held) {
    done(token, status, nullptr, bytes(reason));
  }
  return held.size();
}

std::vector<SeenEvent> FakePlugin::events() const {
  const std::scoped_lock lock(mutex_);
  return events_;
}

std::size_t FakePlugin::held() const {
  const std::scoped_lock lock(mutex_);
  return held_.size();
}

bool FakePlugin::closed() const {
  const std::scoped_lock lock(mutex_);
  return closed_;
}

}  // namespace tallygate::test
