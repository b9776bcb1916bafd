// Request heads and bodies: what is serialised must read back as the same request, and nothing may depend on how the
// bytes arrive.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/opening.h"
#include "http/request_head.h"

using namespace enforcer;
using namespace enforcer::http;

namespace {

HeadOutcome read_in(Bytes wire, std::size_t step, std::size_t& head_size) {
  RequestHeadReader reader;
  HeadOutcome outcome = HeadIncomplete{};
  for (std::size_t size = std::min(step, wire.size());; size = std::min(size + step, wire.size())) {
    outcome = reader.read(wire.first(size));
    if (!std::holds_alternative<HeadIncomplete>(outcome) || size == wire.size()) break;
  }
  head_size = reader.head_size();
  return outcome;
}

BodyReader::Progress read_body(const BodyFraming& framing, Bytes wire, std::size_t step) {
  BodyReader reader(framing);
  BodyReader::Progress progress = reader.next({});
  std::size_t consumed = 0;
  while (progress.state == BodyReader::State::kMore && consumed < wire.size()) {
    progress = reader.next(wire.subspan(consumed, std::min(step, wire.size() - consumed)));
    consumed += progress.consumed;
  }
  return {progress.state, consumed, {}};
}

void check_head(const RequestHead& head) {
  const auto canonical = canonical_path(head.path.target());
  ENFORCER_CHECK(canonical && canonical->target() == head.path.target());
  if (head.tunnel != RequestHead::Tunnel::kNone) return;
  const std::string sent = serialise(head);
  RequestHeadReader reader;
  const HeadOutcome again = reader.read(as_bytes(sent));
  if (std::holds_alternative<HeadTooLarge>(again)) return;  // canonical escapes are longer
  const auto* same = std::get_if<RequestHead>(&again);
  ENFORCER_CHECK(same != nullptr && reader.head_size() == sent.size());
  ENFORCER_CHECK(serialise(*same) == sent);
  ENFORCER_CHECK(same->method == head.method && same->authority == head.authority && same->body == head.body);
  ENFORCER_CHECK(same->fields == head.fields && same->path.target() == head.path.target());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes wire(data, size);
  std::size_t whole_size = 0;
  std::size_t cut_size = 0;
  const HeadOutcome whole = read_in(wire, size, whole_size);
  const HeadOutcome cut = read_in(wire, 7, cut_size);
  ENFORCER_CHECK(whole.index() == cut.index());
  const Opening opening = judge_opening(wire);
  if (const auto* head = std::get_if<RequestHead>(&whole)) {
    ENFORCER_CHECK(whole_size == cut_size && whole_size <= size);
    ENFORCER_CHECK(opening == Opening::kRequest);  // what the reader accepts is never taken for another protocol
    check_head(*head);
    const Bytes rest = wire.subspan(whole_size);
    const auto at_once = read_body(head->body, rest, rest.size() + 1);
    const auto dripped = read_body(head->body, rest, 1);
    ENFORCER_CHECK(at_once.state == dripped.state && at_once.consumed == dripped.consumed);
  }
  return 0;
}
