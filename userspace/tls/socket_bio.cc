#include "tls/socket_bio.h"

#include <algorithm>
#include <cstring>

#include "base/give_back.h"

namespace enforcer::tls {

struct SocketBio::Method {
  static SocketBio& self(BIO* bio) { return *static_cast<SocketBio*>(BIO_get_data(bio)); }

  static int read(BIO* bio, char* buffer, int size) {
    if (size <= 0) return 0;
    BIO_clear_retry_flags(bio);
    SocketBio& socket = self(bio);
    const int count = socket.read({reinterpret_cast<std::uint8_t*>(buffer), static_cast<std::size_t>(size)});
    if (socket.starved_) BIO_set_retry_read(bio);
    return count;
  }
  static int write(BIO* bio, const char* bytes, int size) {
    if (size <= 0) return 0;
    BIO_clear_retry_flags(bio);
    return self(bio).write({reinterpret_cast<const std::uint8_t*>(bytes), static_cast<std::size_t>(size)});
  }
  static long control(BIO* bio, int command, long /*number*/, void* /*pointer*/) {
    switch (command) {
      case BIO_CTRL_EOF:
        return self(bio).eof_ ? 1 : 0;
      case BIO_CTRL_FLUSH:  // nothing is kept back but what the socket refuses
        return 1;
      default:
        return 0;
    }
  }

  /// One for the process, never freed.
  static const BIO_METHOD* get() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "enforcer socket");
      ENFORCER_CHECK(made != nullptr && BIO_meth_set_read(made, read) == 1 && BIO_meth_set_write(made, write) == 1 &&
                     BIO_meth_set_ctrl(made, control) == 1);
      return made;
    }();
    return method;
  }
};

SocketBio::SocketBio(net::AsyncSocket& socket, std::vector<std::uint8_t> received)
    : socket_(socket), received_(std::move(received)) {}

Result<> SocketBio::attach(ssl_st& session) {
  BIO* bio = BIO_new(Method::get());
  if (bio == nullptr) return fail_openssl(Errc::kUnavailable, "cannot make a BIO");
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(&session, bio, bio);
  return {};
}

int SocketBio::read(std::span<std::uint8_t> buffer) {
  starved_ = false;
  if (!received_.empty()) {
    const std::size_t count = std::min(buffer.size(), received_.size() - received_used_);
    std::memcpy(buffer.data(), received_.data() + received_used_, count);
    received_used_ += count;
    if (received_used_ == received_.size()) give_back(received_);
    return static_cast<int>(count);
  }
  auto count = socket_.try_read(buffer);
  if (!count) {
    starved_ = true;
    return -1;
  }
  if (!*count) {
    failure_ = std::make_unique<Error>(std::move(*count).error());
    return -1;
  }
  eof_ = **count == 0;
  return static_cast<int>(**count);
}

int SocketBio::write(Bytes bytes) {
  const int all = static_cast<int>(bytes.size());
  if (send_failure_) return all;
  if (unsent() == 0) {
    auto count = socket_.try_write(bytes);
    if (!count) {
      send_failure_ = std::make_unique<Error>(std::move(count).error());
      return all;
    }
    bytes = bytes.subspan(*count);
  }
  outgoing_.insert(outgoing_.end(), bytes.begin(), bytes.end());
  return all;
}

Result<> SocketBio::flush() {
  while (!send_failure_ && unsent() > 0) {
    auto count = socket_.try_write(Bytes(outgoing_).subspan(sent_));
    if (!count) {
      send_failure_ = std::make_unique<Error>(std::move(count).error());
    } else if (*count == 0) {
      return {};
    } else {
      sent_ += *count;
    }
  }
  give_back(outgoing_);  // most connections need it never or rarely
  sent_ = 0;
  if (send_failure_) return std::unexpected(*send_failure_);
  if (ending_ && !ended_) {
    ended_ = true;
    socket_.end_writing();
  }
  return {};
}

void SocketBio::end_when_flushed() {
  ending_ = true;
  if (!flush()) socket_.end_writing();  // broken or interrupted: nothing more will be sent
}

}  // namespace enforcer::tls
