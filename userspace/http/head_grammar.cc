#include "http/head_grammar.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>

#include "http/head_scanner.h"

namespace enforcer::http {
namespace {

namespace beast = boost::beast;

template <bool kRequest>
class Grammar final : public beast::http::basic_parser<kRequest> {
 public:
  explicit Grammar(RawHead& raw) : raw_(raw) {
    this->header_limit(static_cast<std::uint32_t>(kMaxHead) + 1);
    this->body_limit(boost::none);
    if (!kRequest) this->skip(true);
    raw.fields.reserve(kUsualFields);
  }

  beast::error_code read(std::string_view text) {
    beast::error_code error;
    this->put(boost::asio::buffer(text), error);
    if (!error && !this->is_header_done()) error = beast::http::error::need_more;
    return error;
  }

 private:
  using Text = beast::string_view;
  using Error = beast::error_code;

  void on_request_impl(beast::http::verb /*known*/, Text method, Text target, int version, Error& /*error*/) override {
    raw_.method = method;
    raw_.target = target;
    raw_.version = static_cast<unsigned>(version);
  }
  void on_response_impl(int status, Text phrase, int version, Error& /*error*/) override {
    raw_.status = static_cast<unsigned>(status);
    raw_.phrase = phrase;
    raw_.version = static_cast<unsigned>(version);
  }
  void on_field_impl(beast::http::field /*known*/, Text name, Text value, Error& /*error*/) override {
    raw_.fields.push_back({std::string(name), std::string(value)});
  }

  // A body is not read here.
  void on_header_impl(Error& /*error*/) override {}
  void on_body_init_impl(const boost::optional<std::uint64_t>& /*length*/, Error& /*error*/) override {}
  std::size_t on_body_impl(Text /*body*/, Error& error) override { return refuse(error); }
  void on_chunk_header_impl(std::uint64_t /*size*/, Text /*extensions*/, Error& error) override { refuse(error); }
  std::size_t on_chunk_body_impl(std::uint64_t /*left*/, Text /*body*/, Error& error) override { return refuse(error); }
  void on_finish_impl(Error& /*error*/) override {}

  static std::size_t refuse(Error& error) {
    error = beast::http::error::unexpected_body;
    return 0;
  }

  RawHead& raw_;
};

}  // namespace

boost::system::error_code parse_request_grammar(std::string_view text, RawHead& raw) {
  return Grammar<true>(raw).read(text);
}

boost::system::error_code parse_response_grammar(std::string_view text, RawHead& raw) {
  return Grammar<false>(raw).read(text);
}

}  // namespace enforcer::http
