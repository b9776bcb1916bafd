#include "control/log_stream.h"

#include <fmt/format.h>

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/steady_timer.hpp>
#include <charconv>

#include "audit/filter.h"
#include "audit/reader.h"
#include "base/text.h"
#include "control/json.h"
#include "control/line_stream.h"
#include "policy/reason.h"

namespace enforcer::control {
namespace {

/// How soon a follower sees a new record.
constexpr auto kPollInterval = std::chrono::milliseconds(200);

enum class Follow { kNo, kYes };

struct LogQuery {
  audit::Filter filter;
  Follow follow = Follow::kNo;
};

std::unexpected<Error> bad_field(std::string_view name, std::string_view why) {
  return fail(Errc::kInvalid, fmt::format("query field \"{}\" {}", escape_untrusted(name, 64), why));
}

Result<std::vector<std::string>> parse_decisions(std::string_view text) {
  std::vector<std::string> decisions;
  while (true) {
    const auto comma = text.find(',');
    const auto piece = text.substr(0, comma);
    if (piece != "allow" && piece != "review" && piece != "deny") {
      return bad_field("decision", "is not a list of allow, review, deny");
    }
    decisions.emplace_back(piece);
    if (comma == std::string_view::npos) return decisions;
    text.remove_prefix(comma + 1);
  }
}

Result<> take_field(LogQuery& query, std::string_view name, const std::string& value) {
  const auto one_of = [&](std::initializer_list<std::string_view> values) {
    return std::ranges::find(values, value) != values.end();
  };
  if (name == "guest") {
    query.filter.guest = TRY(GuestName::parse(value)).text();
  } else if (name == "decision") {
    query.filter.decisions = TRY(parse_decisions(value));
  } else if (name == "host") {
    query.filter.host = value;
  } else if (name == "rule") {
    query.filter.rule = value;
  } else if (name == "id") {
    query.filter.decision_id = value;
  } else if (name == "layer") {
    if (!one_of({"dns", "l4", "tls", "http"})) return bad_field(name, "is not dns, l4, tls or http");
    query.filter.layer = value;
  } else if (name == "type") {
    if (!one_of({"decision", "end", "event", "datapath", "review"})) {
      return bad_field(name, "is not decision, end, event, datapath or review");
    }
    query.filter.type = value;
  } else if (name == "reason") {
    const auto known = policy::reason_labels();
    if (std::ranges::find(known, value) == known.end()) return bad_field(name, "is not the reason of any record");
    query.filter.reason = value;
  } else if (name == "since") {
    query.filter.since = TRY(parse_time(value));
  } else if (name == "last") {
    const auto [end, status] = std::from_chars(value.data(), value.data() + value.size(), query.filter.last);
    if (status != std::errc{} || end != value.data() + value.size() || query.filter.last == 0 ||
        query.filter.last > 100'000) {
      return bad_field(name, "is not a number of 1-100000");
    }
  } else if (name == "follow") {
    if (!one_of({"0", "1"})) return bad_field(name, "is not 0 or 1");
    query.follow = value == "1" ? Follow::kYes : Follow::kNo;
  } else {
    return bad_field(name, "is unknown");
  }
  return {};
}

asio::awaitable<void> send_records(Service& service, Stream& stream, audit::Reader reader, Follow follow) {
  asio::steady_timer pause(co_await asio::this_coro::executor);
  while (!service.stopping) {
    auto step = reader.step();
    // A log that became unreadable ends the stream without the last chunk: the client sees that it is cut off.
    if (!step) co_return;
    std::string text;
    for (const std::string& line : step->lines) {
      text += line;
      text += '\n';
    }
    if (!text.empty() && !co_await send_lines(stream, std::move(text))) co_return;
    if (step->caught_up && follow == Follow::kNo) break;
    // A step is bounded; between two of them the worker's other handlers run.
    pause.expires_after(step->caught_up ? kPollInterval : std::chrono::milliseconds(0));
    co_await pause.async_wait(kAwait);
  }
  co_await end_lines(stream);
}

/// kInvalid: a field that there is not, or a malformed value.
Result<LogQuery> parse_log_query(const Target& target) {
  LogQuery query;
  for (const auto& [name, value] : target.query) TRY_VOID(take_field(query, name, value));
  return query;
}

}  // namespace

asio::awaitable<void> stream_log(Service& service, Stream& stream, Target target) {
  auto query = parse_log_query(target);
  if (!query) {
    co_await send_answer(service, stream, answer_error(query.error()), After::kClose);
    co_return;
  }
  auto reader = audit::Reader::open(service.backend.audit_path(), query->filter);
  if (!reader) {
    co_await send_answer(service, stream, answer_error(reader.error()), After::kClose);
    co_return;
  }
  if (!co_await begin_lines(stream)) co_return;

  using namespace asio::experimental::awaitable_operators;
  co_await (client_gone(stream) || send_records(service, stream, *std::move(reader), query->follow));
}

}  // namespace enforcer::control
