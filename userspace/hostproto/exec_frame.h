// The exec channels: how the host runs commands in a microVM. There are kExecChannels of them, so many commands run at
// a time. Each is one byte stream (the virtio-serial ports "enforcer.exec0", "enforcer.exec1", ...) that carries frames
// both ways:
//
//   1 byte type | 4 bytes big-endian length, at most 64 KiB | payload
//
//   host -> guest                                   guest -> host
//   'H' 16 byte nonce                               'H' the same nonce, or empty when the guest has just booted
//   'T' PEM: the CA to trust, the last one wins     'I' 4 bytes big-endian: so much input was taken
//   'X' JSON: the command (below)                   'O' standard output   'E' standard error
//   'I' standard input, empty = end of file         'R' {"exit":n} | {"signal":n} | {"error":"...","status":n}: the
//   'S' 1 byte signal number, to the process group      command is over
//   'W' 2 bytes big-endian rows, 2 bytes columns:
//       the size of its terminal from now on
//   'P' power off
//   'C' 8 bytes big-endian: microseconds since 1970,
//       what its wall clock is to say
//
// The command: {"argv":[..],"env":{..},"cwd":"/work","user":"agent","tty":{"rows":24,"columns":80}}. All but argv may
// be absent. env lies over the environment that the guest gives every command. user: whose rights it gets; absent: the
// account "agent", or root in an image that has none. cwd: absent, the account's home, or / for root. tty: the command
// gets a terminal of that size as its controlling one; all it says comes as 'O', signals go to the foreground process
// group, and the end of its input is what Ctrl-D says. Absent: three pipes.
//
// A command that could not be started is an error whose status is what a shell would say: 127 when it was not found,
// 126 when it cannot be executed. Any other error has none.
//
// A virtio-serial port has no connections: when one end goes away in the middle of a frame and comes back, what is left
// of that frame is still in the queues. So every conversation starts with a hello. The host draws a nonce, sends it,
// and drops everything (expect_hello) until the guest has echoed it; the guest takes every hello as a new conversation,
// kills what runs on that channel (a terminal hangs up), and finds a hello that ended up inside a torn frame with
// resync_at_hello().
//
// The CA follows the hello in every conversation: a command that comes behind it cannot run before it is trusted. One
// that is new takes the guest a while, in which it echoes no hello on any channel.
//
// A sender keeps at most kStdinWindow bytes of input unacknowledged. The guest holds more than that, so a signal behind
// input that nobody reads still arrives.
//
// Both ends bound what they buffer: the other one may be hostile (invariant 7).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/deadline.h"
#include "base/result.h"

namespace enforcer::hostproto {

enum class FrameType : std::uint8_t {
  kHello = 'H',
  kTrust = 'T',
  kExec = 'X',
  kStdin = 'I',
  kStdout = 'O',
  kStderr = 'E',
  kResult = 'R',
  kSignal = 'S',
  kPoweroff = 'P',
  kClock = 'C',
  kWindow = 'W',
};

/// Commands that run in one guest at a time. Its first channel is also the one that tells whether it has booted.
inline constexpr std::size_t kExecChannels = 4;

inline constexpr std::size_t kMaxFramePayload = 64 * 1024;
inline constexpr std::size_t kFrameHeader = 5;
inline constexpr std::size_t kNonceSize = 16;
inline constexpr std::size_t kStdinWindow = 1024 * 1024;
/// How long a guest that has booted may take to echo a hello: longer than it may take to learn whom to trust.
inline constexpr std::chrono::seconds kHelloPatience{40};

struct Frame {
  FrameType type{};
  std::string payload;
};

/// The bytes of one frame; `payload` is at most kMaxFramePayload (a longer one is our own mistake and aborts).
[[nodiscard]] std::string encode_frame(FrameType type, std::string_view payload);

/// The guest's 'I' frame.
[[nodiscard]] std::string encode_input_taken(std::uint32_t bytes);
/// The number in the payload of one; nothing when it is not exactly four bytes.
[[nodiscard]] std::optional<std::uint32_t> decode_input_taken(std::string_view payload);

/// What a terminal shows, in characters.
struct WindowSize {
  std::uint16_t rows = 24;
  std::uint16_t columns = 80;
  friend bool operator==(const WindowSize&, const WindowSize&) = default;
};
/// The host's 'W' frame.
[[nodiscard]] std::string encode_window(WindowSize size);
/// The size in the payload of one; nothing when it is not exactly four bytes.
[[nodiscard]] std::optional<WindowSize> decode_window(std::string_view payload);

/// The host's 'C' frame; a time before 1970 is 1970.
[[nodiscard]] std::string encode_clock(WallClock::time_point now);
/// The time in the payload of one; nothing when it is not exactly eight bytes, or beyond what WallClock can say (2262).
[[nodiscard]] std::optional<WallClock::time_point> decode_clock(std::string_view payload);

/// Takes the stream in pieces of any size and gives the frames back.
class FrameReader {
 public:
  /// What may wait in the reader: one unfinished frame and what arrived behind it. A caller that takes every frame
  /// after each feed() of at most kMaxFramePayload bytes never reaches it.
  static constexpr std::size_t kMaxBuffered = 4 * (kMaxFramePayload + kFrameHeader);

  /// Adds bytes. kInvalid, now and from then on, for an unknown type, a payload over kMaxFramePayload, or more buffered
  /// than kMaxBuffered; only a resync_at_hello() that succeeds makes the reader good again.
  Result<> feed(Bytes bytes);

  /// The next whole frame, if it is there. Frames that were complete before a malformed one still come out.
  std::optional<Frame> next();

  /// Host end: drops everything up to the guest's hello with this nonce (kNonceSize bytes); that hello is the next
  /// frame.
  void expect_hello(std::string_view nonce);

  /// Guest end, when feed() failed or a frame has been unfinished for long: drops everything before the last hello of a
  /// host among the buffered bytes. False when there is none: nothing changed, but a malformed reader keeps only the
  /// bytes that may be the beginning of a hello, so that feeding may go on.
  bool resync_at_hello();

  /// After next() gave nothing: true when a frame has begun to arrive and is not whole.
  [[nodiscard]] bool in_frame() const { return !waiting().empty(); }

 private:
  [[nodiscard]] std::string_view waiting() const { return std::string_view(buffer_).substr(taken_); }
  void drop(std::size_t count);
  void drop_until_expected();

  std::string buffer_;
  std::size_t taken_ = 0;  ///< bytes of buffer_ already given out
  std::string expected_;   ///< the encoded hello we wait for; empty: reading frames
  bool malformed_ = false;
};

}  // namespace enforcer::hostproto
