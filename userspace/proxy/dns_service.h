// DnsService: answers the DNS queries of all guests, whatever server they think they ask. An allowed name gets its
// synthetic address, a denied one NXDOMAIN with the decision id; no query leaves the host for either (invariant 1).
//
// Runs on one worker, which is the one writer of every guest's name table.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "dns/message.h"
#include "net/poller.h"
#include "proxy/guest_view.h"

namespace enforcer::proxy {

class Worker;

class DnsService {
 public:
  explicit DnsService(Worker& home);
  ~DnsService();

  /// Serves the socket that hostd opened on port 53 (packet information and marks are on), instead of the one before.
  Result<> serve(Fd socket);

  /// The answer to one message of a guest; none: not a query, nothing is sent. On the home worker's thread.
  [[nodiscard]] std::optional<dns::Answer> answer(GuestView& view, Bytes message, dns::Transport transport);

  /// The same for DNS over TCP, from any worker's coroutine.
  boost::asio::awaitable<std::optional<dns::Answer>> answer_from_anywhere(Slot slot, std::vector<std::uint8_t> message);

 private:
  class Socket;
  struct Outcome {
    dns::Answer answer;
    policy::Action action;
    dns::ResponseCode code;
  };
  Outcome answer_query(GuestView& view, const dns::Query& query);
  /// Of names that a wildcard lets through, so many an hour below one suffix.
  static bool within_name_budget(GuestView& view, const HostName& name);
  Outcome deny(GuestView& view, const dns::Query& query, const policy::Decision& denial);
  DecisionId record_denial(GuestView& view, const HostName* name, const policy::Decision& denial);

  Worker& home_;
  std::vector<std::unique_ptr<Socket>> sockets_;
};

}  // namespace enforcer::proxy
