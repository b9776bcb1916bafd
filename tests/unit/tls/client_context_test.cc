#include "tls/client_context.h"

#include "../temporary_folder.h"
#include "origin_side.h"

using namespace enforcer;
using namespace enforcer::tls;
using namespace enforcer::tls::test;

namespace {

/// A server with this leaf is refused for this reason before it hears a byte; the same with a good leaf is accepted.
void refuses(HandshakeFault expected, Wish wish, std::string_view asked = "ok.test") {
  const OriginSide side;
  if (wish.issuer == nullptr) wish.issuer = &side.authority;
  const Certified bad = certify(wish);
  const Met met = side.meet(OriginSide::server_context(bad).get(), host(asked));
  CHECK(label(met.fault) == label(expected));
  CHECK(met.message.starts_with("TLS handshake: "));
  CHECK(met.message.find("no reason") == std::string::npos);
  CHECK(met.heard == "");

  const Certified good = certify({.issuer = &side.authority, .names = {{GEN_DNS, std::string(asked)}}});
  const Met control = side.meet(OriginSide::server_context(good).get(), host(asked));
  CHECK(control.message == "");
  CHECK(control.heard == "secret");
}

}  // namespace

TEST_CASE("an_origin_with_a_good_chain_is_accepted") {
  const OriginSide side;
  const Met met = side.meet(OriginSide::server_context(side.leaf).get());
  CHECK(met.fault == HandshakeFault::kNone);
  CHECK(met.heard == "secret");

  const Certified between = certify_authority("between", &side.authority);
  const Certified below = certify({.issuer = &between});
  CHECK(side.meet(OriginSide::server_context(below, {&between}).get()).heard == "secret");
  const Met incomplete = side.meet(OriginSide::server_context(below).get());
  CHECK(label(incomplete.fault) == "certificate_unknown_issuer");
}

TEST_CASE("a_wildcard_stands_for_one_label_and_no_part_of_one") {
  const OriginSide side;
  const auto meets = [&](const std::string& pattern, std::string_view asked) {
    const Certified leaf = certify({.issuer = &side.authority, .names = {{GEN_DNS, pattern}}});
    return label(side.meet(OriginSide::server_context(leaf).get(), host(asked)).fault);
  };
  CHECK(meets("*.ok.test", "a.ok.test") == "none");
  CHECK(meets("*.ok.test", "a.b.ok.test") == "certificate_wrong_name");
  CHECK(meets("*.ok.test", "ok.test") == "certificate_wrong_name");
  CHECK(meets("a*.ok.test", "ab.ok.test") == "certificate_wrong_name");
  CHECK(meets("*", "ok.test") == "certificate_wrong_name");
}

TEST_CASE("an_expired_certificate_is_refused") {
  refuses(HandshakeFault::kCertificateExpired, {.begins_days = -10, .ends_days = -1});
}

TEST_CASE("a_certificate_from_the_future_is_refused") {
  refuses(HandshakeFault::kCertificateNotYetValid, {.begins_days = 1});
}

TEST_CASE("a_certificate_for_another_name_is_refused") {
  refuses(HandshakeFault::kCertificateWrongName, {.names = {{GEN_DNS, "other.test"}}});
}

TEST_CASE("a_name_in_the_cn_alone_is_refused") {
  refuses(HandshakeFault::kCertificateWrongName, {.common_name = "ok.test", .names = {}});
}

TEST_CASE("a_name_cut_short_by_a_nul_is_refused") {
  using namespace std::string_literals;
  refuses(HandshakeFault::kCertificateWrongName, {.names = {{GEN_DNS, "ok.test\0.evil.test"s}}});
  refuses(HandshakeFault::kCertificateWrongName, {.names = {{GEN_DNS, "ok.test\0"s}}});
}

TEST_CASE("a_name_of_another_type_is_refused") {
  refuses(HandshakeFault::kCertificateWrongName, {.names = {{GEN_IPADD, std::string("\x7f\0\0\1", 4)}}});
  refuses(HandshakeFault::kCertificateWrongName, {.names = {{GEN_EMAIL, "ok.test"}, {GEN_URI, "ok.test"}}});
}

TEST_CASE("a_self_signed_certificate_is_refused") {
  const OriginSide side;
  const Certified alone = certify({});
  const Met met = side.meet(OriginSide::server_context(alone).get());
  CHECK(label(met.fault) == "certificate_self_signed");
  CHECK(met.heard == "");
  CHECK(side.meet(OriginSide::server_context(side.leaf).get()).heard == "secret");
}

TEST_CASE("a_chain_to_an_unknown_ca_is_refused_also_when_the_ca_is_sent_along") {
  const Certified stranger = certify_authority("trusted");  // the same name, another key
  const Certified leaf = certify({.issuer = &stranger});
  const OriginSide side;
  for (const auto& chain : {std::vector<const Certified*>{}, {&stranger}}) {
    const Met met = side.meet(OriginSide::server_context(leaf, chain).get());
    CHECK(label(met.fault).starts_with("certificate_"));
    CHECK(met.heard == "");
  }
  const Certified other = certify_authority("other");
  const Certified below = certify({.issuer = &other});
  CHECK(label(side.meet(OriginSide::server_context(below, {&other}).get()).fault) == "certificate_unknown_issuer");
}

TEST_CASE("a_leaf_that_plays_ca_is_refused") {
  const OriginSide side;
  const Certified below = certify({.issuer = &side.leaf});
  const Met met = side.meet(OriginSide::server_context(below, {&side.leaf}).get());
  CHECK(label(met.fault).starts_with("certificate_"));
  CHECK(met.heard == "");
}

TEST_CASE("name_constraints_of_a_ca_are_obeyed") {
  const OriginSide side;
  const Certified narrow = certify({.issuer = &side.authority,
                                    .common_name = "narrow",
                                    .names = {},
                                    .basic_constraints = "critical,CA:TRUE",
                                    .name_constraints = "critical,permitted;DNS:acme.test"});
  const Certified outside = certify({.issuer = &narrow});
  const Certified inside = certify({.issuer = &narrow, .names = {{GEN_DNS, "a.acme.test"}}});
  CHECK(label(side.meet(OriginSide::server_context(outside, {&narrow}).get()).fault) == "certificate_invalid");
  CHECK(side.meet(OriginSide::server_context(inside, {&narrow}).get(), host("a.acme.test")).heard == "secret");
}

TEST_CASE("a_weak_key_is_refused") {
  refuses(HandshakeFault::kCertificateTooWeak, {.rsa_bits = 1024});
}

TEST_CASE("a_weak_signature_is_refused") {
  refuses(HandshakeFault::kCertificateTooWeak, {.digest = EVP_sha1()});
}

TEST_CASE("a_leaf_of_a_guest_ca_is_no_origin") {
  const OriginSide side;
  GuestSide guest_side;
  const auto leaf = guest_side.leaves.leaf_for(guest_side.ok).value();
  const auto with_system = ClientContext::make({.system = true, .files = {}});
  REQUIRE_MESSAGE(with_system, with_system.error().message);
  Context server(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_use_certificate(server.get(), leaf->certificate().get());
  SSL_CTX_use_PrivateKey(server.get(), leaf->key().get());
  const Certificate ca = certificate_from(guest_side.authority->certificate_pem());
  SSL_CTX_add1_chain_cert(server.get(), ca.get());
  for (const ClientContext* context : {side.context.get(), with_system->get()}) {
    Loop loop;
    SocketPair pair;
    const OpenSslPeer origin(Session(SSL_new(server.get())), std::move(pair.other), [](SSL* ssl) { SSL_accept(ssl); });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = Stream::connect(*socket, *context, guest_side.ok, {ApplicationProtocol::kHttp1}).value();
    loop.run([&]() -> asio::awaitable<void> {
      CHECK_FALSE(co_await stream->handshake());
      CHECK(label(stream->fault()) == "certificate_unknown_issuer");
    });
  }
  // The same chain, and the guest that it was made for takes it.
  SSL_CTX_add_client_CA(server.get(), ca.get());
  X509_STORE_CTX* check = X509_STORE_CTX_new();
  X509_STORE_CTX_init(check, SSL_CTX_get_cert_store(guest_side.client_context.get()), leaf->certificate().get(),
                      nullptr);
  CHECK(X509_verify_cert(check) == 1);
  X509_STORE_CTX_free(check);
}

TEST_CASE("a_server_that_speaks_older_tls_only_is_refused") {
  const OriginSide side;
  const Context server = OriginSide::server_context(side.leaf);
  SSL_CTX_set_min_proto_version(server.get(), TLS1_VERSION);
  SSL_CTX_set_max_proto_version(server.get(), TLS1_1_VERSION);
  const Met met = side.meet(server.get());
  CHECK((met.fault == HandshakeFault::kRefused || met.fault == HandshakeFault::kProtocol));
  CHECK(met.heard == "");
  SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);
  CHECK(side.meet(server.get()).heard == "secret");
}

TEST_CASE("a_server_without_aead_is_refused") {
  const OriginSide side;
  const Context server = OriginSide::server_context(side.leaf);
  SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);
  REQUIRE(SSL_CTX_set_cipher_list(server.get(), "ECDHE-ECDSA-AES128-SHA") == 1);
  CHECK(side.meet(server.get()).fault == HandshakeFault::kRefused);
  REQUIRE(SSL_CTX_set_cipher_list(server.get(), "ECDHE-ECDSA-AES128-GCM-SHA256") == 1);
  CHECK(side.meet(server.get()).heard == "secret");
}

TEST_CASE("a_server_that_asks_for_a_client_certificate_gets_none") {
  const OriginSide side;
  const Context server = OriginSide::server_context(side.leaf);
  for (const int mode : {SSL_VERIFY_PEER, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT}) {
    SSL_CTX_set_verify(server.get(), mode, nullptr);
    SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);  // in 1.3 the refusal comes after our handshake
    CHECK(side.meet(server.get()).heard == (mode == SSL_VERIFY_PEER ? "secret" : ""));
  }
}

TEST_CASE("a_server_that_wants_to_renegotiate_is_refused") {
  const OriginSide side;
  const Context server = OriginSide::server_context(side.leaf);
  SSL_CTX_set_max_proto_version(server.get(), TLS1_2_VERSION);
  Loop loop;
  SocketPair pair;
  int hellos = 0;
  std::string heard;
  Session session(SSL_new(server.get()));
  SSL_set_msg_callback(session.get(), [](int sent, int, int type, const void* bytes, std::size_t, SSL*, void* count) {
    const bool hello = type == SSL3_RT_HANDSHAKE && *static_cast<const unsigned char*>(bytes) == SSL3_MT_CLIENT_HELLO;
    if (sent == 0 && hello) ++*static_cast<int*>(count);
  });
  SSL_set_msg_callback_arg(session.get(), &hellos);
  {
    const OpenSslPeer origin(std::move(session), std::move(pair.other), [&](SSL* ssl) {
      if (SSL_accept(ssl) != 1) return;
      SSL_renegotiate(ssl);
      SSL_do_handshake(ssl);
      heard = read_to_end(ssl);
    });
    const auto socket = loop.watch(std::move(pair.ours));
    const auto stream = side.connect(*socket);
    loop.run([&]() -> asio::awaitable<void> {
      CHECK(co_await stream->handshake());
      CHECK(co_await read_everything(*stream) != "");  // OpenSSL's server gives up
    });
  }
  CHECK(hellos == 1);
  CHECK(heard == "!");
}

TEST_CASE("an_origin_sees_the_name_and_the_protocols_and_its_choice_is_checked") {
  const OriginSide side;
  const Context server = OriginSide::server_context(side.leaf);
  struct Seen {
    std::string name, alpn, choice;
  } seen;
  SSL_CTX_set_alpn_select_cb(
      server.get(),
      [](SSL* ssl, const unsigned char** out, unsigned char* size, const unsigned char* in, unsigned in_size,
         void* argument) {
        auto& saw = *static_cast<Seen*>(argument);
        saw.name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
        saw.alpn.assign(reinterpret_cast<const char*>(in), in_size);
        if (saw.choice.empty()) return SSL_TLSEXT_ERR_NOACK;
        *out = reinterpret_cast<const unsigned char*>(saw.choice.data());
        *size = static_cast<unsigned char>(saw.choice.size());
        return SSL_TLSEXT_ERR_OK;
      },
      &seen);
  CHECK(side.meet(server.get()).heard == "secret");  // no choice: HTTP/1.1
  CHECK(seen.name == "ok.test");
  CHECK(seen.alpn == alpn_wire({"http/1.1"}));
  seen.choice = "http/1.1";
  CHECK(side.meet(server.get()).heard == "secret");
  seen.choice = "h2";
  const Met met = side.meet(server.get());
  CHECK((met.fault == HandshakeFault::kAlpn || met.fault == HandshakeFault::kProtocol));  // newer OpenSSL looks first
  CHECK(met.message != "");
  CHECK(met.heard.find("secret") == std::string::npos);
}

TEST_CASE("a_trust_file_that_is_broken_is_named_with_line_and_entry") {
  const TemporaryFolder scratch;
  const std::string good = pem_of(certify_authority("one"));
  const auto complaint = [&](const std::string& content) {
    const auto made = ClientContext::make({.system = false, .files = {scratch.write("trust.pem", content)}});
    return made ? "" : made.error().message.substr(scratch.path().size());
  };
  CHECK(complaint(good + "between them\n" + good) == "");
  CHECK(complaint("") == "/trust.pem: holds no certificate");
  CHECK(complaint("no PEM at all\n") == "/trust.pem: holds no certificate");
  const auto lines = std::ranges::count(good, '\n');
  const std::string second = "/trust.pem:" + std::to_string(lines + 1) + ": entry 2 ";
  std::string broken = good;
  broken.replace(good.size() / 2, 8, "????????");
  CHECK(complaint(good + broken).starts_with(second + "is a broken certificate: "));
  CHECK(complaint(good + good.substr(0, good.size() / 2)) == second + "has no end");
  CHECK(complaint(good + "-----BEGIN PRIVATE KEY-----\n") == second + "is not a certificate");

  const auto missing = ClientContext::make({.system = false, .files = {scratch.file("none.pem")}});
  REQUIRE_FALSE(missing);
  CHECK(missing.error().message == scratch.file("none.pem") + ": no such file");
  CHECK_FALSE(ClientContext::make({.system = false, .files = {scratch.path()}}));
}

TEST_CASE("nobody_is_trusted_where_no_trust_was_configured") {
  OriginSide side;
  CHECK(side.meet(OriginSide::server_context(side.leaf).get()).heard == "secret");
  side.context = ClientContext::make({.system = false, .files = {}}).value();
  CHECK(label(side.meet(OriginSide::server_context(side.leaf).get()).fault) == "certificate_unknown_issuer");
}
