// AES-256-GCM by each of the two libraries that compute it.

#include "audit/journal/gcm.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <string>
#include <vector>

namespace tallygate::audit {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes hex(std::string_view text) {
  Bytes out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    out.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

template <std::size_t size>
std::array<std::uint8_t, size> array_of(const Bytes& bytes) {
  std::array<std::uint8_t, size> out{};
  std::copy_n(bytes.begin(), size, out.begin());
  return out;
}

// Those this machine can use: OpenSSL's works everywhere.
std::vector<GcmEngine> engines() {
  std::vector<GcmEngine> all = {GcmEngine::openssl};
  if (gcm_engine() == GcmEngine::sodium) {
    all.push_back(GcmEngine::sodium);
  }
  return all;
}

std::optional<Bytes> encrypt(GcmEngine engine, const AesKey::Bytes& key, const GcmIv& iv, const Bytes& text,
                             std::string_view associated) {
  Bytes out(text.size() + gcm_tag_size);
  return gcm_encrypt(engine, key, iv, text, associated, out) ? std::optional(out) : std::nullopt;
}

struct Known {
  const char* key;
  const char* iv;
  const char* text;
  const char* associated;
  const char* ct;
};

// Test cases 13 to 16 of the submission to NIST (McGrew and Viega, "The Galois/Counter Mode of Operation"):
// AES-256 with ivs of 96 bits.
constexpr const char* long_key = "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308";
constexpr const char* long_iv = "cafebabefacedbaddecaf888";
constexpr std::array<Known, 4> known = {{
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000", "", "",
     "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "00000000000000000000000000000000", "",
     "cea7403d4d606b6e074ec5d3baf39d18d0d1c8a799996bf0265b98b5d48ab919"},
    {long_key, long_iv,
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf"
     "5"
     "aa0de657ba637b391aafd255",
     "",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "3"
     "93ba7a0abcc9f662898015adb094dac5d93471bdec1a502270e3cc6c"},
    {long_key, long_iv,
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf"
     "5"
     "aa0de657ba637b39",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6"
     "3"
     "93ba7a0abcc9f66276fc6ece0f4e1768cddf8853bb2d551b"},
}};

TEST(Gcm, MakesAndOpensTheVectorsOfTheStandard) {
  for (const GcmEngine engine : engines()) {
    for (const Known& one : known) {
      const auto key = array_of<aes_key_size>(hex(one.key));
      const auto iv = array_of<gcm_iv_size>(hex(one.iv));
      const Bytes raw = hex(one.associated);
      const std::string associated(raw.begin(), raw.end());
      EXPECT_EQ(encrypt(engine, key, iv, hex(one.text), associated), hex(one.ct));
      EXPECT_EQ(gcm_decrypt(engine, key, iv, hex(one.ct), associated), hex(one.text));
    }
  }
}

TEST(Gcm, EachLibraryMakesTheSameBytesAndOpensWhatTheOtherMade) {
  std::mt19937 random(20260102);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same sizes each time
  const auto bytes = [&random](std::size_t size) {
    Bytes out(size);
    std::generate(out.begin(), out.end(), [&random] { return static_cast<std::uint8_t>(random()); });
    return out;
  };
  for (std::size_t size = 0; size < 600; ++size) {
    const auto key = array_of<aes_key_size>(bytes(aes_key_size));
    const auto iv = array_of<gcm_iv_size>(bytes(gcm_iv_size));
    const Bytes text = bytes(size);
    const Bytes data = bytes(random() % 100);
    const std::string associated(data.begin(), data.end());
    const auto theirs = encrypt(GcmEngine::openssl, key, iv, text, associated);
    ASSERT_TRUE(theirs);
    for (const GcmEngine engine : engines()) {
      ASSERT_EQ(encrypt(engine, key, iv, text, associated), theirs) << size;
      ASSERT_EQ(gcm_decrypt(engine, key, iv, *theirs, associated), text) << size;
    }
  }
}

TEST(Gcm, OpensNothingThatWasAltered) {
  const auto key = array_of<aes_key_size>(hex(long_key));
  const auto iv = array_of<gcm_iv_size>(hex(long_iv));
  const Bytes ct = hex(known[2].ct);
  for (const GcmEngine engine : engines()) {
    EXPECT_TRUE(gcm_decrypt(engine, key, iv, ct, {}));
    EXPECT_FALSE(gcm_decrypt(engine, key, iv, ct, "x"));
    EXPECT_FALSE(gcm_decrypt(engine, key, std::span(iv).first(11), ct, {}));
    EXPECT_FALSE(gcm_decrypt(engine, key, iv, std::span(ct).first(gcm_tag_size - 1), {}));
    EXPECT_FALSE(gcm_decrypt(engine, key, iv, {}, {}));
    for (std::size_t i = 0; i < ct.size(); ++i) {
      Bytes altered = ct;
      altered[i] ^= 0x80U;
      EXPECT_FALSE(gcm_decrypt(engine, key, iv, altered, {})) << i;
    }
  }
}

TEST(Gcm, RefusesAPlaceThatIsNotAsLongAsTextAndTag) {
  Bytes out(gcm_tag_size + 4);
  const Bytes text(5);
  for (const GcmEngine engine : engines()) {
    EXPECT_FALSE(gcm_encrypt(engine, {}, {}, text, {}, out));
  }
}

TEST(Gcm, SealsUnderAnIvOfItsOwnEachTime) {
  const auto key = AesKey::random();
  ASSERT_TRUE(key);
  const auto one = gcm_seal(key->bytes(), bytes_of("text"), "data");
  const auto other = gcm_seal(key->bytes(), bytes_of("text"), "data");
  ASSERT_TRUE(one && other);
  EXPECT_NE(one->iv, other->iv);
  EXPECT_NE(one->ct, other->ct);
  EXPECT_EQ(gcm_open(key->bytes(), one->iv, one->ct, "data"), Bytes({'t', 'e', 'x', 't'}));
}

}  // namespace
}  // namespace tallygate::audit
