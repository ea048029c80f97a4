#include "audit/journal/pkcs11_uri.hpp"

#include "tests/support/seed.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

namespace tallygate::audit {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr const char* whole =
    "pkcs11:token=The%20Journal;object=root;serial=00ff?module-path=/usr/lib/m.so&pin-source=file:/etc/pin";

TEST(Pkcs11Uri, NamesTokenObjectModuleAndWhereThePinIs) {
  const Pkcs11Uri uri = parse_pkcs11_uri(whole).value();
  EXPECT_EQ(uri.token, "The Journal");
  EXPECT_EQ(uri.object, "root");
  EXPECT_EQ(uri.serial, "00ff");
  EXPECT_EQ(uri.manufacturer, "");
  EXPECT_EQ(uri.module_path, "/usr/lib/m.so");
  EXPECT_EQ(uri.pin, (PinSource{PinSource::Kind::file, "/etc/pin"}));
}

TEST(Pkcs11Uri, ThePinMayBeInAFileACredentialOrTheEnvironment) {
  const auto pin = [](const std::string& query) {
    return parse_pkcs11_uri("PKCS11:object=o;token=t;type=private?module-path=/m" + query).value().pin;
  };
  EXPECT_EQ(pin(""), PinSource{});
  EXPECT_EQ(pin("&pin-source=file:pin"), (PinSource{PinSource::Kind::file, "pin"}));
  EXPECT_EQ(pin("&pin-source=file:///etc/pin"), (PinSource{PinSource::Kind::file, "/etc/pin"}));
  EXPECT_EQ(pin("&pin-source=/etc/pin"), (PinSource{PinSource::Kind::file, "/etc/pin"}));
  EXPECT_EQ(pin("&pin-source=%66ile:/a%26b"), (PinSource{PinSource::Kind::file, "/a&b"}));
  EXPECT_EQ(pin("&pin-source=credential:pin"), (PinSource{PinSource::Kind::credential, "pin"}));
}

TEST(Pkcs11Uri, APinInItIsRefusedAndNeverRepeated) {
  for (const char* bad : {"pkcs11:token=t;object=o?module-path=/m&pin-value=4711",
                          "pkcs11:token=t;object=o;pin-value=4711?module-path=/m",
                          "pkcs11:token=t;object=o?module-path=/m&pin-source=4711",
                          "pkcs11:token=t;object=o?module-path=/m&4711"}) {
    const auto uri = parse_pkcs11_uri(bad);
    ASSERT_FALSE(uri) << bad;
    EXPECT_EQ(uri.error().kind, FailureKind::invalid);
    EXPECT_THAT(uri.error().message, Not(HasSubstr("4711")));
    EXPECT_THAT(uri.error().message, HasSubstr("pin-source=file:PATH"));
  }
}

TEST(Pkcs11Uri, WhatDoesNotNameOneKeyWithoutDoubtIsRefused) {
  const std::string query = "?module-path=/m";
  for (const std::string& bad :
       {std::string(),
        std::string("pkcs11:"),
        "file:token=t;object=o" + query,
        "pkcs11:token=t" + query,
        "pkcs11:object=o" + query,
        std::string("pkcs11:token=t;object=o"),
        "pkcs11:token=t;object=o;object=p" + query,
        "pkcs11:token=t;object=o;" + query,
        "pkcs11:token=t;;object=o" + query,
        "pkcs11:token=t;object=" + query,
        "pkcs11:token=t;object" + query,
        "pkcs11:token=t;object=o;id=%01" + query,
        "pkcs11:token=t;object=o;type=cert" + query,
        "pkcs11:token=t;object=%0a" + query,
        "pkcs11:token=t;object=%4" + query,
        "pkcs11:token=t;object=%zz" + query,
        "pkcs11:token=" + std::string(33, 't') + ";object=o" + query,
        std::string("pkcs11:token=t;object=o?module-path=m.so"),
        std::string("pkcs11:token=t;object=o?module-name=m"),
        "pkcs11:token=t;object=o" + query + "&",
        "pkcs11:token=t;object=o" + query + "&pin-source=file:",
        "pkcs11:token=t;object=o" + query + "&pin-source=|/bin/pin",
        "pkcs11:token=t;object=o" + query + "&pin-source=file:|/bin/pin",
        "pkcs11:token=t;object=o" + query + "&pin-source=file://host/pin",
        "pkcs11:token=t;object=o" + query + "&pin-source=credential:../pin",
        "pkcs11:token=t;object=o" + query + "&pin-source=file:/" + std::string(pkcs11_uri_max, 'p')}) {
    EXPECT_FALSE(parse_pkcs11_uri(bad)) << bad;
  }
}

TEST(Pkcs11Uri, WhatIsWrittenIsReadAsTheSame) {
  EXPECT_EQ(parse_pkcs11_uri(to_string(parse_pkcs11_uri(whole).value())).value(),
            parse_pkcs11_uri(whole).value());
  const auto seed = tallygate::testing::test_seed();
  SCOPED_TRACE(tallygate::testing::how_to_repeat(seed));
  std::mt19937_64 random(seed);
  const auto text = [&](std::size_t most) {
    std::string made(1 + random() % most, '\0');
    for (char& c : made) {
      do {
        c = static_cast<char>(random());
      } while (static_cast<unsigned char>(c) < 0x20 || c == 0x7f);
    }
    return made;
  };
  for (int i = 0; i < 500; ++i) {
    Pkcs11Uri uri{text(32), text(32), text(16), text(16), text(100), "/" + text(50), {}};
    if (random() % 2 == 0) {
      uri.pin = {PinSource::Kind::file, "/" + text(50)};
    }
    const auto again = parse_pkcs11_uri(to_string(uri));
    ASSERT_TRUE(again) << to_string(uri) << ": " << again.error().message;
    EXPECT_EQ(*again, uri);
  }
}

TEST(Pkcs11Uri, OnlyItsSchemeMakesATextOne) {
  EXPECT_TRUE(is_pkcs11_uri("pkcs11:"));
  EXPECT_TRUE(is_pkcs11_uri("PKCS11:token=t"));
  EXPECT_FALSE(is_pkcs11_uri("pkcs11"));
  EXPECT_FALSE(is_pkcs11_uri("/pkcs11:"));
  EXPECT_FALSE(is_pkcs11_uri(""));
}

}  // namespace
}  // namespace tallygate::audit
