// What a retirement destroys besides bodies: keys of people without a name, under which nothing is left.

#include "audit/custody/custodian.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>

#include <optional>
#include <utility>

namespace tallygate::audit {
namespace {

namespace json = boost::json;

}  // namespace

// The keyring is read beside its writer, and closed again before anything is done.
Result<Unsealer> Custodian::open_keyring() const {
  std::filesystem::path keyring;
  KekSource kek;
  const auto asked = perform_([&](Journal& journal) -> Result<std::string> {
    keyring = journal.options().keyring;
    kek = journal.options().kek;
    return std::string();
  });
  return asked ? Unsealer::open(keyring, kek) : asked.error();
}

Result<KeyDestruction> Custodian::prepare_destruction(std::span<const std::string> uuids) const {
  std::filesystem::path keyring;
  const auto asked = perform_([&](Journal& journal) -> Result<std::string> {
    keyring = journal.options().keyring;
    return std::string();
  });
  return asked ? KeyDestruction::prepare(keyring, uuids, stop_) : asked.error();
}

// Has it said that the bodies of a segment go, and with them the keys that open nothing then. Most of the
// record is read before it is the writer's turn; in the act itself only what came meanwhile, so that nothing
// is recorded under a key between that look and its end. A crash on the way is settled as an erasure's is.
Result<json::object> Custodian::record_retirement(Order order, std::uint64_t first,
                                                  const json::object& request, const std::string& by) {
  if (order.granted) {
    if (auto allowed = allow(order, request); !allowed) {
      return allowed.error();
    }
  }
  order.members["by"] = json::parse(by);
  const bool archived = order.members.contains("archive");  // it is to be read later, all of it
  std::optional<Unsealer> keyring;
  if (!archived) {
    auto opened = open_keyring();
    auto known = opened ? anonymous_.follow(journal_, retention_, *opened, stop_) : opened.error();
    if (!known) {
      return known.error();
    }
    keyring.emplace(std::move(*opened));
  }
  // What is found then is nearly always what is found in the act; all the same is right in any case.
  const auto likely = keyring ? anonymous_.spent(retention_, first) : std::vector<std::string>();
  std::optional<KeyDestruction> destruction;
  if (!likely.empty()) {
    auto prepared = prepare_destruction(likely);
    if (!prepared) {
      return prepared.error();
    }
    destruction.emplace(std::move(*prepared));
  }
  const auto seq = perform([&](Journal& journal) -> Result<std::string> {
    if (!keyring) {
      return retire_now(journal, order, {}, nullptr);
    }
    auto known = anonymous_.follow(journal_, retention_, *keyring, {});
    return known ? retire_now(journal, order, anonymous_.spent(retention_, first),
                              destruction ? destruction->prepared() : nullptr)
                 : known.error();
  });
  if (!seq) {
    return seq.error();
  }
  if (auto finished = destruction ? destruction->finish() : Result<void>(); !finished) {
    return finished.error();
  }
  return json::object{{"seq", std::stoull(*seq)}};
}

Result<std::string> Custodian::retire_now(Journal& journal, const Order& order,
                                          const std::vector<std::string>& spent,
                                          const KeyringWithout* prepared) const {
  if (spent.empty()) {
    return append_object(journal, order.kind, order.members);
  }
  json::object members = order.members;
  members["erased"] = json::array(spent.begin(), spent.end());
  Result<void> begun;
  for (std::size_t i = 0; begun && i < spent.size(); ++i) {
    begun = journal.begin_erasure(spent[i]);
  }
  // Before the entry: where its acknowledgement fails nobody here learns that it is on record after all.
  for (std::size_t i = 0; begun && forget_ && i < spent.size(); ++i) {
    forget_(spent[i]);
  }
  auto seq = begun ? append_object(journal, order.kind, members) : Result<std::string>(begun.error());
  if (!seq && !journal.good()) {
    return seq;  // whether it is on record shows when the journal is opened again
  }
  if (auto settled = journal.settle_erasures(prepared); !settled) {
    return settled.error();
  }
  return seq;
}

}  // namespace tallygate::audit
