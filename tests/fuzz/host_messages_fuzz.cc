// What hostd and enforcerd say to each other, and the frames of a microVM's exec channel: a message that is accepted
// says the same when it is written again, and frames do not depend on how the bytes arrive.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/result.h"
#include "hostproto/exec_frame.h"
#include "hostproto/messages.h"

using namespace enforcer;
using namespace enforcer::hostproto;

namespace {

template <class Message>
void check_message(const Result<Message>& message, Result<Message> (*decode)(std::string_view)) {
  if (!message) {
    ENFORCER_CHECK(message.error().code == Errc::kInvalid);
    return;
  }
  const std::string written = encode(*message);
  ENFORCER_CHECK(written.size() <= kMaxMessage);
  const auto again = decode(written);
  ENFORCER_CHECK(again.has_value() && encode(*again) == written);
}

void check_window(std::string_view payload) {
  const auto size = decode_window(payload);
  ENFORCER_CHECK(size.has_value() == (payload.size() == 4));
  ENFORCER_CHECK(!size || encode_window(*size).substr(kFrameHeader) == payload);
}

/// Frames in wire form, and whether the stream was found malformed.
std::string frames_in(Bytes wire, std::size_t step) {
  FrameReader reader;
  std::string seen;
  for (std::size_t at = 0; at < wire.size(); at += step) {
    const auto fed = reader.feed(wire.subspan(at, std::min(step, wire.size() - at)));
    while (const auto frame = reader.next()) {
      seen += encode_frame(frame->type, frame->payload);
      check_window(frame->payload);
    }
    if (!fed) return seen + "!";
  }
  return seen;
}

void check_resync(Bytes wire) {
  FrameReader reader;
  if (reader.feed(wire)) return;
  const bool found = reader.resync_at_hello();
  const auto frame = reader.next();
  ENFORCER_CHECK(!found || !frame || frame->type == FrameType::kHello);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_message(decode_request(text), decode_request);
  check_message(decode_notice(text), decode_notice);

  const Bytes wire(data, std::min(size, kMaxFramePayload));
  const std::string whole = frames_in(wire, wire.size() + 1);
  for (const std::size_t step : {1, 7}) ENFORCER_CHECK(frames_in(wire, step) == whole);
  check_resync(wire);
  return 0;
}
