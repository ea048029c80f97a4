#pragma once
// A table whose pages contradict each other: read in order it has other rows than where one of them is looked
// up.

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace tallygate::reference {

using Rows = std::vector<std::pair<std::uint64_t, std::string>>;

/// Gives the table `entry` of a segment two faces. Reading from its first row on shows `in_order`, and then a
/// row with an absurd seq; looking up any seq but 0 and 1 meets `looked_up`. No body may need an overflow
/// page.
void give_two_faces(const std::filesystem::path& segment, const Rows& in_order, const Rows& looked_up);

/// Puts a rollback journal beside a segment that puts back its pages as they are in `before`, and restores
/// the size.
void put_hot_journal(const std::filesystem::path& segment, const std::filesystem::path& before);

}  // namespace tallygate::reference
