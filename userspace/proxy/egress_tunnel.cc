#include "proxy/egress_tunnel.h"

#include <fmt/format.h>

#include <algorithm>

#include "credentials/basic.h"
#include "http/connect_answer.h"
#include "net/socks5.h"

namespace enforcer::proxy {

namespace asio = boost::asio;

namespace {

namespace socks5 = net::socks5;
using Failure = std::optional<EgressFailure>;
using SocksKind = socks5::ReplyReader::Kind;

constexpr std::size_t kPeekSize = 1024;
/// RFC 9110 15.5.8; 401 is an origin's word, and what tinyproxy says to a wrong password.
constexpr unsigned kWantsLogin[] = {407, 401};

EgressFailure broken(const Error& error) {
  return {error.code == Errc::kTimeout ? EgressFault::kTimeout : EgressFault::kClosed};
}

/// Feeds the reader what belongs to its answer and leaves the rest in the socket. The reader's last state, or why there
/// is none.
template <class Reader>
asio::awaitable<std::variant<typename Reader::State, EgressFailure>> read_answer(net::AsyncSocket& socket,
                                                                                 Reader& reader) {
  std::array<std::uint8_t, kPeekSize> buffer;
  while (true) {
    const auto there = socket.try_peek(buffer);
    if (!there) {
      if (const auto waited = co_await socket.readable(); !waited) co_return broken(waited.error());
      continue;
    }
    if (!*there) co_return broken(there->error());
    if (**there == 0) co_return EgressFailure{EgressFault::kClosed};
    const auto progress = reader.feed(Bytes(buffer).first(**there));
    const auto taken = socket.try_read(std::span(buffer).first(progress.consumed));
    if (!taken || !*taken || **taken != progress.consumed) co_return EgressFailure{EgressFault::kClosed};
    if (progress.state != Reader::State::kMore) co_return progress.state;
  }
}

void append_to(WipedBytes& message, std::string_view text) {
  const Bytes bytes = as_bytes(text);
  message.insert(message.end(), bytes.begin(), bytes.end());
}

/// RFC 9112 3.2.3: the authority alone is the target; Host says the same (3.2).
WipedBytes connect_request(const TunnelTarget& target, const std::optional<TunnelLogin>& login) {
  const auto* address = std::get_if<IpAddress>(&target.host);
  const std::string authority = address != nullptr ? Endpoint{*address, target.port}.to_string()
                                                   : fmt::format("{}:{}", std::get<HostName>(target.host).text(),
                                                                 static_cast<unsigned>(target.port));
  WipedBytes request;
  append_to(request, fmt::format("CONNECT {} HTTP/1.1\r\nHost: {}\r\n", authority, authority));
  if (login) {
    std::string value = credentials::basic_authorization(login->user, *login->password);
    append_to(request, "Proxy-Authorization: ");
    append_to(request, value);
    append_to(request, "\r\n");
    wipe(value);
  }
  append_to(request, "\r\n");
  return request;
}

asio::awaitable<Failure> ask_by_connect(net::AsyncSocket& socket, const TunnelTarget& target,
                                        const std::optional<TunnelLogin>& login) {
  using Reader = http::ConnectAnswerReader;
  const WipedBytes request = connect_request(target, login);
  if (const auto sent = co_await socket.write_all(request); !sent) co_return broken(sent.error());
  Reader reader;
  const auto answer = co_await read_answer(socket, reader);
  if (const auto* failure = std::get_if<EgressFailure>(&answer)) co_return *failure;
  if (std::get<Reader::State>(answer) != Reader::State::kAnswered) co_return EgressFailure{EgressFault::kMalformed};
  if (reader.connected()) co_return std::nullopt;
  const bool unknown = std::ranges::find(kWantsLogin, reader.status()) != std::end(kWantsLogin);
  co_return EgressFailure{unknown ? EgressFault::kLogin : EgressFault::kRefused, reader.status()};
}

/// One message and its reply.
asio::awaitable<Failure> say(net::AsyncSocket& socket, const WipedBytes& message, SocksKind kind) {
  if (const auto sent = co_await socket.write_all(message); !sent) co_return broken(sent.error());
  socks5::ReplyReader reader(kind);
  const auto reply = co_await read_answer(socket, reader);
  if (const auto* failure = std::get_if<EgressFailure>(&reply)) co_return *failure;
  switch (std::get<socks5::ReplyReader::State>(reply)) {
    case socks5::ReplyReader::State::kGranted:
      co_return std::nullopt;
    case socks5::ReplyReader::State::kRefused:
      co_return EgressFailure{kind == SocksKind::kConnect ? EgressFault::kRefused : EgressFault::kLogin, reader.code()};
    case socks5::ReplyReader::State::kMore:
    case socks5::ReplyReader::State::kMalformed:
      break;
  }
  co_return EgressFailure{EgressFault::kMalformed};
}

asio::awaitable<Failure> ask_by_socks(net::AsyncSocket& socket, const TunnelTarget& target,
                                      const std::optional<TunnelLogin>& login) {
  const WipedBytes greeting = socks5::greeting(login ? socks5::Login::kPassword : socks5::Login::kNone);
  const SocksKind method = login ? SocksKind::kPassword : SocksKind::kMethod;
  if (const auto failure = co_await say(socket, greeting, method)) co_return failure;
  if (login) {
    const auto message = socks5::password_message(login->user, login->password->reveal());
    if (!message) co_return EgressFailure{EgressFault::kCredential};
    if (const auto failure = co_await say(socket, *message, SocksKind::kLogin)) co_return failure;
  }
  const WipedBytes connect = socks5::connect_message(target.host, target.port);
  co_return co_await say(socket, connect, SocksKind::kConnect);
}

}  // namespace

std::string_view label(EgressFault fault) {
  static constexpr std::string_view kLabels[] = {
#define X(name, label, text) label,
      ENFORCER_EGRESS_FAULTS(X)
#undef X
  };
  return kLabels[static_cast<std::size_t>(fault)];
}

std::string_view description(EgressFault fault) {
  static constexpr std::string_view kTexts[] = {
#define X(name, label, text) text,
      ENFORCER_EGRESS_FAULTS(X)
#undef X
  };
  return kTexts[static_cast<std::size_t>(fault)];
}

asio::awaitable<std::optional<EgressFailure>> ask_egress_proxy(net::AsyncSocket& socket,
                                                               config::EgressProxy::Protocol protocol,
                                                               TunnelTarget target, std::optional<TunnelLogin> login) {
  if (protocol == config::EgressProxy::Protocol::kSocks5) co_return co_await ask_by_socks(socket, target, login);
  co_return co_await ask_by_connect(socket, target, login);
}

}  // namespace enforcer::proxy
