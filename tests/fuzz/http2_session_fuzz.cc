// HTTP/2 sessions, both roles, and the bridge to HTTP/1: whatever arrives, the session survives it within its bounds,
// and a head that is understood reads back as the same head when it goes on by HTTP/1 (attack: smuggling by downgrade).
// The first octet of the input says which role, and after how many octets each piece ends.
#include <algorithm>
#include <cstdint>
#include <set>
#include <string>

#include "base/result.h"
#include "http/http2_fields.h"

using namespace enforcer;
using namespace enforcer::http;

namespace {

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
constexpr std::string_view kBody = "an answer";

void check_request(const RequestHead& head) {
  if (head.tunnel != RequestHead::Tunnel::kNone) return;
  const std::string sent = serialise(head);
  RequestHeadReader reader;
  const HeadOutcome again = reader.read(as_bytes(sent));
  if (std::holds_alternative<HeadTooLarge>(again)) return;
  const auto* same = std::get_if<RequestHead>(&again);
  ENFORCER_CHECK(same != nullptr && reader.head_size() == sent.size() && serialise(*same) == sent);
  ENFORCER_CHECK(same->method == head.method && same->authority == head.authority && same->body == head.body);
  ENFORCER_CHECK(same->fields == head.fields && same->path.target() == head.path.target());
}

void check_response(const ResponseHead& head) {
  if (head.interim()) return;
  const std::string sent = serialise(head, Version::kHttp11, Connection::kKeepAlive);
  ResponseHeadReader reader("GET");
  const ResponseOutcome again = reader.read(as_bytes(sent));
  if (std::holds_alternative<ResponseMalformed>(again))
    ENFORCER_CHECK(sent.size() > kMaxHead || head.fields.size() > 200);
  if (const auto* same = std::get_if<ResponseHead>(&again)) ENFORCER_CHECK(same->fields == head.fields);
}

class Session final : public Http2Codec::Events {
 public:
  explicit Session(Http2Codec::Role role) : role_(role), codec_(Http2Codec::make(role, *this).value()) {
    if (role_ == Http2Codec::Role::kServer) return;
    const std::vector<HeaderField> fields = {
        {":method", "GET"}, {":scheme", "https"}, {":authority", "ok.test"}, {":path", "/"}};
    for (int i = 0; i < 3; ++i) ENFORCER_CHECK(codec_->request(fields, Http2End::kEndsHere).has_value());
  }

  void run(Bytes wire, std::size_t step) {
    send();
    if (role_ == Http2Codec::Role::kServer && !codec_->receive(as_bytes(kPreface))) return;
    while (!wire.empty()) {
      const Bytes piece = wire.first(std::min(step, wire.size()));
      wire = wire.subspan(piece.size());
      const bool well = codec_->receive(piece).has_value();
      send();
      if (!well) ENFORCER_CHECK(codec_->fault() != Http2Error::kNone);
      if (!well || codec_->over()) return;
    }
  }

 private:
  void send() {
    while (!codec_->output().empty()) {
    }
  }

  void head_came(StreamId stream, Http2Fields head, Http2End end) override {
    ENFORCER_CHECK(head.fields.size() <= kMaxFields);
    if (role_ == Http2Codec::Role::kClient) {
      const auto outcome = understand_http2_response(head, end, "GET");
      if (const auto* response = std::get_if<ResponseHead>(&outcome)) check_response(*response);
      return;
    }
    ENFORCER_CHECK(open_.insert(stream).second && open_.size() <= Http2Codec::kMaxStreams);
    const auto outcome = understand_http2_request(head, end);
    const auto* request = std::get_if<RequestHead>(&outcome);
    if (request == nullptr) return codec_->reset(stream, Http2Error::kProtocol);
    check_request(*request);
    codec_->respond(stream, {{":status", "200"}}, Http2End::kMoreFollows);
    codec_->offer(stream, as_bytes(kBody), Http2End::kMoreFollows);
    codec_->end_body(stream, {{"x", "y"}});
  }
  void trailers_came(StreamId /*stream*/, Http2Fields trailers) override { (void)http2_trailers(trailers); }
  void data_came(StreamId stream, Bytes data) override { codec_->consumed(stream, data.size()); }
  void body_ended(StreamId /*stream*/) override {}
  void data_taken(StreamId /*stream*/) override {}
  void end_sent(StreamId /*stream*/) override {}
  void malformed(StreamId /*stream*/) override {}
  void stream_closed(StreamId stream, Http2Error /*error*/) override { open_.erase(stream); }

  const Http2Codec::Role role_;
  std::unique_ptr<Http2Codec> codec_;
  std::set<StreamId> open_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto role = (data[0] & 1) == 0 ? Http2Codec::Role::kServer : Http2Codec::Role::kClient;
  Session(role).run(Bytes(data, size).subspan(1), std::size_t{1} + (data[0] >> 1) * std::size_t{16});
  return 0;
}
