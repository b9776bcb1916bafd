// What a local user may send to the control socket: targets, routes and bodies of requests, and what the tool reads of
// answers.
#include <cstdint>
#include <string>

#include "base/percent.h"
#include "base/result.h"
#include "control/json.h"
#include "control/route.h"

using namespace enforcer;
using namespace enforcer::control;

namespace {

void check_target(std::string_view text) {
  const auto target = parse_request_target(text);
  if (!target) return;
  std::string again;
  for (const std::string& segment : target->segments) again += "/" + percent_encode(segment);
  if (again.empty()) again = "/";
  char mark = '?';
  for (const auto& [name, value] : target->query) {
    ENFORCER_CHECK(value.find('\0') == std::string::npos);
    again += mark + percent_encode(name) + "=" + percent_encode(value);
    mark = '&';
  }
  const auto reread = parse_request_target(again);
  ENFORCER_CHECK(reread.has_value());
  ENFORCER_CHECK(reread->segments == target->segments && reread->query == target->query);
  for (const char* method : {"GET", "POST", "PUT", "DELETE", "PATCH"}) {
    const auto match = find_route(method, *target);
    ENFORCER_CHECK(match.has_value() || match.error().allow.find(method) == std::string::npos);
  }
}

void check_bodies(std::string_view text) {
  if (const auto documents = decode_documents(text)) {
    const auto again = decode_documents(encode_documents(*documents));
    ENFORCER_CHECK(again.has_value() && again->size() == documents->size());
  }
  if (const auto create = decode_create(text)) {
    const auto again = decode_create(encode_create(*create));
    ENFORCER_CHECK(again.has_value() && again->name == create->name && again->labels == create->labels);
  }
  const GuestName name = *GuestName::parse("g");
  if (const auto attach = decode_attach(text, name)) {
    const auto again = decode_attach(encode_attach(*attach), name);
    ENFORCER_CHECK(again.has_value() && again->netns == attach->netns);
  }
}

void check_answers(std::string_view text) {
  if (const auto status = decode_status(text)) ENFORCER_CHECK(decode_status(encode_status(*status)).has_value());
  if (const auto guests = decode_guests(text)) ENFORCER_CHECK(decode_guests(encode_guests(*guests)).has_value());
  static_cast<void>(decode_load(text));
  static_cast<void>(decode_guest(text));
  static_cast<void>(decode_credentials(text));
  static_cast<void>(decode_authority(text));
  static_cast<void>(decode_rotation(text));
  static_cast<void>(decode_credential_test(text));
  if (const auto variables = decode_environment(text)) {
    ENFORCER_CHECK(decode_environment(encode_environment(*variables)).value() == *variables);
  }
  ENFORCER_CHECK(!decode_error(500, text).message.empty());
  if (const auto time = parse_time(text)) ENFORCER_CHECK(parse_time(format_time(*time)).has_value());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_target(text);
  check_bodies(text);
  check_answers(text);
  return 0;
}
