#include "gateway/http/strict.hpp"

#include <gtest/gtest.h>

#include <string>

namespace tallygate::http {
namespace {

using namespace std::string_view_literals;

HeadFault fault_of(std::string_view bytes) {
  return scan_head(bytes, {}).fault;
}

TEST(ScanHead, FindsTheEndOfAWholeHead) {
  const auto scan = scan_head("GET / HTTP/1.1\r\nHost: a\r\n\r\nbody", {});
  EXPECT_EQ(scan.fault, HeadFault::none);
  EXPECT_EQ(scan.size, 27U);
}

TEST(ScanHead, WaitsForAHeadThatIsNotWhole) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  for (std::size_t size = 0; size < head.size(); ++size) {
    const auto scan = scan_head(std::string_view(head).substr(0, size), {});
    EXPECT_EQ(scan.fault, HeadFault::none) << size;
    EXPECT_EQ(scan.size, 0U) << size;
  }
}

TEST(ScanHead, RefusesLineEndsThatAreNotCrLf) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\nHost: a\r\n\r\n"), HeadFault::bare_lf);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: a\n\r\n"), HeadFault::bare_lf);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: a\r\n\n"), HeadFault::bare_lf);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"), HeadFault::bare_cr);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\r\nHost: a\r\n\r\n"), HeadFault::bare_cr);
}

TEST(ScanHead, RefusesAnEmptyLineBeforeTheRequest) {
  EXPECT_EQ(fault_of("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), HeadFault::empty_line);
}

TEST(ScanHead, RefusesControlBytesAnywhere) {
  EXPECT_EQ(fault_of("GET /\0 HTTP/1.1\r\n\r\n"sv), HeadFault::control_byte);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA: b\0c\r\n\r\n"sv), HeadFault::control_byte);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA: b\x7f\r\n\r\n"), HeadFault::control_byte);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA: \x1b[2J\r\n\r\n"), HeadFault::control_byte);
}

TEST(ScanHead, JudgesEveryByteOfAValueWhereverItStands) {
  for (unsigned byte = 0; byte < 256; ++byte) {
    const bool control = (byte < 0x20 && byte != '\t') || byte == 0x7F;
    const HeadFault expected = byte == '\n'   ? HeadFault::bare_lf
                               : byte == '\r' ? HeadFault::bare_cr
                               : control      ? HeadFault::control_byte
                                              : HeadFault::none;
    for (std::size_t at = 0; at < 70; ++at) {
      std::string value(70, 'v');
      value[at] = static_cast<char>(byte);
      EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA: " + value + "\r\n\r\n"), expected) << byte << " at " << at;
    }
  }
}

TEST(ScanHead, LetsTabsAndHighBytesStandInValues) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA:\tb\xc3\xa9\r\n\r\n"), HeadFault::none);
}

TEST(ScanHead, RefusesFoldedLines) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n"), HeadFault::folded_line);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\n\tA: b\r\n\r\n"), HeadFault::folded_line);
}

TEST(ScanHead, RefusesNamesThatAreNoTokens) {
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nContent-Length : 1\r\n\r\n"), HeadFault::name_not_token);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nA\x80: 1\r\n\r\n"), HeadFault::name_not_token);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\nnonsense\r\n\r\n"), HeadFault::no_colon);
  EXPECT_EQ(fault_of("GET / HTTP/1.1\r\n: 1\r\n\r\n"), HeadFault::no_colon);
}

TEST(ScanHead, CountsFieldsAndBytes) {
  std::string many = "GET / HTTP/1.1\r\n";
  for (int line = 0; line < 5; ++line) {
    many += "A: b\r\n";
  }
  HeadLimits limits;
  limits.fields = 4;
  EXPECT_EQ(scan_head(many + "\r\n", limits).fault, HeadFault::too_many_fields);
  limits.fields = 5;
  EXPECT_EQ(scan_head(many + "\r\n", limits).fault, HeadFault::none);
  limits.bytes = many.size() + 2;
  EXPECT_EQ(scan_head(many + "\r\n", limits).fault, HeadFault::none);
  limits.bytes = many.size() + 1;
  EXPECT_EQ(scan_head(many + "\r\n", limits).fault, HeadFault::too_large);
}

TEST(ScanHead, DoesNotWaitForTheEndOfAHeadThatIsTooLong) {
  HeadLimits limits;
  limits.bytes = 100;
  EXPECT_EQ(scan_head(std::string(100, 'a'), limits).fault, HeadFault::too_large);
}

}  // namespace
}  // namespace tallygate::http
