// GuardedOrigin: the origin's side of an exchange whose request carries a secret of ours. What comes back is searched
// for it in every form it could have (credentials/needles.h), and the guest gets '*' in its place: in the head, the
// body, the trailers and the frames of a WebSocket, each while it streams.
//
// So that there is something to search, the origin is asked for what is not encoded; what comes encoded all the same is
// passed on decoded. What cannot be searched is not passed on.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "credentials/grpc_scanner.h"
#include "credentials/secret_scanner.h"
#include "credentials/websocket_scanner.h"
#include "http/content_decoder.h"
#include "proxy/guest.h"
#include "proxy/message_sides.h"

namespace enforcer::proxy {

/// Before a request goes to a GuardedOrigin: asks for no encoding, no frame compression and, unless `ranges` may be
/// asked for, for the whole (a guest that chooses where a part ends could have a secret cut to pieces too short to
/// find).
enum class Ranges : std::uint8_t { kRefused, kAllowed };
void ask_for_searchable(http::RequestHead& head, Ranges ranges);

class GuardedOrigin final : public OriginSide {
 public:
  /// What becomes of Set-Cookie: with a session of the identity that is ours, the guest would not need us any more.
  enum class Cookies : std::uint8_t { kRemoved, kKept };

  /// For this guest; both outlive it. `found` is called when the secret is found for the first time.
  GuardedOrigin(OriginSide& origin, Guest& guest, std::shared_ptr<const credentials::Needles> needles, Cookies cookies,
                std::function<void()> found);
  ~GuardedOrigin() override;
  GuardedOrigin(const GuardedOrigin&) = delete;
  GuardedOrigin& operator=(const GuardedOrigin&) = delete;

  boost::asio::awaitable<bool> send_head(const http::RequestHead& head) override;
  boost::asio::awaitable<bool> write_body(Bytes data, BodyPart::Next next) override;
  boost::asio::awaitable<bool> end_body(const Trailers& trailers) override;
  [[nodiscard]] std::uint64_t written() const override { return origin_.written(); }
  boost::asio::awaitable<Head> read_head() override;
  [[nodiscard]] BodyPart::Next next_part() override;
  boost::asio::awaitable<BodyPart> read_body() override;
  [[nodiscard]] Trailers trailers() override;
  [[nodiscard]] bool answered() const override { return origin_.answered(); }
  void become_tunnel() override;
  void keep() override { origin_.keep(); }

 private:
  bool guard(http::ResponseHead& head);
  void redact(std::string& text);
  void redact(std::vector<http::HeaderField>& fields);
  Result<Bytes> scan(Bytes data);
  [[nodiscard]] std::uint64_t findings() const;
  BodyPart search();
  BodyPart search_end();
  BodyPart passed(Bytes data);

  OriginSide& origin_;
  Guest& guest_;
  const std::shared_ptr<const credentials::Needles> needles_;
  const Cookies cookies_;
  std::function<void()> found_;  ///< empty once it was called
  credentials::SecretScanner scanner_;
  std::optional<credentials::WebsocketScanner> frames_;  ///< in its place behind become_tunnel()
  std::optional<credentials::GrpcScanner> messages_;     ///< in its place in the answer to a call
  bool called_ = false;                                  ///< the request is a call of gRPC
  std::optional<http::ContentDecoder> decoder_;
  Bytes arrived_;                                   ///< and was not searched yet
  BodyPart::Next next_ = BodyPart::Next::kUnknown;  ///< behind it
  std::vector<std::uint8_t> decoded_;               ///< room for it
  bool flushed_ = false;                            ///< what was held back is passed on
  bool ended_ = false;                              ///< the origin's body
};

}  // namespace enforcer::proxy
