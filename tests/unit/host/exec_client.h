// The host's end of the exec channel, as small as a test needs it: blocking, with a deadline for everything.
#pragma once

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <string>
#include <utility>

#include "base/deadline.h"
#include "base/fd.h"
#include "hostproto/exec_frame.h"

namespace enforcer::host {

class ExecClient {
 public:
  explicit ExecClient(Fd socket) : socket_(std::move(socket)) {}

  void send(hostproto::FrameType type, std::string_view payload) { send_raw(hostproto::encode_frame(type, payload)); }

  void send_raw(std::string_view bytes) {
    while (!bytes.empty() && !deadline_.passed()) {
      pollfd waiting{socket_.get(), POLLOUT, 0};
      (void)::poll(&waiting, 1, 100);
      const ssize_t count = ::write(socket_.get(), bytes.data(), bytes.size());
      if (count > 0) bytes.remove_prefix(static_cast<std::size_t>(count));
    }
  }

  /// The next frame; a frame of type 0 when the deadline passes or the channel breaks.
  hostproto::Frame receive() {
    while (!deadline_.passed()) {
      if (auto frame = reader_.next()) return *std::move(frame);
      pollfd waiting{socket_.get(), POLLIN, 0};
      if (::poll(&waiting, 1, 100) <= 0) continue;
      char bytes[8192];
      const ssize_t count = ::read(socket_.get(), bytes, sizeof bytes);
      if (count <= 0 || !reader_.feed(as_bytes({bytes, static_cast<std::size_t>(count)}))) break;
    }
    return {};
  }

  /// True when the guest answered.
  bool hello(std::string_view nonce, std::chrono::seconds within) {
    deadline_ = Deadline::after(within);
    reader_.expect_hello(nonce);
    send(hostproto::FrameType::kHello, nonce);
    return receive().payload == nonce;
  }

  struct Outcome {
    std::string out, err, result;
    std::size_t input_taken = 0;
  };

  /// Runs until the result.
  Outcome finish() {
    Outcome outcome;
    for (auto frame = receive(); frame.type != hostproto::FrameType{}; frame = receive()) {
      if (frame.type == hostproto::FrameType::kStdout) outcome.out += frame.payload;
      if (frame.type == hostproto::FrameType::kStderr) outcome.err += frame.payload;
      if (frame.type == hostproto::FrameType::kStdin)
        outcome.input_taken += hostproto::decode_input_taken(frame.payload).value_or(0);
      if (frame.type != hostproto::FrameType::kResult) continue;
      outcome.result = frame.payload;
      break;
    }
    return outcome;
  }

  /// A shell script, `input` (within the window) on its standard input.
  Outcome run(const std::string& script, std::string_view input = "") {
    deadline_ = Deadline::after(std::chrono::seconds(30));
    send(hostproto::FrameType::kExec, R"({"argv":["sh","-c",")" + script + R"("]})");
    for (; !input.empty(); input.remove_prefix(std::min(input.size(), hostproto::kMaxFramePayload)))
      send(hostproto::FrameType::kStdin, input.substr(0, hostproto::kMaxFramePayload));
    send(hostproto::FrameType::kStdin, "");
    return finish();
  }

  void allow(std::chrono::seconds within) { deadline_ = Deadline::after(within); }

 private:
  Fd socket_;
  hostproto::FrameReader reader_;
  Deadline deadline_ = Deadline::after(std::chrono::seconds(30));
};

}  // namespace enforcer::host
