// Queries of guests, our answers to them, and responses of servers.
#include <cstdint>
#include <vector>

#include "base/result.h"
#include "dns/message.h"
#include "dns/response.h"
#include "dns/stream.h"

using namespace enforcer;
using namespace enforcer::dns;

namespace {

void check_answer(const Query& query, const Answer& answer) {
  ENFORCER_CHECK(answer.size() >= 12 + query.echo.question.size());
  ENFORCER_CHECK(query.echo.transport == Transport::kTcp || answer.size() <= kMaxUdpAnswer);
  ENFORCER_CHECK(query.echo.edns_payload || query.echo.transport == Transport::kTcp || answer.size() <= 512);
  ENFORCER_CHECK(std::holds_alternative<NotAQuery>(parse_query(answer, Transport::kTcp)));  // never answered again
}

void answer_in_every_way(const Query& query) {
  std::vector<IpAddress> addresses;
  for (std::uint32_t i = 1; i <= 40; ++i) addresses.push_back(IpAddress::v4(0xc6120000 + i));
  check_answer(query, make_addresses(query, addresses));
  check_answer(query, make_addresses(query, std::span(addresses).first(1)));
  check_answer(query, make_no_data(query));
  check_answer(query, make_denied(query, "01J8ZQ5R3M8Q2V7W9X0Y1Z2A3B"));
  check_answer(query, make_no_such_name(query));
  check_answer(query, make_error(query.echo, ResponseCode::kServFail));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes message(data, size);
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    const QueryOutcome outcome = parse_query(message, transport);
    if (const auto* query = std::get_if<Query>(&outcome)) answer_in_every_way(*query);
    if (const auto* unusable = std::get_if<UnusableQuery>(&outcome)) {
      ENFORCER_CHECK(make_error(unusable->echo, unusable->code).size() <= kMaxUdpAnswer);
    }
  }
  static const HostName name = *HostName::parse("ok.test");
  for (const Type type : {Type::kA, Type::kAaaa}) {
    const auto found = read_addresses(message, name, type);
    for (const IpAddress& address : found ? found->addresses : std::vector<IpAddress>{}) {
      ENFORCER_CHECK(type == Type::kAaaa || address.is_v4());
    }
  }
  const auto framed = next_message(message);
  ENFORCER_CHECK(!framed || framed->size() + kStreamPrefix <= size);
  return 0;
}
