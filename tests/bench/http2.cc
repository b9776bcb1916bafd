#include "http2.h"

#include <vector>

namespace enforcer::bench {

namespace {

nghttp2_nv field(std::string_view name, std::string_view value) {
  auto* n = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));  // nghttp2 copies both
  auto* v = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
  return {n, v, name.size(), value.size(), NGHTTP2_NV_FLAG_NONE};
}

std::string_view text(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

}  // namespace

struct Http2::Callbacks {
  static Http2Answer* answer(nghttp2_session* session, std::int32_t stream) {
    return static_cast<Http2Answer*>(nghttp2_session_get_stream_user_data(session, stream));
  }

  static int on_header(nghttp2_session* session, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t size,
                       const std::uint8_t* value, std::size_t value_size, std::uint8_t, void*) {
    Http2Answer* found = answer(session, frame->hd.stream_id);
    if (found != nullptr && text(name, size) == ":status") found->status = text(value, value_size);
    return 0;
  }

  static int on_data(nghttp2_session* session, std::uint8_t, std::int32_t stream, const std::uint8_t* data,
                     std::size_t size, void*) {
    if (Http2Answer* found = answer(session, stream)) found->body += text(data, size);
    return 0;
  }

  static int on_close(nghttp2_session* session, std::int32_t stream, std::uint32_t error, void* self) {
    const std::unique_ptr<Http2Answer> found(answer(session, stream));
    if (!found) return 0;
    found->reset = error != NGHTTP2_NO_ERROR;
    static_cast<Http2*>(self)->answered_(stream, *found);
    return 0;
  }
};

Http2::Http2(std::string_view host, std::pair<std::string, std::string> header,
             std::function<void(std::int32_t, const Http2Answer&)> answered)
    : host_(host), header_(std::move(header)), answered_(std::move(answered)) {
  nghttp2_session_callbacks* callbacks = nullptr;
  nghttp2_session_callbacks_new(&callbacks);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, Callbacks::on_header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, Callbacks::on_data);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, Callbacks::on_close);
  nghttp2_session* session = nullptr;
  nghttp2_session_client_new(&session, callbacks, this);
  nghttp2_session_callbacks_del(callbacks);
  session_.reset(session);
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, nullptr, 0);
}

std::int32_t Http2::ask() {
  std::vector<nghttp2_nv> fields{field(":method", "GET"), field(":scheme", "https"), field(":authority", host_),
                                 field(":path", "/"), field("accept", "*/*")};
  if (!header_.first.empty()) fields.push_back(field(header_.first, header_.second));
  auto answer = std::make_unique<Http2Answer>();
  const std::int32_t stream =
      nghttp2_submit_request(session_.get(), nullptr, fields.data(), fields.size(), nullptr, answer.get());
  if (stream > 0) (void)answer.release();  // on_close() frees it
  return stream;
}

bool Http2::receive(std::string_view data) {
  const auto* bytes = reinterpret_cast<const std::uint8_t*>(data.data());
  if (nghttp2_session_mem_recv(session_.get(), bytes, data.size()) < 0) return false;
  return nghttp2_session_want_read(session_.get()) != 0;
}

void Http2::send(std::string& out) {
  const std::uint8_t* data = nullptr;
  for (ssize_t n; (n = nghttp2_session_mem_send(session_.get(), &data)) > 0;) {
    out += text(data, static_cast<std::size_t>(n));
  }
}

}  // namespace enforcer::bench
