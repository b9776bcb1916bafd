// The tool's end of the control socket: blocking calls, one connection for each, every wait with a deadline.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/deadline.h"
#include "base/fd.h"
#include "base/result.h"

namespace enforcer::control {

struct Reply {
  unsigned status = 0;
  std::string body;
  [[nodiscard]] bool ok() const { return status / 100 == 2; }
};

/// What to do with the next line of a stream.
enum class Wants { kMore, kNoMore };

/// A streamed answer whose lines are taken as they come, by somebody who also waits for other things.
class LineStream {
 public:
  /// Readable when more has come. What came with the head of the answer is no longer in it: read() once without
  /// waiting.
  [[nodiscard]] int descriptor() const;
  /// What has come; none: the stream is at its proper end. Does not wait. kIo: it broke off, or is not ours.
  Result<std::optional<std::vector<std::string>>> read();

  LineStream(LineStream&&) noexcept;
  LineStream& operator=(LineStream&&) noexcept;
  ~LineStream();

 private:
  friend class Client;
  struct Connection;
  explicit LineStream(std::unique_ptr<Connection> connection);
  std::unique_ptr<Connection> connection_;
};

class Client {
 public:
  explicit Client(std::string socket_path) : path_(std::move(socket_path)) {}

  [[nodiscard]] const std::string& socket_path() const { return path_; }

  /// Any answer is a Reply, also one that refuses (json.h: decode_error). kUnavailable: nobody answers on the socket;
  /// kTimeout; kIo: what came is not HTTP, or more than 64 MiB.
  /// `given_up`, where there is one, is asked several times a second; true ends it with kUnavailable, and the
  /// connection: the server may be at it all the same.
  Result<Reply> request(std::string_view method, std::string_view target, std::string_view body, Deadline deadline,
                        const std::function<bool()>& given_up = {}) const;

  /// A streamed answer, once its head is there. A refusal is its decoded error.
  Result<LineStream> open_lines(std::string_view target, Deadline head) const;

  /// The lines of a streamed answer as they come, as long as the server sends and `take` wants them; with no end by
  /// itself when the stream follows, so the deadline is for the head only. A refusal is its decoded error.
  Result<> stream(std::string_view target, Deadline head,
                  const std::function<Wants(std::string_view line)>& take) const;

  /// Turns a request into a stream of exec frames: the connection once the server has switched, non-blocking. Every
  /// byte after the head is still in it.
  Result<Fd> upgrade(std::string_view target, Deadline deadline) const;

 private:
  std::string path_;
};

}  // namespace enforcer::control
