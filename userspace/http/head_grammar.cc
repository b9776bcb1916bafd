#include "http/head_grammar.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <cstdint>
#include <utility>

#include "http/head_scanner.h"

namespace enforcer::http {
namespace {

namespace beast = boost::beast;

template <bool kRequest>
class RawHeadParser final : public beast::http::basic_parser<kRequest> {
 public:
  RawHeadParser() {
    this->header_limit(static_cast<std::uint32_t>(kMaxHead) + 1);
    this->body_limit(boost::none);
    if constexpr (!kRequest) this->skip(true);  // whatever body is announced
    raw_.fields.reserve(kUsualFields);
  }

  /// Once.
  RawOutcome read(std::string_view text) {
    beast::error_code error;
    this->put(boost::asio::buffer(text), error);
    if (!error && !this->is_header_done()) error = beast::http::error::need_more;
    if (error) return std::unexpected(error);
    return std::move(raw_);
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

  RawHead raw_;
};

}  // namespace

RawOutcome read_raw_request(std::string_view text) {
  return RawHeadParser<true>().read(text);
}

RawOutcome read_raw_response(std::string_view text) {
  return RawHeadParser<false>().read(text);
}

}  // namespace enforcer::http
