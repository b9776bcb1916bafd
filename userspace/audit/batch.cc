#include "audit/batch.h"

#include <boost/asio/async_result.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <functional>
#include <vector>

#include "audit/folding.h"
#include "audit/json_text.h"
#include "audit/lines.h"
#include "audit/log.h"

namespace enforcer::audit {

namespace asio = boost::asio;

namespace {

asio::awaitable<Result<>> nothing_to_write() {
  co_return Result<>{};
}

}  // namespace

struct Batch::Impl {
  using Waiter = std::move_only_function<void(Result<>)>;

  Impl(asio::io_context& io_, Log& log_) : io(io_), log(log_), timer(io_) {}

  template <class WriteBody>
  void add(WriteBody&& write_body) {
    lines.add(WallClock::now(), std::forward<WriteBody>(write_body));
    if (flush_posted) return;
    flush_posted = true;
    asio::post(io, [this] {
      flush_posted = false;
      flush();
    });
  }

  void flush() {
    const Result<> written = log.write(lines);
    lines.clear();
    // A session that goes on may append and wait again: it finds an empty list.
    std::vector<Waiter> woken = std::exchange(waiters, {});
    for (Waiter& waiter : woken) waiter(written);
  }

  void summarise_due(Monotonic::time_point now) {
    folding.flush_due(now, [this](const DecisionId& id, std::string_view text, std::uint64_t count) {
      add([&](std::string& out) {
        append_decision_head(out, id);
        out += text;
        append_number_field(out, "count", count);
      });
    });
  }

  void arm_timer() {
    const auto due = folding.next_due();
    if (timer_armed || !due) return;
    timer_armed = true;
    timer.expires_at(*due);
    timer.async_wait([this](boost::system::error_code error) {
      if (error) return;
      timer_armed = false;
      summarise_due(Monotonic::now());
      arm_timer();
    });
  }

  asio::io_context& io;
  Log& log;
  Lines lines;
  std::vector<Waiter> waiters;
  bool flush_posted = false;
  Folding folding;
  asio::steady_timer timer;
  bool timer_armed = false;
  std::string tail;  ///< of the denial at hand; kept for its capacity
};

Batch::Batch(asio::io_context& io, Log& log) : impl_(std::make_unique<Impl>(io, log)) {}
Batch::~Batch() = default;

void Batch::append(const DecisionRecord& record) {
  impl_->add([&](std::string& out) { append_body(out, record); });
}
void Batch::append(const EndRecord& record) {
  impl_->add([&](std::string& out) { append_body(out, record); });
}
void Batch::append(const EventRecord& record) {
  impl_->add([&](std::string& out) { append_body(out, record); });
}
void Batch::append(const DatapathRecord& record) {
  impl_->add([&](std::string& out) { append_body(out, record); });
}

asio::awaitable<Result<>> Batch::commit() {
  if (impl_->lines.empty()) return nothing_to_write();
  return asio::async_initiate<const asio::use_awaitable_t<>, void(Result<>)>(
      [this](auto handler) { impl_->waiters.emplace_back(std::move(handler)); }, asio::use_awaitable);
}

DecisionId Batch::deny(const DecisionRecord& record) {
  Impl& self = *impl_;
  self.tail.clear();
  append_decision_tail(self.tail, record);
  if (const auto first = self.folding.repeats(self.tail, record.id, Monotonic::now())) return *first;
  self.add([&](std::string& out) {
    append_decision_head(out, record.id);
    out += self.tail;
  });
  self.arm_timer();
  return record.id;
}

void Batch::finish() {
  impl_->timer.cancel();
  impl_->summarise_due(Monotonic::time_point::max());
  impl_->flush();
}

}  // namespace enforcer::audit
