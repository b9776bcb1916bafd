// The readers of TLS handshakes: whatever the bytes and however they are cut, the outcome is the same.
#include <algorithm>
#include <cstdint>

#include "base/result.h"
#include "tls/client_hello.h"
#include "tls/server_flight.h"

using namespace enforcer;
using namespace enforcer::tls;

namespace {

HelloOutcome read_in(Bytes wire, std::size_t segment, std::size_t& wire_size) {
  ClientHelloReader reader;
  HelloOutcome outcome = NeedMore{};
  while (!wire.empty() && std::holds_alternative<NeedMore>(outcome)) {
    const Bytes arrived = wire.first(std::min(segment, wire.size()));
    wire = wire.subspan(arrived.size());
    outcome = reader.feed(arrived);
  }
  wire_size = reader.wire_size();
  return outcome;
}

bool same(const ClientHello& a, const ClientHello& b) {
  return a.server_name == b.server_name && a.alpn == b.alpn && a.versions == b.versions && a.ech == b.ech &&
         a.early_data == b.early_data && a.session_id_length == b.session_id_length;
}

/// Both directions; once closed it stays closed, and settling comes from the origin only.
void run_flight(const ClientHello& first, Bytes wire) {
  ServerFlight flight(first);
  bool closed = false;
  for (bool from_client = false; !wire.empty(); from_client = !from_client) {
    const Bytes arrived = wire.first(std::min<std::size_t>(1 + wire[0] % 64, wire.size()));
    wire = wire.subspan(arrived.size());
    const FlightVerdict verdict = from_client ? flight.client_bytes(arrived) : flight.server_bytes(arrived);
    ENFORCER_CHECK(!closed || verdict == FlightVerdict::kClose);
    ENFORCER_CHECK(!from_client || verdict != FlightVerdict::kSettled);
    ENFORCER_CHECK((verdict == FlightVerdict::kClose) == !flight.why().empty());
    closed = verdict == FlightVerdict::kClose;
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes wire(data, size);
  std::size_t whole_size = 0;
  std::size_t cut_size = 0;
  const HelloOutcome whole = read_in(wire, size, whole_size);
  const HelloOutcome cut = read_in(wire, 3, cut_size);
  ENFORCER_CHECK(whole.index() == cut.index());
  ServerFlight(ClientHello{}).server_bytes(wire);
  if (const auto* hello = std::get_if<ClientHello>(&whole)) {
    ENFORCER_CHECK(same(*hello, std::get<ClientHello>(cut)) && whole_size == cut_size && whole_size <= size);
    ENFORCER_CHECK(could_be_tls(wire));
    run_flight(*hello, wire.subspan(whole_size));
  }
  const HelloOutcome alone = parse_client_hello(wire);
  ENFORCER_CHECK(std::holds_alternative<ClientHello>(alone) || std::holds_alternative<Malformed>(alone));
  return 0;
}
