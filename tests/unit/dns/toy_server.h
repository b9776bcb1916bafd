// A DNS server in the test's own io_context: UDP and TCP on one loopback port, each answer made by the test.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <functional>
#include <string>
#include <vector>

#include "base/ip.h"
#include "dns_bytes.h"

namespace enforcer::dns::test {

namespace asio = boost::asio;

struct Asked {
  std::string name;  ///< as it came, without lowering
  unsigned type = 0;
  bool tcp = false;
};

/// Flags and records of a response; `silent`: none is sent.
struct Says {
  unsigned flags = 0x8180;
  std::vector<std::string> answers = {};
  std::vector<std::string> additionals = {};
  bool silent = false;
};

class ToyServer {
 public:
  using Script = std::function<Says(const Asked&)>;

  ToyServer(asio::io_context& io, Script script)
      : script_(std::move(script)),
        acceptor_(io, {asio::ip::address_v4::loopback(), 0}),
        udp_(io, asio::ip::udp::endpoint(asio::ip::address_v4::loopback(), acceptor_.local_endpoint().port())) {
    asio::co_spawn(io, serve_udp(), asio::detached);
    asio::co_spawn(io, serve_tcp(), asio::detached);
  }

  [[nodiscard]] Endpoint endpoint() const {
    return {IpAddress::v4(0x7f000001), Port{acceptor_.local_endpoint().port()}};
  }
  [[nodiscard]] const std::vector<Asked>& asked() const { return asked_; }
  void stop() {
    acceptor_.close();
    udp_.close();
  }

 private:
  static constexpr auto kUse = asio::as_tuple(asio::use_awaitable);

  asio::awaitable<void> serve_udp() {
    std::string buffer(4096, '\0');
    while (true) {
      asio::ip::udp::endpoint peer;
      const auto [error, size] = co_await udp_.async_receive_from(asio::buffer(buffer), peer, kUse);
      if (error) co_return;
      const std::string response = respond(buffer.substr(0, size), false);
      if (!response.empty()) udp_.send_to(asio::buffer(response), peer);
    }
  }

  asio::awaitable<void> serve_tcp() {
    while (true) {
      auto [error, client] = co_await acceptor_.async_accept(kUse);
      if (error) co_return;
      std::string length(2, '\0');
      const auto [no_length, two] = co_await asio::async_read(client, asio::buffer(length), kUse);
      if (no_length) continue;
      std::string query(static_cast<std::uint8_t>(length[0]) * 256U + static_cast<std::uint8_t>(length[1]), '\0');
      const auto [no_query, size] = co_await asio::async_read(client, asio::buffer(query), kUse);
      if (no_query) continue;
      const std::string response = respond(query, true);
      const std::string framed = be16(static_cast<unsigned>(response.size())) + response;
      const auto [failed, sent] = co_await asio::async_write(client, asio::buffer(framed), kUse);
      if (failed) continue;
    }
  }

  std::string respond(const std::string& query, bool tcp) {
    Asked asked{.name = {}, .type = 0, .tcp = tcp};
    std::size_t at = 12;
    while (at < query.size() && query[at] != 0) {
      const auto length = static_cast<std::size_t>(query[at]);
      asked.name += (asked.name.empty() ? "" : ".") + query.substr(at + 1, length);
      at += 1 + length;
    }
    asked.type = static_cast<std::uint8_t>(query.at(at + 2));
    const std::string question = query.substr(12, at + 5 - 12);
    asked_.push_back(asked);
    const Says says = script_(asked);
    if (says.silent) return {};
    std::string response = query.substr(0, 2) + header({.flags = says.flags,
                                                        .answers = static_cast<unsigned>(says.answers.size()),
                                                        .additionals = static_cast<unsigned>(says.additionals.size())})
                                                    .substr(2);
    response += question;
    for (const auto& record : says.answers) response += record;
    for (const auto& record : says.additionals) response += record;
    return response;
  }

  Script script_;
  asio::ip::tcp::acceptor acceptor_;
  asio::ip::udp::socket udp_;
  std::vector<Asked> asked_;
};

}  // namespace enforcer::dns::test
