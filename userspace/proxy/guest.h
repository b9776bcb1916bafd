// Guest: one boot of one guest, as all workers share it. Identity and names never change; the counts are atomics,
// because a guest's limits hold over all workers together (invariant 10). What only one worker needs (policy, sessions,
// checked addresses), and what changes while they run (labels), is in that worker's GuestView.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/ids.h"
#include "base/ip.h"
#include "config/config.h"
#include "dns/name_table.h"
#include "net/byte_budget.h"
#include "net/rate_limit.h"
#include "tls/authority.h"

namespace enforcer::proxy {

struct GuestIdentity {
  Slot slot{};
  Epoch epoch{};
  GuestName name;
  uid_t owner = 0;  ///< whoever asked for it
  IpAddress ipv4;
  IpAddress ipv6;
};

class Guest {
 public:
  Guest(GuestIdentity identity, const config::Limits& limits, std::unique_ptr<dns::NameTable> names,
        std::shared_ptr<const tls::CertificateAuthority> authority)
      : identity_(std::move(identity)),
        names_(std::move(names)),
        authority_(std::move(authority)),
        decisions_(limits.decisions_per_minute, std::chrono::minutes(1)),
        requests_(limits.requests_per_minute, std::chrono::minutes(1)),
        dns_queries_(limits.dns_per_second, std::chrono::seconds(1)),
        upload_(limits.upload_bytes_per_hour),
        distinct_names_(limits.distinct_names_per_hour),
        session_limit_(limits.connections),
        half_open_limit_(limits.half_open) {}

  [[nodiscard]] const GuestIdentity& identity() const { return identity_; }
  [[nodiscard]] dns::NameTable& names() { return *names_; }
  [[nodiscard]] const std::shared_ptr<const tls::CertificateAuthority>& authority() const { return authority_; }

  /// Other limits from now on: a reload. Those of the configuration, lowered by the guest's policies.
  void limit(const config::Limits& limits) {
    decisions_.change(limits.decisions_per_minute, std::chrono::minutes(1));
    requests_.change(limits.requests_per_minute, std::chrono::minutes(1));
    dns_queries_.change(limits.dns_per_second, std::chrono::seconds(1));
    upload_.change(limits.upload_bytes_per_hour);
    distinct_names_.store(limits.distinct_names_per_hour, std::memory_order_relaxed);
    session_limit_.store(limits.connections, std::memory_order_relaxed);
    half_open_limit_.store(limits.half_open, std::memory_order_relaxed);
  }

  /// One more session; false when the guest has as many as it may, or as many half-open ones as it may.
  [[nodiscard]] bool open_session() {
    if (half_open_.fetch_add(1, std::memory_order_relaxed) >= half_open_limit_.load(std::memory_order_relaxed)) {
      half_open_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    if (sessions_.fetch_add(1, std::memory_order_relaxed) >= session_limit_.load(std::memory_order_relaxed)) {
      sessions_.fetch_sub(1, std::memory_order_relaxed);
      half_open_.fetch_sub(1, std::memory_order_relaxed);
      return false;
    }
    return true;
  }
  /// A session is half-open no more.
  void session_said_what_it_wants() { half_open_.fetch_sub(1, std::memory_order_relaxed); }
  /// One more request by HTTP/2 at the same time: as many as connections.
  [[nodiscard]] bool open_stream() {
    if (streams_.fetch_add(1, std::memory_order_relaxed) < session_limit_.load(std::memory_order_relaxed)) return true;
    streams_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void close_stream() { streams_.fetch_sub(1, std::memory_order_relaxed); }

  /// Bodies that are kept whole because a decision needs them: kMaxHeldBodies octets at the same time.
  [[nodiscard]] bool hold_body(std::size_t octets) {
    if (held_bodies_.fetch_add(octets, std::memory_order_relaxed) + octets <= kMaxHeldBodies) return true;
    held_bodies_.fetch_sub(octets, std::memory_order_relaxed);
    return false;
  }
  void release_body(std::size_t octets) { held_bodies_.fetch_sub(octets, std::memory_order_relaxed); }
  static constexpr std::size_t kMaxHeldBodies = std::size_t{16} << 20;

  /// HTTP/2 bodies, either way, of which up to kWideWindow octets may be on their way at once: 32 MiB that wait for
  /// somebody who does not read.
  [[nodiscard]] bool open_wide_window() {
    if (wide_windows_.fetch_add(1, std::memory_order_relaxed) < kMaxWideWindows) return true;
    wide_windows_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void close_wide_window() { wide_windows_.fetch_sub(1, std::memory_order_relaxed); }
  static constexpr std::uint32_t kMaxWideWindows = 32;

  /// Answers whose encoding is taken off: up to 16 MiB of window each (http/content_decoder.h).
  [[nodiscard]] bool open_decoder() {
    if (decoders_.fetch_add(1, std::memory_order_relaxed) < kMaxDecoders) return true;
    decoders_.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  void close_decoder() { decoders_.fetch_sub(1, std::memory_order_relaxed); }
  static constexpr std::uint32_t kMaxDecoders = 32;

  void close_session() { sessions_.fetch_sub(1, std::memory_order_relaxed); }
  /// Open now, over all workers. Requests of one connection do not count by themselves.
  [[nodiscard]] std::uint32_t sessions() const { return sessions_.load(std::memory_order_relaxed); }

  /// May one more decision be made now? A refused one is counted for the summary of the second.
  [[nodiscard]] bool take_decision(Monotonic::time_point now) {
    if (decisions_.take(now)) return true;
    undecided_.fetch_add(1, std::memory_order_relaxed);
    return false;
  }
  /// How many were refused since the last call.
  [[nodiscard]] std::uint64_t take_undecided() { return undecided_.exchange(0, std::memory_order_relaxed); }

  /// May it make one more HTTP request?
  [[nodiscard]] bool take_request(Monotonic::time_point now) { return requests_.take(now); }

  /// Bytes that it sends to origins, over all its connections.
  [[nodiscard]] net::ByteBudget& upload() { return upload_; }

  [[nodiscard]] bool take_dns_query(Monotonic::time_point now) { return dns_queries_.take(now); }

  /// How many new names an hour it may get below one suffix (policy/open_suffix.h).
  [[nodiscard]] std::uint32_t distinct_names_per_hour() const {
    return distinct_names_.load(std::memory_order_relaxed);
  }

 private:
  const GuestIdentity identity_;
  const std::unique_ptr<dns::NameTable> names_;
  const std::shared_ptr<const tls::CertificateAuthority> authority_;
  net::RateLimit decisions_;
  net::RateLimit requests_;
  net::RateLimit dns_queries_;
  net::ByteBudget upload_;
  std::atomic<std::uint32_t> distinct_names_;
  std::atomic<std::uint32_t> session_limit_;
  std::atomic<std::uint32_t> half_open_limit_;
  std::atomic<std::uint32_t> sessions_ = 0;
  std::atomic<std::uint32_t> half_open_ = 0;
  std::atomic<std::uint32_t> streams_ = 0;
  std::atomic<std::size_t> held_bodies_ = 0;
  std::atomic<std::uint32_t> wide_windows_ = 0;
  std::atomic<std::uint32_t> decoders_ = 0;
  std::atomic<std::uint64_t> undecided_ = 0;
};

}  // namespace enforcer::proxy
