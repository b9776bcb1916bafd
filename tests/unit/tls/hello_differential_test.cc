// Our reader and OpenSSL must see the same hello. OpenSSL makes the hellos (with many options), they are cut into
// records and segments in many ways, and OpenSSL's server side says which name and protocols it read. Then hellos are
// damaged at random: whatever both still accept, they must read alike - a difference there is how a guest would show us
// one name and the origin another.
#include <doctest/doctest.h>

#include <random>

#include "hello_bytes.h"
#include "openssl_peer.h"
#include "tls/client_hello.h"

using namespace enforcer;
using namespace enforcer::tls;
using test::Context;
using test::Session;

namespace {

struct Options {
  std::string name;  // empty: no SNI
  std::vector<std::string> alpn;
  int max_version = TLS1_3_VERSION;
  const char* groups = "X25519";
  std::uint64_t flags = 0;
};

/// What a parser saw.
struct Seen {
  bool accepted = false;
  std::string name;
  std::vector<std::string> alpn;
  friend bool operator==(const Seen&, const Seen&) = default;
};

/// The handshake message that an OpenSSL client begins with.
std::string hello_of_openssl(const Options& options) {
  const Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_max_proto_version(context.get(), options.max_version);
  SSL_CTX_set_options(context.get(), options.flags);
  REQUIRE(SSL_CTX_set1_groups_list(context.get(), options.groups) == 1);
  const Session session(SSL_new(context.get()));
  if (!options.name.empty()) SSL_set_tlsext_host_name(session.get(), options.name.c_str());
  std::string protocols;
  for (const auto& protocol : options.alpn) protocols += test::vec8(protocol);
  if (!protocols.empty())
    SSL_set_alpn_protos(session.get(), as_bytes(protocols).data(), static_cast<unsigned>(protocols.size()));
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(session.get(), BIO_new(BIO_s_mem()), out);
  SSL_connect(session.get());
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(out, &data));
  REQUIRE(size > 9);
  return std::string(data + 5, size - 5);  // without the record header
}

int observe(SSL* session, int*, void* argument) {
  auto& seen = *static_cast<Seen*>(argument);
  const unsigned char* data = nullptr;
  std::size_t size = 0;
  // The callback runs before OpenSSL looks into extensions, so the lists are read here as its own parsers do:
  // server_name is a list with one host_name (statem/extensions_srvr.c), ALPN a list of protocols.
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_server_name, &data, &size) == 1) {
    if (size < 6) return SSL_CLIENT_HELLO_ERROR;
    seen.name.assign(reinterpret_cast<const char*>(data) + 5, size - 5);
  }
  if (SSL_client_hello_get0_ext(session, TLSEXT_TYPE_application_layer_protocol_negotiation, &data, &size) == 1) {
    for (std::size_t at = 2; at < size; at += 1 + data[at]) {
      if (at + 1 + data[at] > size) return SSL_CLIENT_HELLO_ERROR;
      seen.alpn.emplace_back(reinterpret_cast<const char*>(data) + at + 1, data[at]);
    }
  }
  seen.accepted = true;
  return SSL_CLIENT_HELLO_SUCCESS;
}

int note_name(SSL* session, int*, void* argument) {
  // Runs only when OpenSSL's own parser accepted every extension.
  auto& accepted = *static_cast<bool*>(argument);
  const char* name = SSL_get_servername(session, TLSEXT_NAMETYPE_host_name);
  accepted = true;
  return name != nullptr ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_NOACK;
}

Seen seen_by_openssl(const std::string& wire) {
  Seen seen;
  bool accepted = false;
  const Context context(SSL_CTX_new(TLS_server_method()));
  SSL_CTX_set_client_hello_cb(context.get(), observe, &seen);
  SSL_CTX_set_tlsext_servername_callback(context.get(), note_name);
  SSL_CTX_set_tlsext_servername_arg(context.get(), &accepted);
  const Session session(SSL_new(context.get()));
  BIO* in = BIO_new(BIO_s_mem());
  SSL_set_bio(session.get(), in, BIO_new(BIO_s_mem()));
  BIO_write(in, wire.data(), static_cast<int>(wire.size()));
  SSL_accept(session.get());  // fails in the end: there is no certificate
  seen.accepted = seen.accepted && accepted;
  return seen.accepted ? seen : Seen{};
}

Seen seen_by_us(const std::string& wire, std::size_t segment) {
  ClientHelloReader reader;
  for (std::size_t at = 0; at < wire.size(); at += segment) {
    const auto outcome = reader.feed(as_bytes(wire).subspan(at, std::min(segment, wire.size() - at)));
    if (const auto* hello = std::get_if<ClientHello>(&outcome)) {
      return {.accepted = true, .name = hello->server_name.value_or(""), .alpn = hello->alpn};
    }
    if (!std::holds_alternative<NeedMore>(outcome)) return {};
  }
  return {};
}

std::vector<Options> many_options() {
  std::vector<Options> all;
  for (const std::string& name : {std::string(), std::string("ok.test"), std::string(200, 'a') + ".test"}) {
    for (const std::vector<std::string>& alpn :
         {std::vector<std::string>{}, {"h2", "http/1.1"}, {"a", std::string(255, 'b')}}) {
      for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
        for (const char* groups : {"X25519", "P-384:X25519:P-521", "ffdhe8192"}) {
          for (const std::uint64_t flags :
               {std::uint64_t{0}, std::uint64_t{SSL_OP_TLSEXT_PADDING | SSL_OP_NO_TICKET}}) {
            if (version == TLS1_2_VERSION && std::string_view(groups) == "ffdhe8192")
              continue;  // no group is left to offer
            all.push_back({name, alpn, version, groups, flags});
          }
        }
      }
    }
  }
  return all;
}

}  // namespace

TEST_CASE("our_reader_and_openssl_agree_on_hellos_cut_in_any_way") {
  for (const Options& options : many_options()) {
    const std::string message = hello_of_openssl(options);
    for (const std::size_t record_size : {1, 17, 16384}) {
      const std::string wire = test::records(message, record_size);
      const Seen expected{.accepted = true, .name = options.name, .alpn = options.alpn};
      CAPTURE(options.name);
      CAPTURE(record_size);
      CHECK(seen_by_openssl(wire) == expected);
      for (const std::size_t segment : {std::size_t{1}, std::size_t{13}, wire.size()}) {
        CHECK(seen_by_us(wire, segment) == expected);
      }
    }
  }
}

TEST_CASE("our_reader_and_openssl_agree_on_every_damaged_hello_that_both_accept") {
  std::mt19937 random(20240917);  // the same damage in each run
  int both = 0;
  for (const Options& options : many_options()) {
    const std::string message = hello_of_openssl(options);
    for (int round = 0; round < 60; ++round) {
      std::string damaged = message;
      for (std::uint32_t changes = 1 + random() % 3; changes > 0; --changes) {
        damaged[4 + random() % (damaged.size() - 4)] = static_cast<char>(random());
      }
      const std::string wire = test::records(damaged, 16384);
      const Seen ours = seen_by_us(wire, wire.size());
      const Seen theirs = seen_by_openssl(wire);
      if (!ours.accepted || !theirs.accepted) continue;
      ++both;
      CHECK(ours == theirs);
    }
  }
  CHECK(both > 1000);  // the test has something to compare
}
