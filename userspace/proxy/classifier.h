// Classifier: the connections of a worker's guests until they have said what they want: which protocol they speak, and
// of TLS the whole ClientHello, which is decided on here. Nothing is dialled before that, and who never says gets RST
// (invariants 1 and 2).
//
// No coroutines: every connection waits here, those that never say anything longest, and most that are denied go no
// further.
#pragma once

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <vector>

#include "base/fd.h"
#include "policy/facts.h"
#include "proxy/decisions.h"
#include "tls/client_hello.h"

namespace enforcer::proxy {

class GuestConnection;
class LiveSession;

/// A ClientHello, and what it is allowed.
struct AllowedHello {
  tls::ClientHello hello;
  std::size_t size = 0;  ///< octets of the wire
  policy::Decision decision;

  /// What records say of it.
  [[nodiscard]] Seen seen() const;
};

/// What a guest said first.
struct Classification {
  enum class Protocol : std::uint8_t { kTls, kHttp1, kHttp2 } protocol;
  std::vector<std::uint8_t> received;   ///< all that came
  std::optional<AllowedHello> hello{};  ///< of kTls
};

/// Who goes on with a connection that is classified.
using OnClassified = void (*)(std::unique_ptr<GuestConnection> connection, Classification classification);

class Classifier {
 public:
  Classifier();
  ~Classifier();  ///< closes what still waits

  /// Waits for a connection's first words, for as long as `deadlines.classify` allows, and hands it over; clear HTTP
  /// with what is left of that time. One that ends, is late, or says what nobody understands or may not be is done with
  /// here: recorded, counted and reset.
  void add(std::unique_ptr<LiveSession> session, Fd socket, policy::Facts facts, OnClassified next);

 private:
  class Newcomer;
  std::list<Newcomer> newcomers_;
};

}  // namespace enforcer::proxy
