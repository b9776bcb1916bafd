#include "credentials/grpc_scanner.h"

#include <doctest/doctest.h>

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

constexpr std::string_view kGrpcSecret = "zq81-Secret-of-a-call-7731";

std::string grpc_message(std::string_view text, char flag = '\0') {
  std::string made{flag, '\0', '\0', static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 0xff)};
  return made.append(text);
}

GrpcScanner grpc_scanner() {
  return GrpcScanner(Needles::make({&kGrpcSecret, 1}).value());
}

std::string fed(GrpcScanner& scanner, std::string_view text) {
  return std::string(as_text(scanner.feed(as_bytes(text)).value()));
}

}  // namespace

TEST_CASE("a_message_of_grpc_waits_for_no_other") {
  // It ends as the secret begins.
  const std::string first = grpc_message("and then: zq81-Sec");
  GrpcScanner scanner = grpc_scanner();
  CHECK(fed(scanner, first) == first);
  const std::string second = grpc_message("ret-of-a-call-7731");
  CHECK(fed(scanner, second) == second);
  CHECK(scanner.findings() == 0);
  CHECK(scanner.finish().empty());
  // The control: in one message it would wait.
  GrpcScanner other = grpc_scanner();
  CHECK(fed(other, first.substr(0, 4) + '\x7f' + first.substr(5)).size() < first.size());
}

TEST_CASE("a_secret_in_a_message_of_grpc_is_masked_however_it_arrives") {
  const std::string stars(kGrpcSecret.size(), '*');
  const std::string text = grpc_message("before " + std::string(kGrpcSecret) + " behind") + grpc_message("") +
                           grpc_message(std::string(kGrpcSecret)) + grpc_message(std::string(300, 'x'));
  const std::string masked = grpc_message("before " + stars + " behind") + grpc_message("") + grpc_message(stars) +
                             grpc_message(std::string(300, 'x'));
  for (std::size_t size = 1; size <= text.size(); ++size) {
    CAPTURE(size);
    GrpcScanner scanner = grpc_scanner();
    std::string out;
    for (std::size_t at = 0; at < text.size(); at += size) out += fed(scanner, std::string_view(text).substr(at, size));
    out += as_text(scanner.finish());
    CHECK(out == masked);
    CHECK(scanner.findings() == 2);
  }
}

TEST_CASE("a_message_of_grpc_that_is_compressed_is_refused") {
  GrpcScanner scanner = grpc_scanner();
  CHECK(fed(scanner, grpc_message("plain")) == grpc_message("plain"));
  CHECK_FALSE(scanner.feed(as_bytes(grpc_message("packed", '\x01'))).has_value());
  CHECK_FALSE(scanner.feed(as_bytes(grpc_message("plain"))).has_value());
}

TEST_CASE("what_a_call_breaks_off_in_is_passed_on_once") {
  GrpcScanner scanner = grpc_scanner();
  const std::string message = grpc_message("ends in zq81");
  CHECK(fed(scanner, message.substr(0, message.size() - 1)) == message.substr(0, message.size() - 4));
  CHECK(as_text(scanner.finish()) == "zq8");
  CHECK(scanner.finish().empty());
}
