#include "credentials/https_answer.h"

#include <fmt/format.h>

#include <boost/beast/core/string.hpp>
#include <utility>

#include "http/field_rules.h"

namespace enforcer::credentials {
namespace {

std::unexpected<Error> unusable_answer(std::string_view what) {
  return fail(Errc::kUnavailable, fmt::format("its answer cannot be used: {}", what));
}

std::unexpected<Error> answer_too_large() {
  return unusable_answer(fmt::format("it has more than {} bytes", HttpsResponse::kMaxBody));
}

}  // namespace

/// False: the head is not whole yet.
Result<bool> HttpsAnswerReader::read_head() {
  while (true) {
    const auto outcome = head_->read(buffered_);
    if (std::holds_alternative<http::ResponseIncomplete>(outcome)) return false;
    if (const auto* wrong = std::get_if<http::ResponseMalformed>(&outcome)) return unusable_answer(wrong->what);
    const auto& head = std::get<http::ResponseHead>(outcome);
    buffered_.erase(buffered_.begin(), buffered_.begin() + static_cast<std::ptrdiff_t>(head_->head_size()));
    if (!head.interim()) {
      TRY_VOID(begin_body(head));
      return true;
    }
    if (head.status == 101) return unusable_answer("it changes the protocol unasked");
    if (++interim_ > kMaxInterim) return unusable_answer("too many interim answers");
    head_.emplace(method_);
  }
}

Result<> HttpsAnswerReader::begin_body(const http::ResponseHead& head) {
  response_.status = head.status;
  if (what_ == Read::kHead) {
    body_.emplace(http::BodyFraming{});
    return {};
  }
  for (const std::string_view coding : http::values_of(head.fields, "content-encoding")) {
    if (!boost::beast::iequals(coding, "identity"))
      return unusable_answer("it is encoded, though nothing was accepted");
  }
  if (head.body.kind == http::BodyFraming::Kind::kLength && head.body.length > HttpsResponse::kMaxBody) {
    return answer_too_large();
  }
  until_close_ = head.body.kind == http::BodyFraming::Kind::kUntilClose;
  body_.emplace(head.body, http::BodyReader::Extras::kDropped);
  return {};
}

Result<std::optional<HttpsResponse>> HttpsAnswerReader::feed(Bytes arrived) {
  if (body_) return take_body(arrived);
  buffered_.insert(buffered_.end(), arrived.begin(), arrived.end());
  if (!TRY(read_head())) return std::nullopt;
  const WipedBytes rest = std::exchange(buffered_, {});
  return take_body(rest);
}

Result<std::optional<HttpsResponse>> HttpsAnswerReader::take_body(Bytes arrived) {
  using State = http::BodyReader::State;
  while (true) {
    const auto progress = body_->next(arrived);
    if (progress.state == State::kMalformed) return unusable_answer(body_->fault());
    if (response_.body.size() + progress.data.size() > HttpsResponse::kMaxBody) return answer_too_large();
    response_.body.append(as_text(progress.data));
    arrived = arrived.subspan(progress.consumed);
    if (progress.state == State::kComplete) return std::exchange(response_, {});
    if (progress.consumed == 0) return std::nullopt;
  }
}

Result<HttpsResponse> HttpsAnswerReader::end() {
  if (!body_ || !until_close_) return unusable_answer("it ends in the middle");
  return std::exchange(response_, {});
}

}  // namespace enforcer::credentials
