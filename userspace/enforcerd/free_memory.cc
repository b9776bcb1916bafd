#include "enforcerd/free_memory.h"

#include <fmt/format.h>

#ifdef ENFORCER_JEMALLOC
#include <jemalloc/jemalloc.h>

/// jemalloc(3), TUNING: read before main(). Pages go back to the kernel over about a second after they became free. A
/// worker serves many requests in one turn of its loop, so it keeps more freed pieces at hand than the default.
extern "C" const char* malloc_conf;  // NOLINT(readability-identifier-naming)
const char* malloc_conf =
    "dirty_decay_ms:1000,muzzy_decay_ms:0,"
    "tcache_nslots_small_min:100,tcache_nslots_small_max:500,lg_tcache_nslots_mul:3";
#endif

namespace enforcer::enforcerd {
namespace {

void purge_what_is_old() {
#ifdef ENFORCER_JEMALLOC
  static const std::string decay_of_all = fmt::format("arena.{}.decay", MALLCTL_ARENAS_ALL);
  mallctl(decay_of_all.c_str(), nullptr, nullptr, nullptr, 0);
#endif
}

}  // namespace

FreeMemory::FreeMemory(boost::asio::io_context& io) : timer_(io) {
  wait();
}

void FreeMemory::wait() {
  timer_.expires_after(std::chrono::milliseconds(500));
  timer_.async_wait([this](boost::system::error_code error) {
    if (error) return;
    purge_what_is_old();
    wait();
  });
}

}  // namespace enforcer::enforcerd
