// HttpsClient: what enforcerd itself asks over HTTPS: a vault for a secret, a token service for a token.
//
// One request, one answer, one connection: such a question is asked about once an hour. The server proves with its
// certificate that it is the host of the URL before a byte of the request is written; a redirect is an answer like any
// other and is never followed, because where it leads is not what the operator wrote.
#pragma once

#include <boost/asio/awaitable.hpp>

#include "base/deadline.h"
#include "credentials/connector.h"
#include "credentials/https_message.h"
#include "credentials/interrupt_at.h"
#include "net/timer_wheel.h"
#include "tls/client_context.h"

namespace enforcer::credentials {

class HttpsClient {
 public:
  /// All of one worker, and outlive it.
  HttpsClient(net::TimerWheel& wheel, const tls::ClientContext& trust, Connector& connector)
      : wheel_(wheel), trust_(trust), connector_(connector) {}

  /// kTimeout: the deadline passed. kUnavailable: there is no answer that could be used. kInvalid: a field of the
  /// request cannot be sent. The message names the host and holds no byte of the request or the answer.
  boost::asio::awaitable<Result<HttpsResponse>> ask(HttpsRequest request, Deadline deadline);

  /// What is under way ends when its coroutine is next resumed, and what comes later at once, with kUnavailable; the
  /// connector's, too. Before the loop is left for good: a question that waits for ever would never be given back.
  void stop();

 private:
  boost::asio::awaitable<Result<HttpsResponse>> exchange(const HttpsRequest& request, Deadline deadline);

  net::TimerWheel& wheel_;
  const tls::ClientContext& trust_;
  Connector& connector_;
  InterruptAt<net::AsyncSocket>::All open_;
  bool stopped_ = false;
};

}  // namespace enforcer::credentials
