#include "metrics/endpoint.h"

#include <fmt/format.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/http.hpp>
#include <charconv>
#include <chrono>

#include "base/log.h"

namespace enforcer::metrics {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

constexpr std::size_t kHeadLimit = 8 * 1024;
constexpr std::chrono::milliseconds kAcceptPause{
    100};  ///< after a failed accept: descriptors may be scarce for a while

constexpr auto kWait = asio::as_tuple(asio::use_awaitable);

struct Answer {
  http::status status;
  std::string body;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string_view allow{};  ///< of 405
};

asio::awaitable<Answer> answer_for(const Pages& pages, http::verb method, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  const bool known = path == "/metrics" || path == "/-/healthy" || path == "/-/ready";
  if (!known) co_return Answer{http::status::not_found, "not found: there are /metrics, /-/healthy and /-/ready\n"};
  if (method != http::verb::get && method != http::verb::head) {
    co_return Answer{.status = http::status::method_not_allowed, .body = "GET or HEAD only\n", .allow = "GET, HEAD"};
  }
  if (path == "/-/healthy") co_return Answer{http::status::ok, "healthy\n"};
  if (path == "/-/ready") {
    const std::string missing = pages.not_ready();
    if (!missing.empty()) co_return Answer{http::status::service_unavailable, "not ready: " + missing + "\n"};
    co_return Answer{http::status::ok, "ready\n"};
  }
  Result<std::string> text = co_await pages.metrics();
  if (!text) co_return Answer{http::status::service_unavailable, text.error().message + "\n"};
  co_return Answer{http::status::ok, std::move(*text), "text/plain; version=0.0.4; charset=utf-8"};
}

asio::awaitable<void> send(beast::tcp_stream& stream, std::chrono::milliseconds time, http::verb method,
                           Answer answer) {
  http::response<http::string_body> response(answer.status, 11);
  response.set(http::field::content_type, answer.content_type);
  if (!answer.allow.empty()) response.set(http::field::allow, answer.allow);
  response.keep_alive(false);
  response.content_length(answer.body.size());
  if (method != http::verb::head) response.body() = std::move(answer.body);
  stream.expires_after(time);
  http::response_serializer<http::string_body> serializer(response);
  co_await http::async_write(stream, serializer, kWait);
  boost::system::error_code ignored;  // the client may be gone, which is its own affair
  stream.socket().shutdown(tcp::socket::shutdown_send, ignored);
}

asio::awaitable<void> serve(beast::tcp_stream stream, const Pages& pages, ServerLimits limits) {
  stream.expires_after(limits.request);
  beast::flat_buffer buffer(kHeadLimit);
  http::request_parser<http::empty_body> parser;
  parser.header_limit(kHeadLimit);
  const auto [error, size] = co_await http::async_read_header(stream, buffer, parser, kWait);
  if (!error) {
    const http::verb method = parser.get().method();
    co_await send(stream, limits.answer, method, co_await answer_for(pages, method, parser.get().target()));
  } else if (error.category() == http::make_error_code(http::error::bad_version).category() &&
             error != http::error::end_of_stream) {
    co_await send(stream, limits.answer, http::verb::get,
                  Answer{http::status::bad_request, "not an HTTP/1.1 request\n"});
  }
}

/// "[::1]" or "127.0.0.1" before the last colon.
Result<IpAddress> parse_host(std::string_view text) {
  if (text.starts_with('[') != text.ends_with(']')) return fail(Errc::kInvalid, "unbalanced brackets");
  if (!text.starts_with('[')) {
    IpAddress address = TRY(IpAddress::parse(text));
    if (!address.is_v4()) return fail(Errc::kInvalid, "an IPv6 address is written in brackets");
    return address;
  }
  return IpAddress::parse(text.substr(1, text.size() - 2));
}

tcp::endpoint to_asio(const Endpoint& endpoint) {
  const auto port = static_cast<std::uint16_t>(endpoint.port);
  if (endpoint.address.is_v4()) return {asio::ip::address_v4(endpoint.address.v4_host_order()), port};
  return {asio::ip::address_v6(endpoint.address.bytes()), port};
}

}  // namespace

Result<Endpoint> parse_listen(std::string_view text) {
  const auto refuse = [&](std::string_view why) {
    return fail(Errc::kInvalid, fmt::format("listen address must be ADDRESS:PORT, as 127.0.0.1:9464: {}", why));
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return refuse("the port is missing");
  const auto address = parse_host(text.substr(0, colon));
  if (!address) return refuse(address.error().message);
  const std::string_view digits = text.substr(colon + 1);
  std::uint16_t port = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (digits.empty() || status != std::errc{} || end != digits.data() + digits.size()) {
    return refuse("the port is a number from 0 to 65535");
  }
  return Endpoint{*address, Port{port}};
}

struct MetricsServer::Impl {
  Impl(asio::io_context& io_, Pages pages_, ServerLimits limits_)
      : io(io_), acceptor(io_), pages(std::move(pages_)), limits(limits_) {}

  Result<> listen(const Endpoint& endpoint);
  asio::awaitable<void> accept();

  asio::io_context& io;
  tcp::acceptor acceptor;
  Pages pages;
  const ServerLimits limits;
  unsigned connections = 0;
};

Result<> MetricsServer::Impl::listen(const Endpoint& endpoint) {
  const tcp::endpoint wanted = to_asio(endpoint);
  boost::system::error_code error;
  acceptor.open(wanted.protocol(), error);
  if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(wanted, error);
  if (!error) acceptor.listen(static_cast<int>(limits.connections), error);
  if (!error) return {};
  const Errc code = error == asio::error::address_in_use ? Errc::kConflict : Errc::kIo;
  return fail(code, fmt::format("metrics: cannot listen on {}: {}", endpoint.to_string(), error.message()));
}

asio::awaitable<void> MetricsServer::Impl::accept() {
  while (true) {
    auto [error, socket] = co_await acceptor.async_accept(kWait);
    if (error == asio::error::operation_aborted) co_return;
    if (error) {
      asio::steady_timer pause(io, kAcceptPause);
      co_await pause.async_wait(kWait);
      continue;
    }
    if (connections >= limits.connections) continue;  // the socket closes here
    ++connections;
    asio::co_spawn(io, serve(beast::tcp_stream(std::move(socket)), pages, limits), [this](std::exception_ptr failure) {
      --connections;
      if (failure) log_error("metrics: answering a request failed");
    });
  }
}

MetricsServer::MetricsServer(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
MetricsServer::~MetricsServer() = default;

Result<std::unique_ptr<MetricsServer>> MetricsServer::open(asio::io_context& io, std::string_view listen, Pages pages,
                                                           ServerLimits limits) {
  const Endpoint endpoint = TRY(parse_listen(listen));
  auto impl = std::make_unique<Impl>(io, std::move(pages), limits);
  TRY_VOID(impl->listen(endpoint));
  asio::co_spawn(io, impl->accept(), asio::detached);
  return std::unique_ptr<MetricsServer>(new MetricsServer(std::move(impl)));
}

Endpoint MetricsServer::address() const {
  const tcp::endpoint local = impl_->acceptor.local_endpoint();
  if (local.address().is_v4()) return {IpAddress::v4(local.address().to_v4().to_uint()), Port{local.port()}};
  return {IpAddress(local.address().to_v6().to_bytes()), Port{local.port()}};
}

}  // namespace enforcer::metrics
