// HostLink: the connection to enforcer-hostd, kept up for as long as enforcerd lives. hostd may come later, go and come
// back: what runs goes on meanwhile (invariant 11), only guests can be neither made nor changed.
//
// Thread: worker 0.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/steady_timer.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/fd.h"
#include "enforcerd/freezer.h"
#include "hostproto/messages.h"
#include "net/poller.h"

namespace enforcer::proxy {
class Worker;
}

namespace enforcer::enforcerd {

/// What hostd brings.
class HostEvents {
 public:
  /// New listeners, the DNS socket and the counters; true: they are served, hostd may steer packets to them.
  virtual bool welcomed(const hostproto::Welcome& welcome, std::vector<Fd> descriptors) = 0;
  virtual void pipes(std::vector<Fd> descriptors) = 0;
  virtual void guest(const hostproto::Guest& guest, std::vector<Fd> descriptors) = 0;
  /// Every guest that exists was announced since welcomed().
  virtual void announced() = 0;
  virtual void guest_gone(const hostproto::GuestGone& gone) = 0;
  virtual void event(const hostproto::Event& event) = 0;
  /// The connection is gone.
  virtual void disconnected() = 0;

 protected:
  ~HostEvents() = default;
};

class HostLink final : public GuestFreezing, private net::PollTarget {
 public:
  HostLink(proxy::Worker& home, std::string socket_path, HostEvents& events);
  ~HostLink();

  /// Connects now, and again every second whenever there is no connection.
  void start();
  [[nodiscard]] bool connected() const { return socket_.valid(); }

  /// Sends a request and waits for hostd's reply. kUnavailable: no hostd. kTimeout: none came in time.
  /// `asked_by`: the control connection of whoever asked for the guest; used up before the first wait.
  boost::asio::awaitable<Result<std::string>> request(hostproto::CreateGuest create, int asked_by);
  boost::asio::awaitable<Result<std::string>> request(hostproto::AttachGuest attach);
  boost::asio::awaitable<Result<std::string>> request(hostproto::DeleteGuest remove);
  boost::asio::awaitable<Result<std::string>> request(hostproto::LabelGuest label);
  boost::asio::awaitable<Result<std::string>> request(hostproto::FreezeGuest freeze) override;
  boost::asio::awaitable<Result<std::string>> request(hostproto::ThawGuest thaw) override;

  /// The guest's hello was seen.
  void booted(Slot slot);

 private:
  struct Waiting {
    explicit Waiting(boost::asio::io_context& io) : timer(io) {}
    boost::asio::steady_timer timer;  ///< cancelled when the reply is there
    std::optional<hostproto::Reply> reply;
  };

  void ready(std::uint32_t events) override;
  void try_connect();
  void retry_later();
  void lost(std::string_view why);
  void take(hostproto::Packet packet);
  void take_reply(hostproto::Reply reply);
  Result<> send(const hostproto::Request& request, const std::vector<int>& descriptors = {});
  boost::asio::awaitable<Result<std::string>> ask(std::uint64_t number, hostproto::Request request,
                                                  std::vector<int> descriptors = {});

  proxy::Worker& home_;
  const std::string path_;
  HostEvents& events_;
  Fd socket_;
  boost::asio::steady_timer retry_;
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, std::shared_ptr<Waiting>> waiting_;
  std::string complaint_;  ///< why there is no connection, as it was last said
};

}  // namespace enforcer::enforcerd
