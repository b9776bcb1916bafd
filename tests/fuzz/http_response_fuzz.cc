// Response heads, to GET and to HEAD: what a guest is sent must read back as the same
// response with the framing it was announced with, and nothing may depend on how the bytes arrive.
#include <algorithm>
#include <cstdint>
#include <string>

#include "base/result.h"
#include "http/response_head.h"

using namespace enforcer;
using namespace enforcer::http;

namespace {

ResponseOutcome read_in(Bytes wire, std::string_view method, std::size_t step, std::size_t& head_size) {
  ResponseHeadReader reader(method);
  ResponseOutcome outcome = ResponseIncomplete{};
  for (std::size_t size = std::min(step, wire.size());; size = std::min(size + step, wire.size())) {
    outcome = reader.read(wire.first(size));
    if (!std::holds_alternative<ResponseIncomplete>(outcome) || size == wire.size()) break;
  }
  head_size = reader.head_size();
  return outcome;
}

void check_head(const ResponseHead& head, std::string_view method) {
  const std::string sent = serialise(head, Version::kHttp11, head.connection);
  ResponseHeadReader reader(method);
  const ResponseOutcome again = reader.read(as_bytes(sent));
  const auto* same = std::get_if<ResponseHead>(&again);
  // A head at the limit may be beyond it with the framing that we add; nothing else may be wrong with what we write.
  if (same == nullptr && sent.size() > kMaxHead) return;
  ENFORCER_CHECK(same != nullptr && reader.head_size() == sent.size());
  ENFORCER_CHECK(same->status == head.status && same->phrase == head.phrase && same->fields == head.fields);
  ENFORCER_CHECK(same->body == framing_towards(head, Version::kHttp11));
  ENFORCER_CHECK(serialise(*same, Version::kHttp11, same->connection) == sent);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes wire(data, size);
  for (const std::string_view method : {"GET", "HEAD"}) {
    std::size_t whole_size = 0;
    std::size_t cut_size = 0;
    const ResponseOutcome whole = read_in(wire, method, size, whole_size);
    const ResponseOutcome cut = read_in(wire, method, 7, cut_size);
    ENFORCER_CHECK(whole.index() == cut.index());
    if (const auto* head = std::get_if<ResponseHead>(&whole)) {
      const auto& in_pieces = std::get<ResponseHead>(cut);
      ENFORCER_CHECK(whole_size == cut_size && whole_size <= size);
      ENFORCER_CHECK(in_pieces.status == head->status && in_pieces.fields == head->fields &&
                     in_pieces.body == head->body);
      check_head(*head, method);
    }
  }
  return 0;
}
