#include "control/review_stream.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "control/json.h"
#include "control/line_stream.h"

namespace enforcer::control {
namespace {

asio::awaitable<void> send_news(Service& service, Stream& stream, ReviewFeed& feed) {
  while (!service.stopping) {
    const auto news = co_await feed.next();
    if (!news || !co_await send_lines(stream, encode_review_news(*news) + "\n")) co_return;
  }
}

}  // namespace

asio::awaitable<void> stream_reviews(Service& service, Stream& stream, Target target) {
  if (!target.query.empty()) {
    co_await send_answer(service, stream, answer_error({Errc::kInvalid, "watching takes no query field"}),
                         After::kClose);
    co_return;
  }
  const auto feed = service.backend.watch_reviews();
  if (!co_await begin_lines(stream)) co_return;
  using namespace asio::experimental::awaitable_operators;
  co_await (client_gone(stream) || send_news(service, stream, *feed));
}

}  // namespace enforcer::control
