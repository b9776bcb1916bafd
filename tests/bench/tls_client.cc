// bench_tls_client MODE TARGETS CONNECTIONS SECONDS CA [OPTION...]: GET of 1 KiB over TLS 1.3 from one thread, a JSON
// line of figures at the end.
//
//   keep    CONNECTIONS stay open, one request after the other on each; the latency is from the request to its answer
//   fresh   a new connection for each request; the latency is from connect() to the answer
//   once    as `fresh`, each target once, however long it takes
//   idle    one request on each of CONNECTIONS, opened kOpening at a time, then the line, and holds them for SECONDS
//
// Options: h2=STREAMS, HTTP/2 with so many requests at a time on each connection (`keep` only); header=NAME: VALUE,
// said with each request; groups=LIST, key shares in the order of OpenSSL's option.
//
// TARGETS is a file with lines "ADDRESS NAME", used in turn, all on port 443. The first connection to each name
// verifies chain and name against CA; the others resume nothing and verify nothing, so that this end costs little. An
// answer that is not "200" with the origin's kBody octets is an error: it is given only for the header that the proxy
// adds.
#include <fmt/core.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/fd.h"
#include "http2.h"
#include "quantile.h"
#include "targets.h"

namespace {

using enforcer::Fd;
using enforcer::bench::Http2;
using enforcer::bench::Http2Answer;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kBody = 1024;
constexpr std::size_t kOpening = 32;
const std::string kRightBody(kBody, 'x');  // tests/bench/origins.py

enum class Mode { kKeep, kFresh, kOnce, kIdle };

struct SslDeleter {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
};

struct Options {
  std::size_t streams = 0;  ///< of HTTP/2; none: HTTP/1.1
  std::pair<std::string, std::string> header;
  std::string groups = "X25519:P-256";
};

struct Target {
  sockaddr_in address{};
  std::string name;
  std::string request;
  bool verified = false;
};

struct Connection {
  Fd socket;
  std::unique_ptr<SSL, SslDeleter> ssl;
  Target* target = nullptr;
  Clock::time_point begun;
  std::string answer;
  std::unique_ptr<Http2> http2;
  std::unordered_map<std::int32_t, Clock::time_point> asked;  ///< streams in flight
  std::string unsent;
  enum class State { kHandshake, kAsk, kRead, kHeld } state = State::kHandshake;
};

class Load {
 public:
  Load(Mode mode, std::vector<Target> targets, Options options, SSL_CTX* context)
      : mode_(mode),
        targets_(std::move(targets)),
        options_(std::move(options)),
        context_(context),
        epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

  std::vector<std::uint32_t> microseconds;
  std::uint64_t errors = 0;
  std::string first_error;

  double run(std::size_t connections, std::chrono::milliseconds time) {
    wanted_ = mode_ == Mode::kOnce ? targets_.size() : mode_ == Mode::kIdle ? connections : 0;
    const auto begun = Clock::now();
    const auto end = begun + time;
    for (std::size_t i = 0; i < (mode_ == Mode::kIdle ? std::min(kOpening, connections) : connections); ++i) open();
    std::array<epoll_event, 256> events{};
    const auto least = std::max<std::size_t>(wanted_, 1);  // however slow the proxy is
    while (microseconds.size() + errors < least || (wanted_ == 0 && Clock::now() < end)) {
      const int count = epoll_wait(epoll_.get(), events.data(), events.size(), 50);
      for (int i = 0; i < count; ++i) {
        const auto found = connections_.find(events[static_cast<std::size_t>(i)].data.fd);
        if (found != connections_.end()) advance(found->second);
      }
    }
    return std::chrono::duration<double>(Clock::now() - begun).count();
  }

 private:
  void open() {
    if (wanted_ > 0 && next_ >= wanted_) return;
    Connection connection;
    connection.target = &targets_[next_++ % targets_.size()];
    connection.socket = Fd(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    const int fd = connection.socket.get();
    const int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    connection.ssl.reset(SSL_new(context_));
    SSL* ssl = connection.ssl.get();
    SSL_set_fd(ssl, fd);
    SSL_set_tlsext_host_name(ssl, connection.target->name.c_str());
    if (!connection.target->verified) {
      SSL_set1_host(ssl, connection.target->name.c_str());
      SSL_set_verify(ssl, SSL_VERIFY_PEER, nullptr);
    }
    SSL_set_connect_state(ssl);
    connection.begun = Clock::now();
    const auto* address = reinterpret_cast<const sockaddr*>(&connection.target->address);
    const bool refused = connect(fd, address, sizeof(sockaddr_in)) != 0 && errno != EINPROGRESS;
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.fd = fd;
    epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
    Connection& made = connections_.insert_or_assign(fd, std::move(connection)).first->second;
    if (refused) fail(made, "connect");
  }

  void advance(Connection& connection) {
    ERR_clear_error();
    SSL* ssl = connection.ssl.get();
    if (connection.state == Connection::State::kHandshake) {
      const int done = SSL_do_handshake(ssl);
      if (done != 1) return waits(connection, done, "handshake");
      connection.target->verified = true;
      connection.state = Connection::State::kAsk;
      if (options_.streams > 0 && !begin_http2(connection)) return fail(connection, "h2 was not chosen");
    }
    if (connection.http2) return advance_http2(connection);
    while (true) {
      if (connection.state == Connection::State::kAsk) {
        if (mode_ == Mode::kKeep) connection.begun = Clock::now();
        const std::string& request = connection.target->request;
        const int sent = SSL_write(ssl, request.data(), static_cast<int>(request.size()));
        if (sent <= 0) return waits(connection, sent, "write");
        connection.state = Connection::State::kRead;
      }
      std::array<char, 4096> buffer;
      const int count = SSL_read(ssl, buffer.data(), buffer.size());
      if (count <= 0) return waits(connection, count, "read");
      connection.answer.append(buffer.data(), static_cast<std::size_t>(count));
      const std::size_t head = connection.answer.find("\r\n\r\n");
      const bool refused = connection.answer.size() > 12 && !connection.answer.starts_with("HTTP/1.1 200");
      if (!refused && (head == std::string::npos || connection.answer.size() < head + 4 + kBody)) continue;
      if (refused || connection.answer.substr(head + 4) != kRightBody) {
        return fail(connection, connection.answer.substr(0, connection.answer.find('\r')));
      }
      note(connection.begun);
      connection.answer.clear();
      connection.state = mode_ == Mode::kKeep ? Connection::State::kAsk : Connection::State::kHeld;
      if (mode_ == Mode::kFresh || mode_ == Mode::kOnce) return again(connection);
      if (mode_ == Mode::kIdle) open();
    }
  }

  void note(Clock::time_point begun) {
    const auto taken = std::chrono::duration_cast<std::chrono::microseconds>(Clock::now() - begun);
    microseconds.push_back(static_cast<std::uint32_t>(taken.count()));
  }

  bool begin_http2(Connection& connection) {
    const unsigned char* chosen = nullptr;
    unsigned size = 0;
    SSL_get0_alpn_selected(connection.ssl.get(), &chosen, &size);
    if (size != 2) return false;
    Connection* mine = &connection;  // stays where it is, in a node of the map
    connection.http2 = std::make_unique<Http2>(connection.target->name, options_.header,
                                               [this, mine](std::int32_t stream, const Http2Answer& answer) {
                                                 if (answer.status == "200" && answer.body == kRightBody) {
                                                   note(mine->asked.at(stream));
                                                 } else {
                                                   count_error(*mine, "HTTP/2 status " + answer.status);
                                                 }
                                                 mine->asked.erase(stream);
                                               });
    return true;
  }

  void advance_http2(Connection& connection) {
    while (true) {
      while (connection.asked.size() < options_.streams) {
        const std::int32_t stream = connection.http2->ask();
        if (stream < 0) return fail(connection, "no further stream");
        connection.asked[stream] = Clock::now();
      }
      connection.http2->send(connection.unsent);
      if (!connection.unsent.empty()) {
        const int size = static_cast<int>(connection.unsent.size());
        const int sent = SSL_write(connection.ssl.get(), connection.unsent.data(), size);
        if (sent <= 0) return waits(connection, sent, "write");
        connection.unsent.clear();
      }
      std::array<char, 16384> buffer;
      const int count = SSL_read(connection.ssl.get(), buffer.data(), buffer.size());
      if (count <= 0) return waits(connection, count, "read");
      if (!connection.http2->receive({buffer.data(), static_cast<std::size_t>(count)}))
        return fail(connection, "GOAWAY");
    }
  }

  void waits(Connection& connection, int result, std::string_view what) {
    const int error = SSL_get_error(connection.ssl.get(), result);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    const auto* reason = ERR_reason_error_string(ERR_peek_last_error());
    fail(connection, fmt::format("{}: {}", what, reason != nullptr ? reason : "closed"));
  }

  void count_error(const Connection& connection, std::string_view why) {
    ++errors;
    if (first_error.empty()) first_error = fmt::format("{}: {}", connection.target->name, why);
  }

  void fail(Connection& connection, std::string_view why) {
    count_error(connection, why);
    again(connection);
  }

  void again(Connection& connection) {
    SSL_set_quiet_shutdown(connection.ssl.get(), 1);
    connections_.erase(connection.socket.get());
    open();
  }

  const Mode mode_;
  std::vector<Target> targets_;
  const Options options_;
  SSL_CTX* context_;
  Fd epoll_;
  std::unordered_map<int, Connection> connections_;
  std::size_t next_ = 0;
  std::size_t wanted_ = 0;
};

std::optional<Options> read_options(std::span<char*> arguments) {
  Options options;
  for (const std::string_view argument : arguments) {
    const std::string value(argument.substr(std::min(argument.size(), argument.find('=') + 1)));
    if (argument.starts_with("h2=")) {
      options.streams = std::strtoul(value.c_str(), nullptr, 10);
    } else if (argument.starts_with("header=") && value.contains(": ")) {
      const std::size_t colon = value.find(": ");
      options.header = {value.substr(0, colon), value.substr(colon + 2)};
    } else if (argument.starts_with("groups=")) {
      options.groups = value;
    } else {
      return std::nullopt;
    }
  }
  return options;
}

using Context = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;

Context make_context(const Options& options, const char* authority) {
  Context context(SSL_CTX_new(TLS_client_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION);
  constexpr std::array<unsigned char, 9> kHttp1{8, 'h', 't', 't', 'p', '/', '1', '.', '1'};
  constexpr std::array<unsigned char, 3> kHttp2{2, 'h', '2'};
  if (options.streams > 0) {
    SSL_CTX_set_alpn_protos(context.get(), kHttp2.data(), kHttp2.size());
  } else {
    SSL_CTX_set_alpn_protos(context.get(), kHttp1.data(), kHttp1.size());
  }
  if (SSL_CTX_set1_groups_list(context.get(), options.groups.c_str()) != 1) context.reset();
  if (context && SSL_CTX_load_verify_locations(context.get(), authority, nullptr) != 1) context.reset();
  return context;
}

}  // namespace

int main(int argc, char** argv) {
  const std::unordered_map<std::string_view, Mode> modes{
      {"keep", Mode::kKeep}, {"fresh", Mode::kFresh}, {"once", Mode::kOnce}, {"idle", Mode::kIdle}};
  const std::span arguments(argv, static_cast<std::size_t>(argc));
  const auto options = argc > 5 ? read_options(arguments.subspan(6)) : std::nullopt;
  if (!options || !modes.contains(argv[1])) {
    fmt::print(stderr,
               "usage: bench_tls_client keep|fresh|once|idle TARGETS CONNECTIONS SECONDS CA "
               "[h2=STREAMS] [header=NAME: VALUE] [groups=LIST]\n");
    return 2;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const Mode mode = modes.at(argv[1]);
  const auto& [key, value] = options->header;
  const std::string header = key.empty() ? "" : fmt::format("{}: {}\r\n", key, value);
  auto targets = enforcer::bench::read_targets<Target>(argv[2], [&](const sockaddr_in& place, const std::string& name) {
    return Target{.address = place,
                  .name = name,
                  .request = fmt::format("GET / HTTP/1.1\r\nHost: {}\r\nAccept: */*\r\n{}\r\n", name, header)};
  });
  const Context context = make_context(*options, argv[5]);
  if (targets.empty() || !context) {
    fmt::print(stderr, "bench_tls_client: no target in {}, or no certificate in {}\n", argv[2], argv[5]);
    return 1;
  }
  const std::chrono::milliseconds time(static_cast<std::int64_t>(std::strtod(argv[4], nullptr) * 1000));
  Load load(mode, std::move(targets), *options, context.get());
  const double seconds = load.run(static_cast<std::size_t>(std::atoi(argv[3])), time);
  if (!load.first_error.empty()) fmt::print(stderr, "bench_tls_client: {}\n", load.first_error);
  fmt::print("{{\"operations\":{},\"errors\":{},\"seconds\":{:.3f},\"p50\":{},\"p99\":{}}}\n", load.microseconds.size(),
             load.errors, seconds, enforcer::bench::quantile(load.microseconds, 0.5),
             enforcer::bench::quantile(load.microseconds, 0.99));
  std::fflush(stdout);
  if (mode == Mode::kIdle) usleep(static_cast<useconds_t>(time.count() * 1000));
}
