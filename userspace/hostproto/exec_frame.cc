#include "hostproto/exec_frame.h"

#include <algorithm>
#include <utility>

namespace enforcer::hostproto {
namespace {

constexpr std::size_t kHelloSize = kFrameHeader + kNonceSize;

std::string big_endian(std::size_t number) {
  return {static_cast<char>(number >> 24), static_cast<char>(number >> 16), static_cast<char>(number >> 8),
          static_cast<char>(number)};
}

std::string header(FrameType type, std::size_t length) {
  return static_cast<char>(type) + big_endian(length);
}

bool is_known(FrameType type) {
  switch (type) {
    case FrameType::kHello:
    case FrameType::kTrust:
    case FrameType::kExec:
    case FrameType::kStdin:
    case FrameType::kStdout:
    case FrameType::kStderr:
    case FrameType::kResult:
    case FrameType::kSignal:
    case FrameType::kPoweroff:
    case FrameType::kClock:
    case FrameType::kWindow:
      return true;
  }
  return false;
}

struct Head {
  FrameType type{};
  std::size_t length = 0;

  [[nodiscard]] bool can_be_a_frame() const { return is_known(type) && length <= kMaxFramePayload; }
};

/// The frame header at the beginning of `text`, which holds at least one.
Head read_head(std::string_view text) {
  ByteReader reader(as_bytes(text));
  const auto type = static_cast<FrameType>(reader.u8());
  return {type, reader.u32()};
}

/// False when following the lengths through `text` meets a header that cannot be one. A first byte is judged alone, so
/// that a stream of something else is refused at once and not after five bytes.
bool consists_of_frames(std::string_view text) {
  while (text.size() >= kFrameHeader) {
    const Head head = read_head(text);
    if (!head.can_be_a_frame()) return false;
    text.remove_prefix(std::min(text.size(), kFrameHeader + head.length));
  }
  return text.empty() || is_known(static_cast<FrameType>(text.front()));
}

}  // namespace

std::string encode_frame(FrameType type, std::string_view payload) {
  ENFORCER_CHECK(payload.size() <= kMaxFramePayload);
  std::string frame = header(type, payload.size());
  frame += payload;
  return frame;
}

std::string encode_input_taken(std::uint32_t bytes) {
  return encode_frame(FrameType::kStdin, big_endian(bytes));
}

std::optional<std::uint32_t> decode_input_taken(std::string_view payload) {
  ByteReader reader(as_bytes(payload));
  const std::uint32_t bytes = reader.u32();
  return reader.at_end() ? std::optional(bytes) : std::nullopt;
}

std::string encode_window(WindowSize size) {
  return encode_frame(FrameType::kWindow, big_endian(std::size_t{size.rows} << 16 | size.columns));
}

std::optional<WindowSize> decode_window(std::string_view payload) {
  ByteReader reader(as_bytes(payload));
  const std::uint16_t rows = reader.u16();
  const std::uint16_t columns = reader.u16();
  return reader.at_end() ? std::optional(WindowSize{rows, columns}) : std::nullopt;
}

std::string encode_clock(WallClock::time_point now) {
  const auto since = std::chrono::floor<std::chrono::microseconds>(now.time_since_epoch()).count();
  const auto number = static_cast<std::uint64_t>(std::max<std::int64_t>(since, 0));
  return encode_frame(FrameType::kClock, big_endian(number >> 32) + big_endian(number));
}

std::optional<WallClock::time_point> decode_clock(std::string_view payload) {
  constexpr auto kLast = std::chrono::floor<std::chrono::microseconds>(WallClock::duration::max()).count();
  ByteReader reader(as_bytes(payload));
  const std::uint64_t high = reader.u32();
  const std::uint64_t number = high << 32 | reader.u32();
  if (!reader.at_end() || number > static_cast<std::uint64_t>(kLast)) return std::nullopt;
  return WallClock::time_point(std::chrono::microseconds(number));
}

Result<> FrameReader::feed(Bytes bytes) {
  buffer_.erase(0, std::exchange(taken_, 0));
  if (buffer_.size() + bytes.size() > kMaxBuffered) {
    buffer_.clear();
    malformed_ = true;
    return fail(Errc::kInvalid, "exec channel: frames arrive faster than they are taken");
  }
  buffer_ += as_text(bytes);
  if (!expected_.empty()) drop_until_expected();
  if (expected_.empty() && !consists_of_frames(waiting())) malformed_ = true;
  if (malformed_) return fail(Errc::kInvalid, "exec channel: what arrives is not a frame");
  return {};
}

std::optional<Frame> FrameReader::next() {
  const std::string_view text = waiting();
  if (!expected_.empty() || text.size() < kFrameHeader) return std::nullopt;
  const Head head = read_head(text);
  if (!head.can_be_a_frame() || text.size() < kFrameHeader + head.length) return std::nullopt;
  Frame frame{head.type, std::string(text.substr(kFrameHeader, head.length))};
  drop(kFrameHeader + head.length);
  return frame;
}

void FrameReader::expect_hello(std::string_view nonce) {
  ENFORCER_CHECK(nonce.size() == kNonceSize);
  expected_ = encode_frame(FrameType::kHello, nonce);
  malformed_ = false;
  drop_until_expected();
}

bool FrameReader::resync_at_hello() {
  const std::string_view text = waiting();
  const std::string head = header(FrameType::kHello, kNonceSize);
  for (auto end = text.size(); end >= kHelloSize;) {
    const auto at = text.rfind(head, end - kHelloSize);
    if (at == std::string_view::npos) break;
    if (consists_of_frames(text.substr(at))) {
      drop(at);
      malformed_ = false;
      return true;
    }
    end = at + kHelloSize - 1;
  }
  if (malformed_ && text.size() >= kHelloSize) drop(text.size() - (kHelloSize - 1));
  return false;
}

void FrameReader::drop(std::size_t count) {
  taken_ += count;
}

void FrameReader::drop_until_expected() {
  const std::string_view text = waiting();
  if (const auto at = text.find(expected_); at != std::string_view::npos) {
    drop(at);
    expected_.clear();
  } else if (text.size() >= kHelloSize) {
    drop(text.size() - (kHelloSize - 1));
  }
}

}  // namespace enforcer::hostproto
