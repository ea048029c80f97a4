#pragma once
/// `journal.suppress`: the entry that stands for refusals which were only counted.
#include "gateway/access/floods.hpp"
#include "gateway/access/record.hpp"

namespace tallygate::access {

/// Appends the entry's members: `accounts` and `accounts_more` (at whose logins it was aimed), `begins` (true
/// where a suppression begins: what follows of that source is only counted), `client` (one address, or a
/// network), `count`, `first`, `last`, `limit`, `overflow` (true instead of `client`: sources beyond the
/// table's room, together), `reasons` (each with `count`, `kind`, `reason`; they add up to `count`).
void append_suppressed(EventText& event, const Suppressed& sum);

}  // namespace tallygate::access
