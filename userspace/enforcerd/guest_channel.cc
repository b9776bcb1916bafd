#include "enforcerd/guest_channel.h"

#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "net/async_socket.h"
#include "net/timer_wheel.h"
#include "proxy/worker.h"

namespace enforcer::enforcerd {

namespace asio = boost::asio;
using hostproto::Frame;
using hostproto::FrameType;

namespace {

constexpr std::chrono::seconds kSendDeadline{30};

std::string make_nonce() {
  std::string nonce(hostproto::kNonceSize, '\0');
  ENFORCER_CHECK(getrandom(nonce.data(), nonce.size(), 0) == static_cast<ssize_t>(nonce.size()));
  return nonce;
}

}  // namespace

/// Interrupts a socket when a deadline passes and the guest could have done what is waited for.
class GuestChannel::Guard final : public net::WheelEntry {
 public:
  Guard(const GuestChannel& channel, net::AsyncSocket& socket, Deadline deadline) : channel_(channel), socket_(socket) {
    channel_.home_.wheel().schedule(*this, deadline);
  }

 private:
  void expired() override {
    if (channel_.pace_->frozen) return channel_.home_.wheel().schedule(*this, Deadline::after(kSendDeadline));
    socket_.interrupt(Errc::kTimeout);
  }
  const GuestChannel& channel_;
  net::AsyncSocket& socket_;
};

class GuestChannel::Conversation final : public control::ExecChannel {
 public:
  Conversation(std::shared_ptr<GuestChannel> channel, std::unique_ptr<net::AsyncSocket> socket, Use use)
      : channel_(std::move(channel)), socket_(std::move(socket)), use_(use) {
    channel_->current_ = this;
  }
  ~Conversation() override {
    if (channel_->current_ == this) channel_->current_ = nullptr;
    channel_->home_.poller().remove(socket_->fd());  // the stream lives on by its other descriptor
  }

  [[nodiscard]] Use use() const { return use_; }

  asio::awaitable<Result<>> greet(Deadline deadline) {
    const Guard guard(*channel_, *socket_, deadline);
    const std::string nonce = make_nonce();
    reader_.expect_hello(nonce);
    const std::string hello = hostproto::encode_frame(FrameType::kHello, nonce);
    if (auto sent = co_await socket_->write_all(as_bytes(hello)); !sent) co_return sent;
    const auto echoed = co_await receive();
    if (!echoed) co_return std::unexpected(echoed.error());
    if (!channel_->trust_pem_.empty()) {
      const std::string trust = hostproto::encode_frame(FrameType::kTrust, channel_->trust_pem_);
      if (auto sent = co_await socket_->write_all(as_bytes(trust)); !sent) co_return sent;
    }
    if (auto told = co_await write_clock(); !told) co_return told;
    free_ = true;
    co_return Result<>{};
  }

  asio::awaitable<Result<>> send(Frame frame) override {
    const Guard guard(*channel_, *socket_, Deadline::after(kSendDeadline));
    const std::string encoded = hostproto::encode_frame(frame.type, frame.payload);
    free_ = false;
    auto sent = co_await socket_->write_all(as_bytes(encoded));
    if (sent) sent = co_await write_clock();  // it may have become due while we wrote
    free_ = true;
    co_return sent;
  }

  /// Between two frames, if there is room.
  void tell_time() {
    if (!free_) return;  // who writes now tells it afterwards
    const std::string clock = hostproto::encode_clock(WallClock::now());
    const ssize_t sent = ::send(socket_->fd(), clock.data(), clock.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent == static_cast<ssize_t>(clock.size())) {
      channel_->pace_->clock_due = false;
    } else if (sent > 0) {
      close();  // half a frame; a unix socket does not do that
    }
  }

  asio::awaitable<Result<Frame>> receive() override {
    std::array<std::uint8_t, 16 * 1024> buffer;
    while (true) {
      if (auto frame = reader_.next()) co_return *std::move(frame);
      const auto count = co_await socket_->read_some(buffer);
      if (!count) co_return std::unexpected(count.error());
      if (*count == 0) co_return fail(Errc::kUnavailable, "the guest is gone");
      if (auto fed = reader_.feed(Bytes(buffer).first(*count)); !fed) co_return std::unexpected(fed.error());
    }
  }

  void close() override { socket_->interrupt(Errc::kUnavailable); }

 private:
  asio::awaitable<Result<>> write_clock() {
    if (!channel_->pace_->clock_due || channel_->pace_->frozen) co_return Result<>{};
    const std::string clock = hostproto::encode_clock(WallClock::now());
    auto sent = co_await socket_->write_all(as_bytes(clock));
    if (sent) channel_->pace_->clock_due = false;
    co_return sent;
  }

  std::shared_ptr<GuestChannel> channel_;
  std::unique_ptr<net::AsyncSocket> socket_;
  const Use use_;
  hostproto::FrameReader reader_;
  bool free_ = false;  ///< no frame is being written
};

Result<std::unique_ptr<GuestChannel::Conversation>> GuestChannel::begin(Use use) {
  // A conversation interrupts its socket for good, so each has a descriptor of its own onto the same stream.
  Fd copy(dup(socket_.get()));
  if (!copy.valid()) return fail_errno("dup");
  auto socket = TRY(net::AsyncSocket::make(home_.io(), home_.poller(), std::move(copy)));
  return std::make_unique<Conversation>(shared_from_this(), std::move(socket), use);
}

asio::awaitable<Result<>> GuestChannel::greet(Deadline deadline) {
  if (current_ != nullptr) co_return fail(Errc::kConflict, "the channel is in use");
  const auto conversation = begin(Use::kGreeting);
  if (!conversation) co_return std::unexpected(conversation.error());
  co_return co_await (*conversation)->greet(deadline);
}

asio::awaitable<Result<std::unique_ptr<control::ExecChannel>>> GuestChannel::open() {
  if (use() == Use::kCommand) co_return fail(Errc::kConflict, "a command has the channel already");
  // A greeting that has not ended says nothing that the hello of a command does not say, too.
  close();
  auto conversation = begin(Use::kCommand);
  if (!conversation) co_return std::unexpected(conversation.error());
  if (auto greeted = co_await (*conversation)->greet(Deadline::after(patience_)); !greeted) {
    co_return fail(Errc::kUnavailable, "the guest does not answer: " + greeted.error().message);
  }
  co_return std::unique_ptr<control::ExecChannel>(*std::move(conversation));
}

GuestChannel::Use GuestChannel::use() const {
  return current_ == nullptr ? Use::kNone : current_->use();
}

void GuestChannel::tell_time() {
  if (current_ != nullptr) current_->tell_time();
}

void GuestChannel::close() {
  if (current_ != nullptr) current_->close();
}

Result<std::unique_ptr<ConsoleRing>> ConsoleRing::make(proxy::Worker& home, Fd socket) {
  std::unique_ptr<ConsoleRing> ring(new ConsoleRing(home, std::move(socket)));
  TRY_VOID(home.poller().add(ring->socket_.get(), *ring));
  return ring;
}

ConsoleRing::~ConsoleRing() {
  home_.poller().remove(socket_.get());
}

void ConsoleRing::ready(std::uint32_t) {
  std::array<char, 16 * 1024> buffer;
  // Bounded: what is not read now is reported again, and a guest that shouts only fills its own socket meanwhile.
  for (int i = 0; i < 16; ++i) {
    const ssize_t count = recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (count <= 0) return;
    kept_.append(buffer.data(), static_cast<std::size_t>(count));
    if (kept_.size() > 2 * kSize) kept_.erase(0, kept_.size() - kSize);
  }
  [[maybe_unused]] const auto again = home_.poller().again(socket_.get());
}

std::string ConsoleRing::tail(std::size_t lines) const {
  std::size_t start = kept_.size();
  for (std::size_t found = 0; start > 0 && found <= lines; --start) {
    if (kept_[start - 1] == '\n' && ++found > lines) break;
  }
  std::string shown;
  std::string_view rest = std::string_view(kept_).substr(start);
  while (!rest.empty()) {
    const std::size_t newline = rest.find('\n');
    shown += "  | " + escape_untrusted(rest.substr(0, newline)) + "\n";
    rest.remove_prefix(newline == std::string_view::npos ? rest.size() : newline + 1);
  }
  return shown;
}

}  // namespace enforcer::enforcerd
