#include "tls/server_context.h"

#include "guest_side.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;

namespace {

/// How a guest's handshake with us ended, on both sides.
struct ServerMet {
  HandshakeFault fault = HandshakeFault::kNone;
  bool client_connected = false;
  bool resumed = false;
  int client_reason = 0;  ///< of the client's failure: from 1000 on the alert it received
  std::string alpn;       ///< as the client sees it
  Ticket ticket;
};

ServerMet meet(GuestSide& side, Session client) {
  Loop loop;
  SocketPair pair;
  ServerMet met;
  {
    const OpenSslPeer peer(std::move(client), std::move(pair.other), [&met](SSL* ssl) {
      met.client_connected = SSL_connect(ssl) == 1;
      met.client_reason = ERR_GET_REASON(ERR_peek_last_error());
      ERR_clear_error();
      if (!met.client_connected) return;
      read_to_end(ssl);   // a ticket of TLS 1.3 comes behind the handshake
      SSL_shutdown(ssl);  // OpenSSL forgets the session of a connection that it did not end itself
      met.alpn = alpn_chosen(ssl);
      met.ticket = Ticket(SSL_get1_session(ssl));
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.accept(*socket);
    loop.run([&]() -> asio::awaitable<void> {
      const auto shaken = co_await stream->handshake();
      met.fault = stream->fault();
      CHECK(shaken.has_value() == (met.fault == HandshakeFault::kNone));
      if (shaken) {
        met.resumed = stream->info().resumed;
        CHECK(stream->info().protocol == ApplicationProtocol::kHttp1);
      }
      stream->end_writing();
    });
  }
  return met;
}

Session speaking(Session session, int version) {
  SSL_set_min_proto_version(session.get(), version);
  SSL_set_max_proto_version(session.get(), version);
  return session;
}

constexpr int kVersions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

}  // namespace

TEST_CASE("alpn_is_chosen_from_ours_and_http_1_without_any") {
  GuestSide side;
  for (const int version : kVersions) {
    CHECK(meet(side, speaking(side.client("ok.test", {"h2", "http/1.1"}), version)).alpn == "http/1.1");
    const ServerMet none = meet(side, speaking(side.client("ok.test", {}), version));
    CHECK(none.client_connected);
    CHECK(none.alpn == "");
  }
}

TEST_CASE("a_client_that_offers_none_of_our_protocols_gets_that_alert") {
  GuestSide side;
  for (const int version : kVersions) {
    for (const auto& offer : std::vector<std::vector<std::string>>{{"h2"}, {"h3", "ftp"}, {"http/1.10", "http/1."}}) {
      const ServerMet met = meet(side, speaking(side.client("ok.test", offer), version));
      CHECK(label(met.fault) == "alpn");
      CHECK(met.client_reason == SSL_AD_REASON_OFFSET + SSL_AD_NO_APPLICATION_PROTOCOL);
    }
  }
}

TEST_CASE("invariant_4_a_hello_for_another_name_than_the_one_decided_on_fails") {
  GuestSide side;
  CHECK(label(meet(side, side.client("other.test")).fault) == "server_name");
  CHECK(meet(side, side.client("other.test")).client_reason == SSL_AD_REASON_OFFSET + SSL_AD_UNRECOGNIZED_NAME);
  CHECK(label(meet(side, side.client("OK.Test")).fault) == "none");  // the same name
  CHECK(label(meet(side, side.client("ok.test")).fault) == "none");
}

TEST_CASE("a_client_of_older_tls_is_refused") {
  GuestSide side;
  Session old = side.client();
  SSL_set_security_level(old.get(), 0);
  SSL_set_cipher_list(old.get(), "ALL:@SECLEVEL=0");
  const ServerMet met = meet(side, speaking(std::move(old), TLS1_1_VERSION));
  CHECK(label(met.fault) == "protocol");
  CHECK(met.client_reason == SSL_AD_REASON_OFFSET + SSL_AD_PROTOCOL_VERSION);
}

TEST_CASE("a_client_without_aead_is_refused") {
  GuestSide side;
  Session weak = speaking(side.client(), TLS1_2_VERSION);
  REQUIRE(SSL_set_cipher_list(weak.get(), "ECDHE-ECDSA-AES128-SHA:AES128-GCM-SHA256") == 1);
  CHECK(label(meet(side, std::move(weak)).fault) == "protocol");
}

TEST_CASE("a_guest_that_does_not_trust_its_ca_is_told_apart") {
  GuestSide side;
  const GuestSide stranger;  // trusts another guest's CA
  for (const int version : kVersions) {
    const ServerMet met = meet(side, speaking(stranger.client(), version));
    CHECK(label(met.fault) == "distrusted");
    CHECK(met.client_reason == SSL_R_CERTIFICATE_VERIFY_FAILED);
  }
}

TEST_CASE("bytes_that_are_no_tls_end_the_handshake") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  REQUIRE(write(pair.other.get(), "GET / HTTP/1.1\r\n\r\n", 18) == 18);
  const auto socket = loop.watch(std::move(pair.ours));
  const auto stream = side.accept(*socket);
  loop.run([&]() -> asio::awaitable<void> {
    const auto shaken = co_await stream->handshake();
    REQUIRE_FALSE(shaken);
    CHECK(shaken.error().code == Errc::kInvalid);
    CHECK(shaken.error().message == "TLS handshake: http request");
    CHECK(label(stream->fault()) == "protocol");
  });
}

TEST_CASE("invariant_9_a_ticket_is_taken_from_the_same_guest_for_the_same_name_only") {
  for (const int version : kVersions) {
    CAPTURE(version);
    GuestSide side;
    const auto resumes = [&](const ServerMet& before, const std::string& asked = "ok.test") {
      Session session = speaking(side.client(asked), version);
      REQUIRE(SSL_set_session(session.get(), before.ticket.get()) == 1);
      const ServerMet met = meet(side, std::move(session));
      CHECK(label(met.fault) == "none");  // a ticket that is not taken costs a handshake, no more
      CHECK(met.client_connected);
      return met.resumed;
    };
    const auto fresh = [&] {
      ServerMet met = meet(side, speaking(side.client(), version));
      REQUIRE(met.client_connected);
      CHECK_FALSE(met.resumed);
      REQUIRE(SSL_SESSION_has_ticket(met.ticket.get()) == 1);
      return met;
    };
    CHECK(resumes(fresh()));

    const ServerMet of_g1 = fresh();
    side.name = guest("g2");
    CHECK_FALSE(resumes(of_g1));
    side.name = guest("g1");
    side.epoch = Epoch{8};
    CHECK_FALSE(resumes(of_g1));
    side.epoch = Epoch{7};
    side.ok = host("second.test");
    CHECK_FALSE(resumes(of_g1, "second.test"));
    side.ok = host("ok.test");
    CHECK(resumes(of_g1));  // it was good all the time

    const ServerMet before_restart = fresh();
    side.context = ServerContext::make().value();
    CHECK_FALSE(resumes(before_restart));
  }
}

TEST_CASE("early_data_is_not_accepted") {
  GuestSide side;
  ServerMet first = meet(side, side.client());
  REQUIRE(first.client_connected);
  CHECK(SSL_SESSION_get_max_early_data(first.ticket.get()) == 0);
  // A client that sends some all the same.
  REQUIRE(SSL_SESSION_set_max_early_data(first.ticket.get(), 1000) == 1);
  Loop loop;
  SocketPair pair;
  Session session = side.client();
  SSL_set_session(session.get(), first.ticket.get());
  int status = -1;
  {
    const OpenSslPeer client(std::move(session), std::move(pair.other), [&](SSL* ssl) {
      std::size_t written = 0;
      CHECK(SSL_write_early_data(ssl, "POST /early", 11, &written) == 1);
      if (SSL_connect(ssl) != 1) return;
      status = SSL_get_early_data_status(ssl);
      SSL_write(ssl, "GET /late", 9);
      SSL_shutdown(ssl);
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.accept(*socket);
    loop.run([&]() -> asio::awaitable<void> {
      CHECK(co_await stream->handshake());
      CHECK(co_await read_everything(*stream) == "GET /late");
    });
  }
  CHECK(status == SSL_EARLY_DATA_REJECTED);
}

TEST_CASE("renegotiation_is_refused_and_leads_nowhere") {
  GuestSide side;
  Loop loop;
  SocketPair pair;
  bool renegotiated = true;
  {
    const OpenSslPeer client(speaking(side.client(), TLS1_2_VERSION), std::move(pair.other), [&](SSL* ssl) {
      if (SSL_connect(ssl) != 1) return;
      SSL_write(ssl, "before", 6);
      SSL_renegotiate(ssl);
      renegotiated = SSL_do_handshake(ssl) == 1;
      CHECK(ERR_GET_REASON(ERR_peek_last_error()) == SSL_R_NO_RENEGOTIATION);
      ERR_clear_error();
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.accept(*socket);
    loop.run([&]() -> asio::awaitable<void> {
      CHECK(co_await stream->handshake());
      const std::string read = co_await read_everything(*stream);
      CHECK(read.starts_with("before<"));
    });
  }
  CHECK_FALSE(renegotiated);
}
