#include "enforcerd/workers.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>

namespace enforcer::enforcerd {

namespace asio = boost::asio;

Result<std::unique_ptr<Workers>> Workers::make(const config::Config& config, audit::Log& log) {
  auto made = std::make_unique<Workers>();
  for (unsigned i = 0; i < config.workers; ++i) made->workers_.push_back(TRY(proxy::Worker::make(config, log)));
  return made;
}

asio::awaitable<void> Workers::settled() {
  for (auto& worker : workers_) {
    auto pass_by = []() -> asio::awaitable<void> { co_return; };
    auto passed = pass_by();
    co_await asio::co_spawn(worker->io(), std::move(passed), asio::use_awaitable);
  }
}

asio::awaitable<std::vector<metrics::WorkerCounts>> Workers::counts() {
  std::vector<metrics::WorkerCounts> all;
  for (auto& worker : workers_) {
    auto copy = [](proxy::Worker& of) -> asio::awaitable<metrics::WorkerCounts> { co_return of.metrics().snapshot(); };
    auto copied = copy(*worker);
    all.push_back(co_await asio::co_spawn(worker->io(), std::move(copied), asio::use_awaitable));
  }
  co_return all;
}

asio::awaitable<std::map<std::uint32_t, proxy::GuestUse>> Workers::guest_use() {
  using UseBySlot = std::map<std::uint32_t, proxy::GuestUse>;
  UseBySlot all;
  for (auto& worker : workers_) {
    auto copy = [](proxy::Worker& of) -> asio::awaitable<UseBySlot> { co_return of.guest_use(); };
    auto copied = copy(*worker);
    for (const auto& [slot, use] : co_await asio::co_spawn(worker->io(), std::move(copied), asio::use_awaitable)) {
      all[slot] += use;
    }
  }
  co_return all;
}

void Workers::run() {
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < workers_.size(); ++i) {
    threads.emplace_back([&worker = *workers_[i]] { worker.run(); });
  }
  home().run();
}

void Workers::stop() {
  for (auto& worker : workers_) worker->stop();
}

}  // namespace enforcer::enforcerd
