#include "control/client.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstring>
#include <limits>
#include <optional>

#include "control/api.h"
#include "control/json.h"

namespace enforcer::control {
namespace {

namespace http = boost::beast::http;
using Parser = http::response_parser<http::string_body>;

constexpr std::size_t kMaxReply = std::size_t{64} * 1024 * 1024;
constexpr std::size_t kMaxHead = 16 * 1024;
/// A record is a few KiB; a line without end is not one.
constexpr std::size_t kMaxLine = 1024 * 1024;
constexpr std::chrono::milliseconds kGivenUpIsAsked{100};

/// Waits until the socket can be read or written; the deadline is optional only for a stream that follows.
Result<> wait_for(int socket, short events, const std::optional<Deadline>& deadline) {
  while (true) {
    int timeout = -1;
    if (deadline) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline->remaining()).count();
      timeout = static_cast<int>(std::min<std::int64_t>(left, std::numeric_limits<int>::max()));
    }
    pollfd poll_entry{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&poll_entry, 1, timeout);
    if (ready > 0) return {};
    if (ready == 0) return fail(Errc::kTimeout, "the daemon did not answer in time");
    if (errno != EINTR) return fail_errno("control socket");
  }
}

Result<Fd> connect_to(const std::string& path, Deadline deadline) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Errc::kInvalid, fmt::format("{} is too long for the path of a socket", path));
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.valid()) return fail_errno("control socket");
  // EAGAIN: its backlog is full; a unix socket gives no event for that, so it is tried again.
  while (connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    if (errno != EAGAIN) {
      return fail(Errc::kUnavailable,
                  fmt::format("nobody answers on {} ({}): is enforcerd running?", path, std::strerror(errno)));
    }
    if (deadline.passed()) return fail(Errc::kTimeout, "the daemon is busy");
    poll(nullptr, 0, 20);
  }
  return socket;
}

/// Sends all of it, or as much as the server wants: it may answer and close before it has read a body that it refuses.
Result<> send_all(int socket, std::string_view bytes, Deadline deadline) {
  while (!bytes.empty()) {
    const ssize_t sent = ::send(socket, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(sent));
    } else if (errno == EPIPE || errno == ECONNRESET) {
      return {};
    } else if (errno == EAGAIN) {
      TRY_VOID(wait_for(socket, POLLOUT, deadline));
    } else if (errno != EINTR) {
      return fail_errno("control socket");
    }
  }
  return {};
}

std::string head_of(std::string_view method, std::string_view target, std::string_view more) {
  return fmt::format("{} {} HTTP/1.1\r\nHost: enforcer\r\n{}\r\n", method, target, more);
}

/// An answer, fed to the parser as it arrives.
class Incoming {
 public:
  explicit Incoming(int socket) : socket_(socket) {
    parser_.eager(true);
    parser_.body_limit(boost::none);
    parser_.header_limit(kMaxHead);
  }

  /// Waits for one read's worth. False when the answer is complete.
  Result<bool> advance(Deadline deadline) {
    if (parser_.is_done()) return false;
    TRY_VOID(wait_for(socket_, POLLIN, deadline));
    return take();
  }

  /// As above, of what is there.
  Result<bool> take() {
    if (parser_.is_done()) return false;
    std::array<char, 16 * 1024> buffer;
    const ssize_t size = recv(socket_, buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size < 0) return fail_errno("control socket");
    boost::system::error_code error;
    if (size == 0) {
      if (!parser_.got_some()) return fail(Errc::kIo, "the daemon closed the connection without an answer");
      parser_.put_eof(error);
    } else {
      pending_.append(buffer.data(), static_cast<std::size_t>(size));
      const std::size_t used = parser_.put(boost::asio::buffer(pending_), error);
      pending_.erase(0, used);
      if (error == http::error::need_more) error = {};
    }
    if (error) return fail(Errc::kIo, "the daemon's answer broke off: " + error.message());
    return !parser_.is_done();
  }

  [[nodiscard]] bool head_done() const { return parser_.is_header_done(); }
  [[nodiscard]] unsigned status() const { return parser_.get().result_int(); }
  [[nodiscard]] std::string& body() { return parser_.get().body(); }

 private:
  int socket_;
  Parser parser_;
  std::string pending_;
};

/// Reads the rest of an answer that is not a stream.
Result<Reply> whole_reply(Incoming& incoming, Deadline deadline) {
  while (TRY(incoming.advance(deadline))) {
    if (incoming.body().size() > kMaxReply) return fail(Errc::kIo, "the daemon's answer is too large");
  }
  return Reply{.status = incoming.status(), .body = std::move(incoming.body())};
}

/// The same for somebody who may give up meanwhile.
Result<Reply> whole_reply(Incoming& incoming, Deadline deadline, const std::function<bool()>& given_up) {
  while (true) {
    if (given_up()) return fail(Errc::kUnavailable, "interrupted");
    const auto nap = std::min<std::chrono::nanoseconds>(kGivenUpIsAsked, deadline.remaining());
    auto reply = whole_reply(incoming, Deadline::after(nap));
    if (reply || reply.error().code != Errc::kTimeout || deadline.passed()) return reply;
  }
}

/// Moves the whole lines of `text` behind `lines`.
void take_lines(std::string& text, std::vector<std::string>& lines) {
  std::size_t begin = 0;
  for (auto end = text.find('\n'); end != std::string::npos; end = text.find('\n', begin)) {
    lines.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  text.erase(0, begin);
}

}  // namespace

Result<Reply> Client::request(std::string_view method, std::string_view target, std::string_view body,
                              Deadline deadline, const std::function<bool()>& given_up) const {
  const Fd socket = TRY(connect_to(path_, deadline));
  std::string more = "Connection: close\r\n";
  if (!body.empty()) more += fmt::format("Content-Type: {}\r\n", method == "PUT" ? "text/plain" : "application/json");
  if (method != "GET") more += fmt::format("Content-Length: {}\r\n", body.size());
  TRY_VOID(send_all(socket.get(), head_of(method, target, more), deadline));
  TRY_VOID(send_all(socket.get(), body, deadline));  // by itself: a body may be a secret, which is not copied
  Incoming incoming(socket.get());
  return given_up ? whole_reply(incoming, deadline, given_up) : whole_reply(incoming, deadline);
}

struct LineStream::Connection {
  Fd socket;
  Incoming incoming;
  bool more = true;  ///< the answer is not complete
};

LineStream::LineStream(std::unique_ptr<Connection> connection) : connection_(std::move(connection)) {}
LineStream::LineStream(LineStream&&) noexcept = default;
LineStream& LineStream::operator=(LineStream&&) noexcept = default;
LineStream::~LineStream() = default;

int LineStream::descriptor() const {
  return connection_->socket.get();
}

Result<std::optional<std::vector<std::string>>> LineStream::read() {
  Connection& connection = *connection_;
  std::vector<std::string> lines;
  std::string& text = connection.incoming.body();
  take_lines(text, lines);
  if (!lines.empty()) return lines;
  if (!connection.more) return std::optional<std::vector<std::string>>();
  if (text.size() > kMaxLine) return fail(Errc::kIo, "the daemon sent a line without an end");
  connection.more = TRY(connection.incoming.take());
  take_lines(text, lines);
  return lines;
}

Result<LineStream> Client::open_lines(std::string_view target, Deadline head) const {
  Fd socket = TRY(connect_to(path_, head));
  TRY_VOID(send_all(socket.get(), head_of("GET", target, "Connection: close\r\n"), head));
  const int descriptor = socket.get();
  auto connection = std::unique_ptr<LineStream::Connection>(
      new LineStream::Connection{.socket = std::move(socket), .incoming = Incoming(descriptor)});
  Incoming& incoming = connection->incoming;
  while (connection->more && !incoming.head_done()) connection->more = TRY(incoming.advance(head));
  if (incoming.status() / 100 != 2) {
    const Reply refusal = TRY(whole_reply(incoming, head));
    return std::unexpected(decode_error(refusal.status, refusal.body));
  }
  return LineStream(std::move(connection));
}

Result<> Client::stream(std::string_view target, Deadline head,
                        const std::function<Wants(std::string_view line)>& take) const {
  LineStream stream = TRY(open_lines(target, head));
  while (true) {
    const auto lines = TRY(stream.read());
    if (!lines) return {};
    for (const std::string& line : *lines) {
      if (take(line) == Wants::kNoMore) return {};
    }
    if (lines->empty()) TRY_VOID(wait_for(stream.descriptor(), POLLIN, std::nullopt));
  }
}

Result<Fd> Client::upgrade(std::string_view target, Deadline deadline) const {
  Fd socket = TRY(connect_to(path_, deadline));
  const std::string fields = fmt::format("Connection: Upgrade\r\nUpgrade: {}\r\nContent-Length: 0\r\n", kExecProtocol);
  TRY_VOID(send_all(socket.get(), head_of("POST", target, fields), deadline));
  // One byte at a time, so that nothing behind the head is taken out of the socket.
  std::string head;
  while (!head.ends_with("\r\n\r\n")) {
    TRY_VOID(wait_for(socket.get(), POLLIN, deadline));
    char byte = 0;
    const ssize_t size = recv(socket.get(), &byte, 1, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0 || head.size() >= kMaxHead) {
      return fail(Errc::kIo, "the daemon closed the connection without an answer");
    }
    head += byte;
  }
  if (head.starts_with("HTTP/1.1 101 ")) return socket;
  boost::system::error_code error;
  Parser parser;
  parser.put(boost::asio::buffer(head), error);
  const auto length = parser.is_header_done() ? parser.content_length() : boost::none;
  std::string body;
  while (length && body.size() < std::min<std::uint64_t>(*length, kMaxReply)) {
    TRY_VOID(wait_for(socket.get(), POLLIN, deadline));
    std::array<char, 4096> buffer;
    const ssize_t size = recv(socket.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) break;
    body.append(buffer.data(), static_cast<std::size_t>(size));
  }
  const unsigned status = parser.is_header_done() ? parser.get().result_int() : 0;
  return std::unexpected(decode_error(status, body));
}

}  // namespace enforcer::control
