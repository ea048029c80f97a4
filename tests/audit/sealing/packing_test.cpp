// What is packed before it is sealed, and that it can be unpacked for ever.

#include "audit/sealing/packing.hpp"

#include "audit/journal/hash.hpp"
#include "audit/journal/note.hpp"

#include <gtest/gtest.h>
#include <zstd.h>

#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace tallygate::audit {
namespace {

constexpr std::string_view person =
    R"({"actor":{"claims":{"iss":"https://id.corp.example","preferred_username":"ada","roles":["reader"],"sub":"ada"},)"
    R"("email":"ada@corp.example","groups":["reader"],"issuer":"https://id.corp.example","method":"token","subject":"ada",)"
    R"("user":"ada"},"client":{"address":"127.0.0.1"}})";

TEST(Packing, WhatWasPackedComesBackByteByByte) {
  Packer packer;
  Unpacker unpacker;
  std::string all;
  for (int byte = 0; byte < 256; ++byte) {
    all.push_back(static_cast<char>(byte));
  }
  for (const std::string& text :
       {std::string(), std::string("{}"), std::string(person), all, std::string(packed_text_max, 'x')}) {
    const auto packed = packer.pack(text);
    ASSERT_TRUE(packed);
    EXPECT_EQ(unpacker.unpack(packing_zstd_1, *packed), text);
  }
}

TEST(Packing, LengthsComeInSteps) {
  Packer packer;
  for (const char* name :
       {"", "a", "mary.smith", "google.com", "anna.vogel@beispiel.example", "<>{}~~~^^^"}) {
    EXPECT_EQ(packer.pack(std::string(person) + name)->size() % packed_step, 0U) << name;
  }
}

TEST(Packing, IsTheSameTheSecondTimeAndAfterEverythingWasForgotten) {
  Packer packer;
  const auto packed = packer.pack(person);
  EXPECT_EQ(packer.pack(person), packed);
  packer.forget();
  EXPECT_EQ(packer.pack(person), packed);
}

TEST(Packing, TextsThatMeetInOnePlaceOfTheMemoryAreToldApart) {
  Packer packer;
  Unpacker unpacker;
  for (int round = 0; round < 2; ++round) {
    for (std::size_t i = 0; i < 3 * packings_remembered; ++i) {
      const std::string text = std::string(person) + std::to_string(i);
      ASSERT_EQ(unpacker.unpack(packing_zstd_1, packer.pack(text).value()), text);
    }
  }
}

TEST(Packing, APersonTakesHalfTheBytesAtMost) {
  const auto packed = Packer().pack(person);
  ASSERT_TRUE(packed);
  EXPECT_LE(packed->size(), person.size() / 2);
}

TEST(Packing, ItsDictionaryIsTheOneThatEntriesWerePackedWith) {
  EXPECT_EQ(to_hex(Sha256().digest(packing_dictionary())),
            "9cde4a2c12b9f0aae518ecbdd9ebf3ce5afaea25f27bac9e282b0389f5e095e3");
  // Packed when the dictionary was made.
  const auto packed = base64_decode(
      "KLUv/"
      "WARAMUCAOBpZC5jb3JwYWRhcmVhZGFkYWFkYUAxMjcxIn19FQDhpjAJtAIMwh81sDwGA8uDHCkAYh4QrAlfIZQuDLLoiN64cTeO9I0"
      "bvUlIKhfoQZjBSnhbCHnxAgIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=");
  ASSERT_TRUE(packed);
  EXPECT_EQ(Unpacker().unpack(packing_zstd_1, *packed), person);
}

TEST(Packing, LongerTextsAreNeitherPackedNorUnpacked) {
  EXPECT_FALSE(Packer().pack(std::string(packed_text_max + 1, 'x')));
  const std::string longer(packed_text_max + 1, 'x');
  std::vector<std::uint8_t> bomb(ZSTD_compressBound(longer.size()));
  bomb.resize(ZSTD_compress(bomb.data(), bomb.size(), longer.data(), longer.size(), 1));
  bomb.resize((bomb.size() + packed_step - 1) / packed_step * packed_step);
  EXPECT_FALSE(Unpacker().unpack(packing_zstd_1, bomb));
}

TEST(Packing, WhatIsNoFrameIsNotUnpacked) {
  Unpacker unpacker;
  const auto packed = Packer().pack(person).value();
  EXPECT_FALSE(unpacker.unpack(packing_zstd_1, {}));
  for (std::size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(unpacker.unpack(packing_zstd_1, std::span(packed).first(size))) << size;
  }
  auto more = packed;
  more.resize(more.size() + packed_step);
  EXPECT_FALSE(unpacker.unpack(packing_zstd_1, more)) << "more zeros than it takes";
  auto filled = packed;
  filled.back() = 1;
  EXPECT_FALSE(unpacker.unpack(packing_zstd_1, filled)) << "filled with something";
  auto twice = packed;
  twice.insert(twice.end(), packed.begin(), packed.end());
  EXPECT_FALSE(unpacker.unpack(packing_zstd_1, twice));
  EXPECT_FALSE(unpacker.unpack(2, packed)) << "a packing of a later version";
  EXPECT_EQ(unpacker.unpack(packing_zstd_1, packed), person) << "what failed before it leaves nothing behind";
}

TEST(Packing, ThreadsPackAtOnce) {
  Packer packer;
  std::vector<std::jthread> threads;
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&packer, thread] {
      Unpacker unpacker;
      for (int i = 0; i < 200; ++i) {
        const std::string text = std::string(person) + std::to_string(thread * 1000 + i);
        EXPECT_EQ(unpacker.unpack(packing_zstd_1, packer.pack(text).value()), text);
      }
    });
  }
}

}  // namespace
}  // namespace tallygate::audit
