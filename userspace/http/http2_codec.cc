#include "http/http2_codec.h"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "http/head_scanner.h"
#include "http/http2_memory.h"

namespace enforcer::http {
namespace {

/// At once, and the same again in so many seconds. Real clients stay below a tenth of it.
constexpr std::uint32_t kIdleFrames = 2000;
constexpr std::chrono::seconds kIdleFramesPer{4};
constexpr std::uint32_t kResets = 1000;
constexpr std::chrono::seconds kResetsPer{30};
constexpr std::size_t kMaxContinuations = 8;
/// Types below are those of RFC 9113.
constexpr int kFirstExtension = 0xa;
constexpr int kMaxCredit = 4096;
/// A head that decodes to so many times kMaxHead is no head but a bomb (HPACK: one octet stands for 4 KiB).
constexpr std::size_t kBomb = 8;
/// Frames that wait for the peer; 128 streams have a few each.
constexpr std::size_t kMaxQueued = 4096;
constexpr std::int32_t kConnectionWindow = 16 << 20;
/// RFC 9113 6.5.2: what a field costs beyond its octets.
constexpr std::size_t kFieldOverhead = 32;

struct OptionDeleter {
  void operator()(nghttp2_option* option) const { nghttp2_option_del(option); }
};
struct CallbacksDeleter {
  void operator()(nghttp2_session_callbacks* callbacks) const { nghttp2_session_callbacks_del(callbacks); }
};

/// nghttp2 copies names and values.
std::vector<nghttp2_nv> pairs_of(const std::vector<HeaderField>& fields) {
  std::vector<nghttp2_nv> pairs;
  pairs.reserve(fields.size());
  for (const HeaderField& field : fields) {
    const auto flags = static_cast<std::uint8_t>(field.secret ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE);
    pairs.push_back({const_cast<std::uint8_t*>(as_bytes(field.name).data()),
                     const_cast<std::uint8_t*>(as_bytes(field.value).data()), field.name.size(), field.value.size(),
                     flags});
  }
  return pairs;
}

/// Our own resets say CANCEL, NO_ERROR, REFUSED_STREAM or INTERNAL_ERROR: these say that the peer broke a rule.
bool is_peers_fault(std::uint32_t code) {
  switch (code) {
    case NGHTTP2_PROTOCOL_ERROR:
    case NGHTTP2_FLOW_CONTROL_ERROR:
    case NGHTTP2_STREAM_CLOSED:
    case NGHTTP2_FRAME_SIZE_ERROR:
    case NGHTTP2_COMPRESSION_ERROR:
      return true;
    default:
      return false;
  }
}

bool ends_stream(const nghttp2_frame& frame) {
  return (frame.hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

}  // namespace

struct Http2Codec::Callbacks {
  static Http2Codec& self(void* user_data) { return *static_cast<Http2Codec*>(user_data); }

  static int begin_frame(nghttp2_session* /*session*/, const nghttp2_frame_hd* head, void* user_data) {
    Http2Codec& codec = self(user_data);
    switch (head->type) {
      case NGHTTP2_CONTINUATION:
      case NGHTTP2_GOAWAY:
        return 0;
      case NGHTTP2_HEADERS:
        // nghttp2 decodes and ignores what comes for a stream that is over.
        if (codec.is_over(head->stream_id)) codec.spend(codec.idle_frames_);
        codec.last_head_ = std::max(codec.last_head_, head->stream_id);
        return 0;
      case NGHTTP2_DATA:
        if (head->length == 0 && (head->flags & NGHTTP2_FLAG_END_STREAM) == 0) codec.spend(codec.idle_frames_);
        return 0;
      case NGHTTP2_RST_STREAM:
        codec.spend(codec.resets_);
        return 0;
      case NGHTTP2_WINDOW_UPDATE:
      case NGHTTP2_PING:
        if (codec.credit_ > 0) {
          --codec.credit_;
          return 0;
        }
        break;
      default:
        break;
    }
    codec.spend(codec.idle_frames_);
    return 0;
  }

  static int begin_headers(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, void* user_data) {
    Http2Codec& codec = self(user_data);
    codec.block_ = {};
    codec.block_.fields.reserve(kUsualFields);
    codec.block_octets_ = 0;
    return 0;
  }

  static int header(nghttp2_session* /*session*/, const nghttp2_frame* /*frame*/, const std::uint8_t* name,
                    std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t /*flags*/,
                    void* user_data) {
    Http2Codec& codec = self(user_data);
    Http2Fields& block = codec.block_;
    codec.block_octets_ += name_size + value_size + kFieldOverhead;
    if (codec.block_octets_ > kMaxHead || block.fields.size() >= kMaxFields) block.too_large = true;
    if (codec.block_octets_ > kBomb * kMaxHead) {
      codec.overspent();
      return NGHTTP2_ERR_CALLBACK_FAILURE;
    }
    if (block.too_large) return 0;
    block.fields.push_back({std::string(as_text({name, name_size})), std::string(as_text({value, value_size}))});
    return 0;
  }

  static int frame_received(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user_data) {
    Http2Codec& codec = self(user_data);
    const StreamId stream = frame->hd.stream_id;
    if (frame->hd.type == NGHTTP2_DATA) {
      const bool padding_alone = frame->hd.length > 0 && frame->hd.length <= frame->data.padlen;
      if (padding_alone && !ends_stream(*frame)) codec.spend(codec.idle_frames_);
      if (ends_stream(*frame)) codec.events_.body_ended(stream);
    }
    if (frame->hd.type != NGHTTP2_HEADERS) return 0;
    const auto end = ends_stream(*frame) ? Http2End::kEndsHere : Http2End::kMoreFollows;
    Http2Fields block = std::exchange(codec.block_, {});
    const bool has_status = std::ranges::any_of(block.fields, [](const auto& f) { return f.name == ":status"; });
    if (frame->headers.cat == NGHTTP2_HCAT_HEADERS && !has_status) {
      if (codec.role_ == Role::kServer) {
        codec.reset(stream, Http2Error::kProtocol);
      } else {
        codec.events_.trailers_came(stream, std::move(block));
        codec.events_.body_ended(stream);
      }
      return 0;
    }
    codec.events_.head_came(stream, std::move(block), end);
    return 0;
  }

  static int data_received(nghttp2_session* session, std::uint8_t /*flags*/, std::int32_t stream,
                           const std::uint8_t* data, std::size_t size, void* user_data) {
    // One slow stream must not stop the others: the connection's window opens at once, the stream's does not.
    nghttp2_session_consume_connection(session, size);
    self(user_data).events_.data_came(stream, {data, size});
    return 0;
  }

  /// Frames of types that nobody has agreed on are ignored (RFC 9113 4.1), but begin_frame() has counted them.
  static int ignore_extension(nghttp2_session* /*session*/, void** /*payload*/, const nghttp2_frame_hd* /*head*/,
                              void* /*user_data*/) {
    return NGHTTP2_ERR_CANCEL;
  }

  static int frame_sent(nghttp2_session* /*session*/, const nghttp2_frame* frame, void* user_data) {
    Http2Codec& codec = self(user_data);
    const StreamId stream = frame->hd.stream_id;
    switch (frame->hd.type) {
      case NGHTTP2_DATA:
        codec.credit_ = std::min(codec.credit_ + 3, kMaxCredit);
        if (ends_stream(*frame)) codec.events_.end_sent(stream);
        break;
      case NGHTTP2_HEADERS:
        if (ends_stream(*frame)) codec.events_.end_sent(stream);
        break;
      case NGHTTP2_RST_STREAM:
        if (frame->rst_stream.error_code == NGHTTP2_REFUSED_STREAM) codec.spend(codec.resets_);
        if (!is_peers_fault(frame->rst_stream.error_code)) break;
        codec.spend(codec.resets_);
        codec.events_.malformed(stream);
        break;
      case NGHTTP2_GOAWAY:
        if (codec.fault_ == Http2Error::kNone) codec.fault_ = static_cast<Http2Error>(frame->goaway.error_code);
        break;
      default:
        break;
    }
    return 0;
  }

  static int stream_closed(nghttp2_session* /*session*/, std::int32_t stream, std::uint32_t code, void* user_data) {
    Http2Codec& codec = self(user_data);
    codec.outgoing_.erase(stream);
    codec.events_.stream_closed(stream, static_cast<Http2Error>(code));
    return 0;
  }

  static ssize_t read_body(nghttp2_session* session, std::int32_t stream, std::uint8_t* buffer, std::size_t size,
                           std::uint32_t* flags, nghttp2_data_source* /*source*/, void* user_data) {
    Http2Codec& codec = self(user_data);
    const auto found = codec.outgoing_.find(stream);
    if (found == codec.outgoing_.end()) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
    Outgoing& body = found->second;
    if (body.pending.empty() && !body.ended) return NGHTTP2_ERR_DEFERRED;
    const std::size_t count = std::min(size, body.pending.size());
    if (count > 0) std::memcpy(buffer, body.pending.data(), count);
    body.pending = body.pending.subspan(count);
    if (body.pending.empty() && body.ended) {
      *flags |= NGHTTP2_DATA_FLAG_EOF;
      if (!body.trailers.empty()) {
        *flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
        const auto pairs = pairs_of(body.trailers);
        if (nghttp2_submit_trailer(session, stream, pairs.data(), pairs.size()) != 0) {
          return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        }
      }
    }
    if (count > 0 && body.pending.empty()) codec.events_.data_taken(stream);
    return static_cast<ssize_t>(count);
  }
};

void Http2Codec::SessionDeleter::operator()(nghttp2_session* session) const {
  nghttp2_session_del(session);
}

Http2Codec::Http2Codec(Role role, Events& events)
    : role_(role), events_(events), idle_frames_(kIdleFrames, kIdleFramesPer), resets_(kResets, kResetsPer) {}

Http2Codec::~Http2Codec() = default;

Result<std::unique_ptr<Http2Codec>> Http2Codec::make(Role role, Events& events) {
  std::unique_ptr<Http2Codec> codec(new Http2Codec(role, events));
  TRY_VOID(codec->open());
  return codec;
}

Result<> Http2Codec::open() {
  nghttp2_session_callbacks* made = nullptr;
  if (nghttp2_session_callbacks_new(&made) != 0) return fail(Errc::kUnavailable, "nghttp2: out of memory");
  const std::unique_ptr<nghttp2_session_callbacks, CallbacksDeleter> callbacks(made);
  nghttp2_session_callbacks_set_on_begin_frame_callback(made, Callbacks::begin_frame);
  nghttp2_session_callbacks_set_on_begin_headers_callback(made, Callbacks::begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(made, Callbacks::header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(made, Callbacks::frame_received);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made, Callbacks::data_received);
  nghttp2_session_callbacks_set_unpack_extension_callback(made, Callbacks::ignore_extension);
  nghttp2_session_callbacks_set_on_frame_send_callback(made, Callbacks::frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(made, Callbacks::stream_closed);

  nghttp2_option* option = nullptr;
  if (nghttp2_option_new(&option) != 0) return fail(Errc::kUnavailable, "nghttp2: out of memory");
  const std::unique_ptr<nghttp2_option, OptionDeleter> options(option);
  nghttp2_option_set_no_auto_window_update(option, 1);
  nghttp2_option_set_no_closed_streams(option, 1);
  for (int type = kFirstExtension; type <= 0xff; ++type) {
    nghttp2_option_set_user_recv_extension_type(option, static_cast<std::uint8_t>(type));
  }
  nghttp2_option_set_max_continuations(option, kMaxContinuations);
  // Ours come first, and say ENHANCE_YOUR_CALM.
  nghttp2_option_set_stream_reset_rate_limit(option, std::uint64_t{2} * kResets, kResets);

  nghttp2_session* session = nullptr;
  nghttp2_mem memory = wiped_memory();
  const int opened = role_ == Role::kServer ? nghttp2_session_server_new2(&session, made, this, option)
                                            : nghttp2_session_client_new3(&session, made, this, option, &memory);
  if (opened != 0) return fail(Errc::kUnavailable, "nghttp2: out of memory");
  session_.reset(session);

  std::vector<nghttp2_settings_entry> settings = {
      {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, static_cast<std::uint32_t>(kWindow)},
      {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(kMaxHead)}};
  if (role_ == Role::kServer) {
    settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kMaxStreams});
    settings.push_back({NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1});
  } else {
    settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
  }
  if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) != 0 ||
      nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kConnectionWindow) != 0) {
    return fail(Errc::kUnavailable, "nghttp2: out of memory");
  }
  return {};
}

void Http2Codec::spend(net::RateLimit& budget) {
  if (!budget.take(Monotonic::now())) overspent();
}

void Http2Codec::overspent() {
  if (fault_ != Http2Error::kNone) return;
  terminate(Http2Error::kEnhanceYourCalm);
}

bool Http2Codec::is_over(StreamId stream) const {
  const bool opens = role_ == Role::kServer && stream > last_head_;
  return !opens && nghttp2_session_find_stream(session_.get(), stream) == nullptr;
}

Result<> Http2Codec::receive(Bytes bytes) {
  const ssize_t taken = nghttp2_session_mem_recv(session_.get(), bytes.data(), bytes.size());
  // The peer reads nothing, and makes us answer.
  if (nghttp2_session_get_outbound_queue_size(session_.get()) > kMaxQueued) overspent();
  if (taken < 0 && fault_ == Http2Error::kNone) {
    // nghttp2 gives up without a word where the peer floods it; where it has a word, that word goes first.
    const bool flooded = taken == NGHTTP2_ERR_FLOODED || taken == NGHTTP2_ERR_TOO_MANY_CONTINUATIONS;
    terminate(flooded ? Http2Error::kEnhanceYourCalm : Http2Error::kProtocol);
  }
  if (taken < 0 || fault_ != Http2Error::kNone) return fail(Errc::kInvalid, "HTTP/2: connection error");
  return {};
}

Bytes Http2Codec::output() {
  const std::uint8_t* data = nullptr;
  const ssize_t size = nghttp2_session_mem_send(session_.get(), &data);
  if (size < 0 && fault_ == Http2Error::kNone) fault_ = Http2Error::kInternal;
  return size > 0 ? Bytes{data, static_cast<std::size_t>(size)} : Bytes{};
}

bool Http2Codec::over() const {
  return nghttp2_session_want_read(session_.get()) == 0 && nghttp2_session_want_write(session_.get()) == 0;
}

Result<StreamId> Http2Codec::request(const std::vector<HeaderField>& fields, Http2End end) {
  const auto pairs = pairs_of(fields);
  const nghttp2_data_provider body{.source = {}, .read_callback = Callbacks::read_body};
  const bool has_body = end == Http2End::kMoreFollows;
  const StreamId stream =
      nghttp2_submit_request(session_.get(), nullptr, pairs.data(), pairs.size(), has_body ? &body : nullptr, nullptr);
  if (stream < 0) return fail(Errc::kUnavailable, "HTTP/2: the connection takes no more requests");
  if (has_body) outgoing_[stream];
  return stream;
}

void Http2Codec::respond(StreamId stream, const std::vector<HeaderField>& fields, Http2End end) {
  const auto pairs = pairs_of(fields);
  const nghttp2_data_provider body{.source = {}, .read_callback = Callbacks::read_body};
  const bool has_body = end == Http2End::kMoreFollows;
  if (has_body) outgoing_[stream];
  if (nghttp2_submit_response(session_.get(), stream, pairs.data(), pairs.size(), has_body ? &body : nullptr) != 0) {
    reset(stream, Http2Error::kInternal);
  }
}

void Http2Codec::interim(StreamId stream, const std::vector<HeaderField>& fields) {
  const auto pairs = pairs_of(fields);
  nghttp2_submit_headers(session_.get(), NGHTTP2_FLAG_NONE, stream, nullptr, pairs.data(), pairs.size(), nullptr);
}

void Http2Codec::offer(StreamId stream, Bytes data, Http2End end) {
  const auto found = outgoing_.find(stream);
  if (found == outgoing_.end()) return;
  found->second = {.pending = data, .ended = end == Http2End::kEndsHere, .trailers = {}};
  nghttp2_session_resume_data(session_.get(), stream);
}

void Http2Codec::withdraw(StreamId stream) {
  const auto found = outgoing_.find(stream);
  if (found != outgoing_.end()) found->second = {};  // no end either: what is cut short must not look whole
}

void Http2Codec::end_body(StreamId stream, std::vector<HeaderField> trailers) {
  const auto found = outgoing_.find(stream);
  if (found == outgoing_.end()) return;
  found->second.ended = true;
  found->second.trailers = std::move(trailers);
  nghttp2_session_resume_data(session_.get(), stream);
}

void Http2Codec::consumed(StreamId stream, std::size_t octets) {
  nghttp2_session_consume_stream(session_.get(), stream, octets);
}

void Http2Codec::widen(StreamId stream) {
  nghttp2_session_set_local_window_size(session_.get(), NGHTTP2_FLAG_NONE, stream, kWideWindow);
}

void Http2Codec::reset(StreamId stream, Http2Error error) {
  nghttp2_submit_rst_stream(session_.get(), NGHTTP2_FLAG_NONE, stream, static_cast<std::uint32_t>(error));
}

void Http2Codec::terminate(Http2Error error) {
  if (fault_ == Http2Error::kNone) fault_ = error;
  nghttp2_session_terminate_session(session_.get(), static_cast<std::uint32_t>(error));
}

std::uint32_t Http2Codec::max_streams() const {
  return std::min(kMaxStreams,
                  nghttp2_session_get_remote_settings(session_.get(), NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS));
}

bool Http2Codec::takes_requests() const {
  return fault_ == Http2Error::kNone && nghttp2_session_check_request_allowed(session_.get()) != 0;
}

}  // namespace enforcer::http
