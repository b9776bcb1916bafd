// WebsocketScanner: keeps secrets out of what an origin sends through a WebSocket (RFC 6455 5). Frames keep their
// heads, their lengths and their order; of each message the payload is scanned as one stream, however it is fragmented,
// and of each control frame as a text of its own.
//
// Where the end of a fragment waits (credentials/secret_scanner.h), the frames behind it wait, too, up to kMaxWaiting.
// A message that has ended waits for nothing. Masked text stays UTF-8 as long as the secrets are ASCII.
//
// Refused: what RFC 6455 forbids a server, and what needs an extension, since none is negotiated on such routes. No
// frame may be read in two ways.
#pragma once

#include <deque>

#include "credentials/secret_scanner.h"

namespace enforcer::credentials {

class WebsocketScanner {
 public:
  explicit WebsocketScanner(const std::shared_ptr<const Needles>& needles) : needles_(needles), message_(needles) {}

  /// Octets of heads and control frames that may wait.
  static constexpr std::size_t kMaxWaiting = 4096;

  /// What can be passed on now, valid until the next call. kInvalid, now and for ever: what the origin sends is no
  /// WebSocket, or too many frames wait.
  Result<Bytes> feed(Bytes arrived);
  /// The connection has ended, in the middle of a message perhaps: what is left.
  Bytes finish();

  [[nodiscard]] std::uint64_t findings() const { return in_control_frames_ + message_.findings(); }

 private:
  enum class Step : std::uint8_t { kHead, kData, kControl };
  /// Octets that belong behind so many octets of messages.
  struct Waiting {
    std::uint64_t behind;
    WipedBytes octets;
  };

  void take(Bytes& rest);
  void head_octet(std::uint8_t octet);
  [[nodiscard]] std::string_view wrong_with_head() const;
  void begin_frame();
  void take_data(Bytes& rest);
  void take_control(Bytes& rest);
  void end_data();
  void end_control();
  void enqueue(WipedBytes octets);
  void pass_on(Bytes payload);

  const std::shared_ptr<const Needles> needles_;
  SecretScanner message_;
  WipedBytes out_;
  std::string_view fault_;  ///< a constant text

  Step step_ = Step::kHead;
  WipedBytes frame_;          ///< its head as far as it has come; of a control frame the payload, too
  std::uint64_t left_ = 0;    ///< octets of the frame's payload
  bool in_message_ = false;   ///< a message has begun and not ended
  std::uint64_t taken_ = 0;   ///< octets of messages that were scanned
  std::uint64_t passed_ = 0;  ///< octets of messages that were passed on
  std::deque<Waiting> waiting_;
  std::size_t waiting_octets_ = 0;
  std::uint64_t in_control_frames_ = 0;
};

}  // namespace enforcer::credentials
