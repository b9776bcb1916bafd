// OriginPool: connections to origins that one guest may use again, on one worker. Idle HTTP/1 connections wait here for
// the next request; HTTP/2 connections are shared by the requests that run now. Each is found by its key only, so it
// serves the same guest, name, port and credential (invariant 9), and the address it leads to is asked about again
// before each use (invariant 5; origin_leg.cc).
//
// Also what is known about origins: which version they speak, and who is being dialled just now, so that a hundred
// requests that come at once share one connection instead of dialling a hundred.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "base/deadline.h"
#include "net/signal.h"
#include "net/timer_wheel.h"
#include "proxy/interruptible.h"
#include "proxy/origin_connection.h"

namespace enforcer::proxy {

class Http2OriginConnection;

class OriginPool final : private net::WheelEntry {
 public:
  /// More idle connections than these of one version are closed, the oldest first.
  static constexpr std::size_t kMaxIdle = 64;
  /// Servers commonly close after 60-75 s; closing first avoids the race with their FIN.
  static constexpr std::chrono::seconds kIdleTime{50};

  explicit OriginPool(net::TimerWheel& wheel) : wheel_(wheel) {}

  /// A quiet HTTP/1 connection, or null.
  std::unique_ptr<OriginConnection> take(const OriginKey& key, OriginConnection::Ask whom);
  void give_back(std::unique_ptr<OriginConnection> connection);

  /// An HTTP/2 connection with room for one more request, or null.
  std::shared_ptr<Http2OriginConnection> find_shared(const OriginKey& key);
  void share(std::shared_ptr<Http2OriginConnection> connection);

  /// What an origin turned out to speak.
  void remember(const OriginKey& key, tls::ApplicationProtocol protocol);
  [[nodiscard]] bool speaks_only_http1(const std::string& place, Port port) const;

  /// The connections over which a value of this credential was sent are closed.
  void revoke(std::string_view credential);

  /// Everything is closed, and nothing is kept any more.
  void close();

  /// While it lives, others that want the same key wait for it.
  class Dial {
   public:
    Dial(OriginPool& pool, OriginKey key) : pool_(pool), key_(std::move(key)) { ++pool_.dials_[key_].under_way; }
    ~Dial();
    Dial(const Dial&) = delete;
    Dial& operator=(const Dial&) = delete;

   private:
    OriginPool& pool_;
    const OriginKey key_;
  };
  [[nodiscard]] bool dialling(const OriginKey& key) const { return dials_.contains(key); }

  /// Waits for the end of a dial.
  class Waiting final : public Interruptible {
   public:
    Waiting(boost::asio::io_context& io, OriginPool& pool, const OriginKey& key);
    ~Waiting();
    Waiting(const Waiting&) = delete;
    Waiting& operator=(const Waiting&) = delete;
    boost::asio::awaitable<void> wait() { return signal_.wait(); }
    void interrupt(Errc /*why*/) override { signal_.notify(); }

   private:
    friend class Dial;
    OriginPool& pool_;
    const OriginKey key_;
    net::Signal signal_;
  };

 private:
  struct Idle {
    std::unique_ptr<OriginConnection> connection;
    Monotonic::time_point until;
  };
  struct Dials {
    int under_way = 0;
    std::set<Waiting*> waiting;
  };
  void expired() override;
  void close_an_idle_one();

  net::TimerWheel& wheel_;
  std::list<Idle> idle_;  ///< the oldest first
  std::vector<std::shared_ptr<Http2OriginConnection>> shared_;
  std::map<OriginKey, Dials> dials_;
  std::set<std::pair<std::string, Port>> only_http1_;
  bool closed_ = false;
};

}  // namespace enforcer::proxy
