#include "proxy/egress_tunnel.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/post.hpp>
#include <thread>

#include "policy/credential_spec.h"
#include "proxy/egress.h"

namespace asio = boost::asio;
using namespace enforcer;
using namespace enforcer::proxy;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

using Protocol = config::EgressProxy::Protocol;

/// What one side of a conversation says and hears, in turn.
struct Line {
  std::string expected;  ///< from us, exactly
  std::string answer;
};

struct Asked {
  std::optional<EgressFailure> failure;
  std::string rest;   ///< what is left in the socket for the origin's reader
  bool heard = true;  ///< the proxy heard exactly what it expected
};

std::string receive(int socket, std::size_t count) {
  std::string got(count, '\0');
  std::size_t have = 0;
  while (have < count) {
    const ssize_t more = read(socket, got.data() + have, count - have);
    if (more <= 0) break;
    have += static_cast<std::size_t>(more);
  }
  got.resize(have);
  return got;
}

/// A proxy that follows a script, `piece` octets at once, and closes then.
Asked ask(Protocol protocol, TunnelTarget target, std::optional<TunnelLogin> login, const std::vector<Line>& script,
          std::size_t piece = 4096) {
  asio::io_context io{1};
  auto poller = net::Poller::make(io).value();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
  Fd far(ends[1]);
  REQUIRE(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
  auto socket = net::AsyncSocket::make(io, *poller, Fd(ends[0])).value();
  Asked asked;
  std::jthread serving([&, proxy = std::move(far)] {
    for (const Line& line : script) {
      if (receive(proxy.get(), line.expected.size()) != line.expected) asked.heard = false;
      for (std::size_t at = 0; at < line.answer.size(); at += piece) {
        const std::string_view part = std::string_view(line.answer).substr(at, piece);
        if (write(proxy.get(), part.data(), part.size()) != static_cast<ssize_t>(part.size())) return;
        if (piece == 1) std::this_thread::sleep_for(1ms);
      }
    }
  });
  const auto asking = [&]() -> asio::awaitable<void> {
    asked.failure = co_await ask_egress_proxy(*socket, protocol, target, login);
    std::array<std::uint8_t, 256> buffer;
    while (!asked.failure) {
      const auto count = co_await socket->read_some(buffer);
      if (!count || *count == 0) break;
      asked.rest += as_text(Bytes(buffer).first(*count));
    }
    io.stop();
  };
  asio::co_spawn(io, asking, asio::detached);
  io.run_for(20s);
  serving.join();
  return asked;
}

TunnelTarget to(std::string_view name, Port port) {
  return {*HostName::parse(name), port};
}

TunnelLogin login_as(std::string user, std::string_view password) {
  return {std::move(user), std::make_shared<const Secret>(Secret::copy_of(password).value())};
}

const std::string kConnectOk = "CONNECT ok.test:443 HTTP/1.1\r\nHost: ok.test:443\r\n\r\n";
const std::string kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";
const std::string kSocksOk = "\x05\x01\x00\x03\x07ok.test\x01\xbb"s;
const std::string kSocksGranted = "\x05\x00\x00\x01\x00\x00\x00\x00\x00\x00"s;
const std::string kBanner = "SSH-2.0-OpenSSH_9.2p1\r\n";

}  // namespace

TEST_CASE("connect_names_the_origin_and_leaves_what_it_says_first") {
  for (const std::size_t piece : {std::size_t{4096}, std::size_t{1}}) {
    const auto asked =
        ask(Protocol::kConnect, to("ok.test", kHttpsPort), {}, {{kConnectOk, kEstablished + kBanner}}, piece);
    CHECK(asked.heard);
    CHECK_FALSE(asked.failure);
    CHECK(asked.rest == kBanner);
  }
}

TEST_CASE("connect_to_an_address_carries_the_address") {
  const auto ipv4 = ask(Protocol::kConnect, {*IpAddress::parse("192.0.2.7"), Port{22}}, {},
                        {{"CONNECT 192.0.2.7:22 HTTP/1.1\r\nHost: 192.0.2.7:22\r\n\r\n", kEstablished}});
  CHECK((ipv4.heard && !ipv4.failure));
  const auto ipv6 = ask(Protocol::kConnect, {*IpAddress::parse("2001:db8::1"), Port{22}}, {},
                        {{"CONNECT [2001:db8::1]:22 HTTP/1.1\r\nHost: [2001:db8::1]:22\r\n\r\n", kEstablished}});
  CHECK((ipv6.heard && !ipv6.failure));
}

TEST_CASE("connect_authenticates_as_basic") {
  const auto asked = ask(Protocol::kConnect, to("ok.test", kHttpsPort), login_as("Aladdin", "open sesame"),
                         {{"CONNECT ok.test:443 HTTP/1.1\r\nHost: ok.test:443\r\n"
                           "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n",
                           kEstablished}});  // RFC 7617 2
  CHECK((asked.heard && !asked.failure));
}

TEST_CASE("socks_names_the_origin_and_leaves_what_it_says_first") {
  for (const std::size_t piece : {std::size_t{4096}, std::size_t{1}}) {
    const auto asked = ask(Protocol::kSocks5, to("ok.test", kHttpsPort), {},
                           {{"\x05\x01\x00"s, "\x05\x00"s}, {kSocksOk, kSocksGranted + kBanner}}, piece);
    CHECK(asked.heard);
    CHECK_FALSE(asked.failure);
    CHECK(asked.rest == kBanner);
  }
}

TEST_CASE("socks_logs_in_where_there_is_a_login") {
  const auto asked = ask(Protocol::kSocks5, to("ok.test", kHttpsPort), login_as("bot", "pw"),
                         {{"\x05\x01\x02"s, "\x05\x02"s},
                          {"\x01\x03"
                           "bot\x02pw"s,
                           "\x01\x00"s},
                          {kSocksOk, kSocksGranted}});
  CHECK((asked.heard && !asked.failure));
}

TEST_CASE("every_way_of_not_connecting_has_its_fault") {
  struct {
    Protocol protocol;
    std::vector<Line> script;
    EgressFault fault;
    unsigned code;
  } const table[] = {
      {Protocol::kConnect, {{kConnectOk, "HTTP/1.1 407 No\r\n\r\n"}}, EgressFault::kLogin, 407},
      {Protocol::kConnect, {{kConnectOk, "HTTP/1.1 401 No\r\n\r\n"}}, EgressFault::kLogin, 401},
      {Protocol::kConnect,
       {{kConnectOk, "HTTP/1.1 403 No\r\nContent-Length: 4\r\n\r\nbody"}},
       EgressFault::kRefused,
       403},
      {Protocol::kConnect, {{kConnectOk, "HTTP/1.1 302 Found\r\n\r\n"}}, EgressFault::kRefused, 302},
      {Protocol::kConnect, {{kConnectOk, kBanner + "\r\n"}}, EgressFault::kMalformed, 0},
      {Protocol::kConnect, {{kConnectOk, "HTTP/1.1 200 OK\r\n" + std::string(20000, 'x')}}, EgressFault::kMalformed, 0},
      {Protocol::kConnect, {{kConnectOk, "HTTP/1.1 200 OK\r\nhalf"}}, EgressFault::kClosed, 0},
      {Protocol::kConnect, {}, EgressFault::kClosed, 0},
      {Protocol::kSocks5, {{"\x05\x01\x00"s, "\x05\xff"s}}, EgressFault::kLogin, 255},
      {Protocol::kSocks5, {{"\x05\x01\x00"s, "\x05\x02"s}}, EgressFault::kMalformed, 0},
      {Protocol::kSocks5, {{"\x05\x01\x00"s, "HTTP/1.1 400 Bad Request\r\n\r\n"}}, EgressFault::kMalformed, 0},
      {Protocol::kSocks5, {{"\x05\x01\x00"s, "\x05\x00"s}, {kSocksOk, "\x05\x02\x00\x01"s}}, EgressFault::kRefused, 2},
      {Protocol::kSocks5, {{"\x05\x01\x00"s, "\x05\x00"s}, {kSocksOk, "\x05\x00\x00"s}}, EgressFault::kClosed, 0},
  };
  for (const auto& row : table) {
    const auto asked = ask(row.protocol, to("ok.test", kHttpsPort), {}, row.script);
    CHECK(asked.heard);
    REQUIRE(asked.failure.has_value());
    CHECK(label(asked.failure->fault) == label(row.fault));
    CHECK(asked.failure->code == row.code);
  }
}

TEST_CASE("a_wrong_password_and_one_that_does_not_fit_are_faults_of_the_login") {
  const auto wrong = ask(Protocol::kSocks5, to("ok.test", kHttpsPort), login_as("bot", "pw"),
                         {{"\x05\x01\x02"s, "\x05\x02"s},
                          {"\x01\x03"
                           "bot\x02pw"s,
                           "\x01\x01"s}});
  REQUIRE(wrong.failure.has_value());
  CHECK(wrong.failure->fault == EgressFault::kLogin);
  const auto unfit = ask(Protocol::kSocks5, to("ok.test", kHttpsPort), login_as("bot", std::string(256, 'x')),
                         {{"\x05\x01\x02"s, "\x05\x02"s}});
  REQUIRE(unfit.failure.has_value());
  CHECK(unfit.failure->fault == EgressFault::kCredential);
}

TEST_CASE("a_silent_proxy_is_given_up_when_the_wait_is_interrupted") {
  asio::io_context io{1};
  auto poller = net::Poller::make(io).value();
  int ends[2];
  REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends) == 0);
  const Fd far(ends[1]);
  auto socket = net::AsyncSocket::make(io, *poller, Fd(ends[0])).value();
  std::optional<EgressFailure> failure;
  const auto asking = [&]() -> asio::awaitable<void> {
    failure = co_await ask_egress_proxy(*socket, Protocol::kConnect, to("ok.test", kHttpsPort), {});
    io.stop();
  };
  asio::co_spawn(io, asking, asio::detached);
  asio::post(io, [&] { socket->interrupt(Errc::kTimeout); });
  io.run_for(20s);
  REQUIRE(failure.has_value());
  CHECK(failure->fault == EgressFault::kTimeout);
}

TEST_CASE("a_credential_counts_for_the_proxy_that_it_is_bound_to_as_basic") {
  using As = policy::CredentialSpec::Injection::As;
  const config::EgressProxy proxy{.host = *HostName::parse("proxy.test"), .port = Port{3128}, .credential = "corp"};
  const auto spec = [](std::string_view where, As as) {
    policy::CredentialSpec made;
    made.inject.push_back(
        {.to = {*policy::Target::parse(where, policy::PortDefault::kHttps)}, .as = as, .username = "bot"});
    return made;
  };
  const auto good = spec("proxy.test:3128", As::kBasic);
  CHECK(egress_credential_problem(proxy, &good).empty());
  CHECK(egress_credential_problem(proxy, nullptr) == "there is no Credential 'corp'");
  for (const auto& bad :
       {spec("proxy.test:3128", As::kBearer), spec("proxy.test", As::kBasic), spec("other.test:3128", As::kBasic)}) {
    CHECK(egress_credential_problem(proxy, &bad) ==
          "Credential 'corp' is not bound to it: 'inject' wants {to: [\"proxy.test:3128\"], as: basic, username: ...}");
  }
  CHECK(egress_credential_problem({.host = *HostName::parse("proxy.test"), .port = Port{3128}}, nullptr).empty());
}
