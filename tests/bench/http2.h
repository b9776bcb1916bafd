// The client's end of one HTTP/2 connection: so many GETs in flight at a time, each followed by the next.
#pragma once

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace enforcer::bench {

/// One stream's answer, whole; id tells streams of the connection apart.
struct Http2Answer {
  std::string status;
  std::string body;
  bool reset = false;
};

class Http2 {
 public:
  /// answered(stream, answer) is called from receive(). header: a further header field, none with an empty name.
  Http2(std::string_view host, std::pair<std::string, std::string> header,
        std::function<void(std::int32_t, const Http2Answer&)> answered);

  /// Asks once more; the number of the stream.
  std::int32_t ask();

  /// Takes what has arrived; false: the connection is over.
  bool receive(std::string_view data);

  /// Moves what is to be sent behind `out`.
  void send(std::string& out);

 private:
  struct Deleter {
    void operator()(nghttp2_session* session) const { nghttp2_session_del(session); }
  };
  struct Callbacks;

  std::string host_;
  std::pair<std::string, std::string> header_;
  std::function<void(std::int32_t, const Http2Answer&)> answered_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
};

}  // namespace enforcer::bench
