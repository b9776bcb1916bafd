#include "control/exec_relay.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/string.hpp>
#include <csignal>

#include "control/json.h"
#include "control/json_object.h"

namespace enforcer::control {
namespace {

using hostproto::Frame;
using hostproto::FrameType;
using namespace asio::experimental::awaitable_operators;

constexpr auto kAfterTerm = std::chrono::seconds(2);
constexpr auto kAfterKill = std::chrono::seconds(3);

/// Both directions of one exec, and the watch over the client. All of it on one thread; only to_client() writes to the
/// client, so frames never mix.
class Relay {
 public:
  Relay(Stream& stream, ExecChannel& channel, const asio::any_io_executor& executor)
      : stream_(stream), channel_(channel), patience_(executor), limit_(executor), room_(executor) {
    room_.expires_at(std::chrono::steady_clock::time_point::max());  // woken by cancel() alone
  }

  asio::awaitable<void> run(std::string early) {
    stream_.expires_never();
    co_await (to_guest(std::move(early)) && to_client() && outlive_client());
  }

 private:
  asio::awaitable<void> to_guest(std::string bytes) {
    hostproto::FrameReader reader;
    std::array<char, 16 * 1024> buffer;
    while (!finished_) {
      const auto fed = reader.feed(as_bytes(bytes));
      if (!fed) {
        refuse(fed.error().message);
        co_return;
      }
      if (!co_await send_all(reader)) co_return;
      const auto [error, size] = co_await stream_.async_read_some(asio::buffer(buffer), kAwait);
      if (error) break;
      bytes.assign(buffer.data(), size);
    }
    hang_up();
  }

  /// Sends what the client said to the guest; false when this direction is over.
  asio::awaitable<bool> send_all(hostproto::FrameReader& reader) {
    while (auto frame = client_gone_ ? std::nullopt : reader.next()) {
      const bool begins = frame->type == FrameType::kExec && !begun_;
      const bool goes_on = begun_ && (frame->type == FrameType::kStdin || frame->type == FrameType::kSignal ||
                                      frame->type == FrameType::kWindow);
      if (!begins && !goes_on) {
        refuse("one 'X' frame and then 'I', 'S' and 'W' frames are taken here, and nothing else");
        co_return false;
      }
      begun_ = true;
      if (frame->type == FrameType::kStdin && !co_await made_room(frame->payload.size())) continue;
      // A failure is the guest's end, which to_client() reports.
      co_await send(*std::move(frame));
    }
    co_return true;
  }

  /// Waits until so much more input is within the window, whatever the client sends: a signal must not wait behind
  /// input that the command does not read. False when the input has become nobody's.
  asio::awaitable<bool> made_room(std::size_t bytes) {
    while (in_flight_ + bytes > hostproto::kStdinWindow && !client_gone_ && !finished_) {
      co_await room_.async_wait(kAwait);
    }
    in_flight_ += bytes;
    co_return !client_gone_ && !finished_;
  }

  /// What the guest says it has taken: never more than was sent to it, whatever it says.
  std::string acknowledged(std::string_view payload) {
    const std::size_t taken = std::min<std::size_t>(hostproto::decode_input_taken(payload).value_or(0), in_flight_);
    in_flight_ -= taken;
    room_.cancel();
    return hostproto::encode_input_taken(static_cast<std::uint32_t>(taken));
  }

  asio::awaitable<void> send(Frame frame) {
    sending_ = true;
    (void)co_await channel_.send(std::move(frame));
    sending_ = false;
  }

  asio::awaitable<void> to_client() {
    while (true) {
      const auto frame = co_await channel_.receive();
      if (!frame) {
        const std::string message = refusal_.empty() ? frame.error().message : refusal_;
        co_await write(encode_frame(FrameType::kResult, dump({{"error", message}})));
        break;
      }
      // What a guest says unasked is nobody's output.
      if (!begun_) continue;
      const bool over = frame->type == FrameType::kResult;
      const bool output = frame->type == FrameType::kStdout || frame->type == FrameType::kStderr;
      if (over || output) co_await write(encode_frame(frame->type, frame->payload));
      if (frame->type == FrameType::kStdin) co_await write(acknowledged(frame->payload));
      if (over) break;
    }
    finished_ = true;
    room_.cancel();
    patience_.cancel();
    limit_.cancel();
    channel_.close();
    hang_up();
  }

  /// Without a client the output is still taken from the guest, or the command could not get to its end.
  asio::awaitable<void> write(std::string bytes) {
    if (client_gone_) co_return;
    co_await asio::async_write(stream_, asio::buffer(bytes), kAwait);
  }

  /// Waits for the client to go, however much of what it sent waits unread behind a guest that takes nothing; then ends
  /// the command.
  asio::awaitable<void> outlive_client() {
    co_await stream_.socket().async_wait(asio::socket_base::wait_error, kAwait);
    client_gone_ = true;
    room_.cancel();
    if (finished_) co_return;
    // A guest that does not even take its input would not take a signal.
    if (begun_ && !sending_) co_await (end_command() && close_in_the_end());
    channel_.close();
  }

  asio::awaitable<void> end_command() {
    co_await send({FrameType::kSignal, std::string(1, static_cast<char>(SIGTERM))});
    patience_.expires_after(kAfterTerm);
    if (!finished_) co_await patience_.async_wait(kAwait);
    if (!finished_) co_await send({FrameType::kSignal, std::string(1, static_cast<char>(SIGKILL))});
  }

  asio::awaitable<void> close_in_the_end() {
    limit_.expires_after(kAfterTerm + kAfterKill);
    if (!finished_) co_await limit_.async_wait(kAwait);
    channel_.close();
  }

  /// The client broke the protocol. Before the command began it is told; afterwards it has only itself to blame.
  void refuse(std::string message) {
    refusal_ = std::move(message);
    if (begun_) {
      hang_up();
    } else {
      channel_.close();
    }
  }

  void hang_up() {
    boost::system::error_code ignored;
    stream_.socket().shutdown(asio::socket_base::shutdown_both, ignored);
  }

  Stream& stream_;
  ExecChannel& channel_;
  asio::steady_timer patience_;  ///< between SIGTERM and SIGKILL
  asio::steady_timer limit_;     ///< for both
  asio::steady_timer room_;      ///< for input within the window
  std::size_t in_flight_ = 0;    ///< bytes of input that the guest has not acknowledged
  std::string refusal_;
  bool begun_ = false;     ///< a command was sent to the guest
  bool sending_ = false;   ///< a frame is on its way into the guest
  bool finished_ = false;  ///< the guest gave a result, or is gone
  bool client_gone_ = false;
};

constexpr std::string_view kSwitching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: enforcer-exec/1\r\n\r\n";

}  // namespace

asio::awaitable<void> relay_exec(Service& service, Stream& stream, Caller caller, std::string guest,
                                 std::string upgrade, std::string early) {
  if (!beast::iequals(upgrade, kExecProtocol)) {
    Answer refusal{426, encode_error("upgrade_required", fmt::format("exec needs 'Upgrade: {}'", kExecProtocol)), ""};
    co_await send_answer(service, stream, std::move(refusal), After::kClose);
    co_return;
  }
  auto name = GuestName::parse(guest);
  if (!name) {
    co_await send_answer(service, stream, answer_error(name.error()), After::kClose);
    co_return;
  }
  auto channel = co_await service.backend.exec(caller, *name);
  if (!channel) {
    co_await send_answer(service, stream, answer_error(channel.error()), After::kClose);
    co_return;
  }
  stream.expires_after(service.options.request_deadline);
  if (const auto [error, size] = co_await asio::async_write(stream, asio::buffer(kSwitching), kAwait); error) co_return;
  Relay relay(stream, **channel, co_await asio::this_coro::executor);
  co_await relay.run(std::move(early));
}

}  // namespace enforcer::control
