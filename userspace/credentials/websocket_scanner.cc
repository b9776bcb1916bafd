#include "credentials/websocket_scanner.h"

#include <algorithm>

namespace enforcer::credentials {
namespace {

// RFC 6455 5.2.
constexpr std::uint8_t kFinal = 0x80;
constexpr std::uint8_t kReserved = 0x70;
constexpr std::uint8_t kOpcode = 0x0f;
constexpr std::uint8_t kMasked = 0x80;
constexpr std::uint8_t kLength = 0x7f;
constexpr std::uint8_t kLength16 = 126;
constexpr std::uint8_t kLength64 = 127;
constexpr std::uint8_t kContinuation = 0x0;
constexpr std::uint8_t kBinary = 0x2;
constexpr std::uint8_t kClose = 0x8;
constexpr std::uint8_t kPong = 0xa;

constexpr std::size_t kShortHead = 2;

bool is_control(Bytes head) {
  return (head[0] & kOpcode) >= kClose;
}

std::size_t size_of_head(Bytes head) {
  const int length = head[1] & kLength;
  return kShortHead + (length == kLength16 ? 2 : length == kLength64 ? 8 : 0);
}

std::uint64_t length_in(Bytes head) {
  ByteReader reader(head.subspan(1));
  const std::uint8_t length = reader.u8() & kLength;
  if (length == kLength16) return reader.u16();
  if (length != kLength64) return length;
  const std::uint64_t high = reader.u32();
  return high << 32 | reader.u32();
}

}  // namespace

Result<Bytes> WebsocketScanner::feed(Bytes arrived) {
  out_.clear();
  Bytes rest = arrived;
  while (fault_.empty() && !rest.empty()) take(rest);
  if (!fault_.empty()) return fail(Errc::kInvalid, std::string(fault_));
  return Bytes(out_);
}

Bytes WebsocketScanner::finish() {
  out_.clear();
  pass_on(message_.finish());
  if (step_ == Step::kControl) end_control();  // cut off, but nothing follows
  if (step_ == Step::kHead) out_.insert(out_.end(), frame_.begin(), frame_.end());
  frame_.clear();
  step_ = Step::kHead;
  return out_;
}

void WebsocketScanner::take(Bytes& rest) {
  switch (step_) {
    case Step::kHead:
      head_octet(rest[0]);
      rest = rest.subspan(1);
      return;
    case Step::kData:
      return take_data(rest);
    case Step::kControl:
      return take_control(rest);
  }
}

void WebsocketScanner::head_octet(std::uint8_t octet) {
  frame_.push_back(octet);
  if (frame_.size() < kShortHead) return;
  fault_ = wrong_with_head();
  if (fault_.empty() && frame_.size() == size_of_head(frame_)) begin_frame();
}

/// Of what has come, two octets at least. Empty: nothing.
std::string_view WebsocketScanner::wrong_with_head() const {
  const int opcode = frame_[0] & kOpcode;
  const bool final = (frame_[0] & kFinal) != 0;
  if ((frame_[0] & kReserved) != 0) return "WebSocket: a reserved bit is set, which only an extension may";
  if (opcode > kPong || (opcode > kBinary && opcode < kClose)) return "WebSocket: reserved opcode";
  if ((frame_[1] & kMasked) != 0) return "WebSocket: a server's frame is masked";  // 5.1
  if (is_control(frame_)) {                                                        // 5.5
    if (!final) return "WebSocket: a control frame is fragmented";
    if ((frame_[1] & kLength) >= kLength16) return "WebSocket: a control frame has more than 125 octets";
    return "";
  }
  if ((opcode == kContinuation) != in_message_) {  // 5.4
    return in_message_ ? "WebSocket: a message begins inside another" : "WebSocket: a continuation of nothing";
  }
  if (frame_.size() < size_of_head(frame_)) return "";
  const std::uint64_t length = length_in(frame_);
  if (length >> 63 != 0) return "WebSocket: a length has more than 63 bits";
  const std::uint64_t least = frame_.size() == kShortHead ? 0 : frame_.size() == kShortHead + 2 ? kLength16 : 0x1'0000;
  return length < least ? "WebSocket: a length is not written in the shortest way" : "";
}

void WebsocketScanner::begin_frame() {
  left_ = length_in(frame_);
  if (is_control(frame_)) {
    step_ = Step::kControl;
    if (left_ == 0) end_control();
    return;
  }
  step_ = Step::kData;
  in_message_ = true;
  enqueue(frame_);
  if (left_ == 0) end_data();
}

void WebsocketScanner::take_data(Bytes& rest) {
  const Bytes payload = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
  rest = rest.subspan(payload.size());
  left_ -= payload.size();
  taken_ += payload.size();
  pass_on(message_.feed(payload));
  if (left_ == 0) end_data();
}

void WebsocketScanner::take_control(Bytes& rest) {
  const Bytes payload = rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(left_, rest.size())));
  rest = rest.subspan(payload.size());
  left_ -= payload.size();
  frame_.insert(frame_.end(), payload.begin(), payload.end());
  if (left_ == 0) end_control();
}

void WebsocketScanner::end_data() {
  if ((frame_[0] & kFinal) != 0) {
    pass_on(message_.finish());
    in_message_ = false;
  }
  frame_.clear();
  step_ = Step::kHead;
}

void WebsocketScanner::end_control() {
  in_control_frames_ += redact(needles_, std::span(frame_).subspan(kShortHead));
  enqueue(std::exchange(frame_, {}));
  step_ = Step::kHead;
}

/// Behind what was taken of the message.
void WebsocketScanner::enqueue(WipedBytes octets) {
  waiting_octets_ += octets.size();
  waiting_.push_back({taken_, std::move(octets)});
  pass_on({});
  if (waiting_octets_ > kMaxWaiting) fault_ = "WebSocket: too many frames between two fragments of a message";
}

/// The next octets of the message, and what waits between them and behind them.
void WebsocketScanner::pass_on(Bytes payload) {
  while (true) {
    while (!waiting_.empty() && waiting_.front().behind == passed_) {
      const WipedBytes& octets = waiting_.front().octets;
      out_.insert(out_.end(), octets.begin(), octets.end());
      waiting_octets_ -= octets.size();
      waiting_.pop_front();
    }
    if (payload.empty()) return;
    const std::uint64_t next = waiting_.empty() ? taken_ : waiting_.front().behind;
    const Bytes part = payload.first(static_cast<std::size_t>(std::min<std::uint64_t>(payload.size(), next - passed_)));
    out_.insert(out_.end(), part.begin(), part.end());
    passed_ += part.size();
    payload = payload.subspan(part.size());
  }
}

}  // namespace enforcer::credentials
