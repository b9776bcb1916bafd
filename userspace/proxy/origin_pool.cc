#include "proxy/origin_pool.h"

#include <algorithm>

#include "dns/name_table.h"
#include "proxy/http2_origin_connection.h"

namespace enforcer::proxy {
namespace {

constexpr std::chrono::seconds kSweep{5};
/// Of every name that a guest can have.
constexpr std::size_t kMaxRemembered = dns::NameTable::kCapacity;

}  // namespace

std::unique_ptr<OriginConnection> OriginPool::take(const OriginKey& key, OriginConnection::Ask whom) {
  // The youngest first: the others may grow old.
  for (auto idle = idle_.end(); idle != idle_.begin();) {
    --idle;
    if (idle->connection->key() != key) continue;
    auto connection = std::move(idle->connection);
    idle = idle_.erase(idle);
    if (connection->quiet(whom)) return connection;
  }
  return nullptr;
}

void OriginPool::give_back(std::unique_ptr<OriginConnection> connection) {
  if (closed_) return;
  idle_.push_back({std::move(connection), Monotonic::now() + kIdleTime});
  if (idle_.size() > kMaxIdle) idle_.pop_front();
  if (!scheduled()) wheel_.schedule(*this, Deadline::after(kSweep));
}

std::shared_ptr<Http2OriginConnection> OriginPool::find_shared(const OriginKey& key) {
  const auto found = std::ranges::find_if(
      shared_, [&](const auto& connection) { return connection->key() == key && connection->has_room(); });
  return found == shared_.end() ? nullptr : *found;
}

void OriginPool::share(std::shared_ptr<Http2OriginConnection> connection) {
  if (closed_) return connection->close();
  if (shared_.size() >= kMaxIdle) close_an_idle_one();
  shared_.push_back(std::move(connection));
  if (!scheduled()) wheel_.schedule(*this, Deadline::after(kSweep));
}

/// The one that nobody has used for the longest time; those in use are as many as the guest has requests.
void OriginPool::close_an_idle_one() {
  const auto idle_since = [](const auto& connection) {
    return connection->idle_since().value_or(Monotonic::time_point::max());
  };
  const auto oldest = std::ranges::min_element(shared_, {}, idle_since);
  if (!(*oldest)->idle_since()) return;
  const auto connection = *oldest;
  shared_.erase(oldest);
  connection->close();
}

void OriginPool::remember(const OriginKey& key, tls::ApplicationProtocol protocol) {
  if (key.transport != policy::RequestFacts::Transport::kTls) return;
  if (only_http1_.size() >= kMaxRemembered) only_http1_.clear();
  if (protocol == tls::ApplicationProtocol::kHttp1) {
    only_http1_.emplace(key.place, key.port);
  } else {
    only_http1_.erase({key.place, key.port});
  }
}

bool OriginPool::speaks_only_http1(const std::string& place, Port port) const {
  return only_http1_.contains({place, port});
}

void OriginPool::revoke(std::string_view credential) {
  std::erase_if(idle_, [&](const Idle& idle) { return idle.connection->key().credential == credential; });
  std::vector<std::shared_ptr<Http2OriginConnection>> revoked;
  std::erase_if(shared_, [&](const auto& connection) {
    const bool is_its = connection->key().credential == credential;
    if (is_its) revoked.push_back(connection);
    return is_its;
  });
  for (const auto& connection : revoked) connection->close();
}

void OriginPool::close() {
  closed_ = true;
  idle_.clear();
  for (const auto& connection : std::exchange(shared_, {})) connection->close();
}

void OriginPool::expired() {
  const auto now = Monotonic::now();
  std::erase_if(idle_, [now](const Idle& idle) { return idle.until <= now; });
  std::erase_if(shared_, [now](const auto& connection) {
    if (connection->idle_since() && *connection->idle_since() + kIdleTime <= now) connection->close();
    return connection->over();
  });
  if (!idle_.empty() || !shared_.empty()) wheel_.schedule(*this, Deadline::after(kSweep));
}

OriginPool::Dial::~Dial() {
  const auto dials = pool_.dials_.find(key_);
  for (Waiting* each : std::exchange(dials->second.waiting, {})) each->signal_.notify();
  if (--dials->second.under_way == 0) pool_.dials_.erase(dials);
}

OriginPool::Waiting::Waiting(boost::asio::io_context& io, OriginPool& pool, const OriginKey& key)
    : pool_(pool), key_(key), signal_(io) {
  pool_.dials_[key_].waiting.insert(this);
}

OriginPool::Waiting::~Waiting() {
  const auto found = pool_.dials_.find(key_);
  if (found != pool_.dials_.end()) found->second.waiting.erase(this);
}

}  // namespace enforcer::proxy
