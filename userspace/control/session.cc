// One connection of the control socket.
#include <fmt/format.h>

#include <boost/asio/write.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/http.hpp>

#include "base/log.h"
#include "base/text.h"
#include "base/wiping_allocator.h"
#include "control/answers.h"
#include "control/exec_relay.h"
#include "control/json.h"
#include "control/log_stream.h"
#include "control/review_stream.h"
#include "control/route.h"
#include "control/service.h"
#include "credentials/value.h"

namespace enforcer::control {
namespace {

namespace http = beast::http;

using Parser = http::request_parser<http::string_body>;

constexpr std::uint32_t kMaxHead = 16 * 1024;

/// The answer to a request that could not be read; none when there is nobody to answer.
std::optional<Answer> answer_unreadable(const boost::system::error_code& error, const Service& service) {
  if (error == http::error::body_limit) {
    return Answer{413, encode_error("too_large", fmt::format("a body has at most {} bytes", service.options.max_body)),
                  ""};
  }
  if (error == http::error::header_limit) {
    return Answer{431, encode_error("too_large", fmt::format("a request head has at most {} bytes", kMaxHead)), ""};
  }
  const bool spoke_http_badly =
      error.category() == make_error_code(http::error::bad_method).category() && error != http::error::end_of_stream;
  if (spoke_http_badly && error != http::error::partial_message) {
    return Answer{400, encode_error("invalid", "not an HTTP/1.1 request: " + error.message()), ""};
  }
  return std::nullopt;
}

void log_refusal(Service& service, const Peer& peer, Role role, std::string_view method, std::string_view target) {
  if (!service.next_refusal_line.passed()) {
    ++service.refusals_unlogged;
    return;
  }
  service.next_refusal_line = Deadline::after(std::chrono::seconds(1));
  const std::string more =
      service.refusals_unlogged == 0 ? "" : fmt::format(" (and {} refusals before)", service.refusals_unlogged);
  service.refusals_unlogged = 0;
  log_warning("control: refused {} {} of uid {} pid {} (role {}){}", escape_untrusted(method, 64),
              escape_untrusted(target, 128), peer.uid, peer.pid, label(role), more);
}

std::string needs(Role role) {
  return role == Role::kAdmin ? "root or a member of group enforcer-admin"
                              : fmt::format("root or a member of group enforcer-{}", label(role));
}

/// What is decided about a request by its head alone.
struct Admitted {
  Match match;
  Target target;
};
std::expected<Admitted, Answer> admit(Service& service, const Peer& peer, Role role, const Parser& parser) {
  const auto& head = parser.get();
  const auto refuse = [&](Role needed) {
    log_refusal(service, peer, role, head.method_string(), head.target());
    service.refusals->add(peer, role, needed, head.method_string(), head.target());
    return std::unexpected(Answer{
        403, encode_error("denied", fmt::format("not permitted for uid {}: this needs {}", peer.uid, needs(needed))),
        ""});
  };
  // Strangers learn nothing, not even which paths exist.
  if (role == Role::kNone) return refuse(Role::kViewer);
  auto target = parse_request_target(head.target());
  if (!target) return std::unexpected(answer_error(target.error()));
  auto match = find_route(head.method_string(), *target);
  if (!match && match.error().allow.empty()) {
    return std::unexpected(Answer{404, encode_error("not_found", "no such path in version v1 of the API"), ""});
  }
  if (!match) {
    return std::unexpected(
        Answer{405, encode_error("method_not_allowed", "this path has: " + match.error().allow), match.error().allow});
  }
  if (!may_act_as(peer, service.options.groups, match->role)) return refuse(match->role);
  return Admitted{*std::move(match), *std::move(target)};
}

class Session {
 public:
  Session(Service& service, Stream& stream, Peer peer, Role role)
      : service_(service), stream_(stream), peer_(std::move(peer)), role_(role) {}

  asio::awaitable<void> run() {
    while (!service_.stopping && co_await one_request() == After::kNextRequest) {
    }
  }

 private:
  asio::awaitable<After> one_request() {
    Parser parser;
    parser.header_limit(kMaxHead);
    parser.body_limit(service_.options.max_body);
    stream_.expires_after(first_ ? service_.options.request_deadline : service_.options.idle_deadline);
    first_ = false;
    if (const auto [error, size] = co_await http::async_read_header(stream_, buffer_, parser, kAwait); error) {
      co_return co_await refuse(answer_unreadable(error, service_));
    }
    auto admitted = admit(service_, peer_, role_, parser);
    if (!admitted) co_return co_await refuse(std::move(admitted).error());

    stream_.expires_after(service_.options.request_deadline);
    if (beast::iequals(parser.get()[http::field::expect], "100-continue")) {
      constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
      if (const auto [error, size] = co_await asio::async_write(stream_, asio::buffer(kContinue), kAwait); error) {
        co_return After::kClose;
      }
    }
    if (const auto [error, size] = co_await http::async_read(stream_, buffer_, parser, kAwait); error) {
      co_return co_await refuse(answer_unreadable(error, service_));
    }
    if (admitted->match.endpoint == Endpoint::kSetCredential) {
      // Taken and wiped where it lies: moving a short text would leave a copy behind.
      std::string& body = parser.get().body();
      auto value = credentials::clean_text(body);
      wipe(body);
      co_return co_await set_credential(std::move(admitted->match.name), std::move(value));
    }
    co_return co_await answer_admitted(*std::move(admitted), parser.release());
  }

  /// The connection ends with it, and with the connection the buffer that the value came through is wiped.
  asio::awaitable<After> set_credential(std::string name, Result<Secret> value) {
    const Caller caller = who();
    Answer done = co_await answer_set_credential(service_, caller, std::move(name), std::move(value));
    co_await send_answer(service_, stream_, std::move(done), After::kClose);
    co_return After::kClose;
  }

  asio::awaitable<After> answer_admitted(Admitted admitted, http::request<http::string_body> request) {
    const Caller caller = who();
    if (admitted.match.endpoint == Endpoint::kLog) {
      co_await stream_log(service_, stream_, std::move(admitted.target));
      co_return After::kClose;
    }
    if (admitted.match.endpoint == Endpoint::kWatchReviews) {
      co_await stream_reviews(service_, stream_, std::move(admitted.target));
      co_return After::kClose;
    }
    if (admitted.match.endpoint == Endpoint::kExec) {
      std::string upgrade(request[http::field::upgrade]);
      std::string early = beast::buffers_to_string(buffer_.data());
      co_await relay_exec(service_, stream_, caller, std::move(admitted.match.name), std::move(upgrade),
                          std::move(early));
      co_return After::kClose;
    }
    const After after = request.keep_alive() ? After::kNextRequest : After::kClose;
    Answer done = co_await answer(service_, caller, std::move(admitted.match), std::move(admitted.target),
                                  std::move(request.body()));
    const auto made_for_caller = std::move(done.made_for_caller);
    const bool sent = co_await send_answer(service_, stream_, std::move(done), after);
    if (!sent && made_for_caller) co_await undo(caller, *made_for_caller);
    co_return sent ? after : After::kClose;
  }

  /// Whoever asked was killed while the guest was made. One that is gone before it hears has no command to bring.
  asio::awaitable<void> undo(Caller caller, GuestName made) {
    log_info("control: guest {} was made for uid {} pid {}, who is gone", made.text(), caller.uid, caller.pid);
    const auto deleted = co_await service_.backend.delete_guest(caller, std::move(made));
    if (!deleted) log_warning("control: {}", deleted.error().message);
  }

  [[nodiscard]] Caller who() {
    return {.uid = peer_.uid,
            .gid = peer_.gid,
            .pid = peer_.pid,
            .role = role_,
            .connection = stream_.socket().native_handle()};
  }

  /// The rest of what was refused is not read, so the connection ends here.
  asio::awaitable<After> refuse(std::optional<Answer> refusal) {
    if (refusal) co_await send_answer(service_, stream_, *std::move(refusal), After::kClose);
    co_return After::kClose;
  }

  Service& service_;
  Stream& stream_;
  const Peer peer_;
  const Role role_;
  beast::basic_flat_buffer<WipingAllocator<char>> buffer_{kMaxHead + 64 * 1024};
  bool first_ = true;
};

}  // namespace

Answer answer_error(const Error& error) {
  return {http_status_of(error.code), encode_error(label(error.code), error.message), ""};
}

asio::awaitable<bool> send_answer(Service& service, Stream& stream, Answer answer, After after) {
  http::response<http::string_body> response(static_cast<http::status>(answer.status), 11);
  response.set(http::field::content_type, "application/json");
  response.set(http::field::cache_control, "no-store");
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  response.keep_alive(after == After::kNextRequest);
  answer.body += '\n';
  response.body() = std::move(answer.body);
  response.prepare_payload();
  stream.expires_after(service.options.request_deadline);
  const auto [error, size] = co_await http::async_write(stream, response, kAwait);
  co_return !error;
}

asio::awaitable<void> serve(std::shared_ptr<Service> service, Stream stream) {
  auto peer = peer_of(stream.socket().native_handle());
  if (!peer) {
    log_error("control: {}", peer.error().message);
    co_return;
  }
  const Role role = role_of(*peer, service->options.groups);
  const bool stranger = role == Role::kNone;
  auto& open = stranger ? service->strangers : role == Role::kViewer ? service->viewers : service->callers;
  if (open.size() >= (stranger ? service->options.max_stranger_connections : service->options.max_connections)) {
    if (!stranger) log_warning("control: too many connections; one of uid {} was closed", peer->uid);
    co_return;
  }
  const OpenConnection registered(open, stream);
  Session session(*service, stream, *std::move(peer), role);
  co_await session.run();
}

}  // namespace enforcer::control
