// What the sessions of one server share, and the types of a connection. Internal to this folder: it pulls in Beast.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/deadline.h"
#include "control/api.h"
#include "control/refusals.h"
#include "control/server.h"

namespace enforcer::control {

namespace beast = boost::beast;

using Stream = beast::basic_stream<asio::local::stream_protocol>;

/// Failures come back as values.
inline constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);

struct Service {
  Service(asio::io_context& context, Backend& b, ServerOptions o)
      : backend(b), options(std::move(o)), refusals(std::make_shared<Refusals>(context, b)) {}

  Backend& backend;
  const ServerOptions options;
  bool stopping = false;
  std::set<Stream*> callers;    ///< open connections of those who may change or decide something
  std::set<Stream*> viewers;    ///< of those who may only look, so that they cannot keep the others out
  std::set<Stream*> strangers;  ///< open connections of those who have none

  const std::shared_ptr<Refusals> refusals;  ///< as the audit log has them
  // Refusals are written to the daemon's log once a second at most, or a stranger could fill the journal.
  Deadline next_refusal_line = Deadline::after(std::chrono::nanoseconds::zero());
  std::uint64_t refusals_unlogged = 0;
};

/// A caller is kept here while the connection is open, so that stop() finds it.
class OpenConnection {
 public:
  OpenConnection(std::set<Stream*>& set, Stream& stream) : set_(set), stream_(stream) { set_.insert(&stream_); }
  ~OpenConnection() { set_.erase(&stream_); }
  OpenConnection(const OpenConnection&) = delete;
  OpenConnection& operator=(const OpenConnection&) = delete;

 private:
  std::set<Stream*>& set_;
  Stream& stream_;
};

/// An answer as it goes out. JSON, always.
struct Answer {
  unsigned status = 200;
  std::string body;
  std::string allow;  ///< the Allow header of a 405
  /// A guest for one command, which has nobody when whoever asked for it does not hear of it.
  std::optional<GuestName> made_for_caller{};
};
[[nodiscard]] Answer answer_error(const Error& error);

/// What follows the answer on the same connection.
enum class After { kNextRequest, kClose };

/// One connection from its first byte to its last.
asio::awaitable<void> serve(std::shared_ptr<Service> service, Stream stream);

/// Writes one answer; false when the client is gone.
asio::awaitable<bool> send_answer(Service& service, Stream& stream, Answer answer, After after);

}  // namespace enforcer::control
