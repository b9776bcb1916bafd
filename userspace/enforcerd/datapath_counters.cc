#include "enforcerd/datapath_counters.h"

#include <linux/bpf.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <charconv>
#include <string>
#include <vector>

#include "base/files.h"

namespace enforcer::enforcerd {
namespace {

/// "0-3" or "0" or "0,2-7": the highest number plus one, which is how many values the kernel copies.
Result<std::size_t> possible_processors() {
  std::string text = TRY(read_file("/sys/devices/system/cpu/possible", 4096, LastLink::kRefuse));
  while (!text.empty() && text.back() == '\n') text.pop_back();
  const std::size_t last = text.find_last_of("-,");
  const std::string_view digits = std::string_view(text).substr(last == std::string::npos ? 0 : last + 1);
  std::size_t highest = 0;
  const auto [end, status] = std::from_chars(digits.data(), digits.data() + digits.size(), highest);
  if (status != std::errc{}) return fail(Errc::kIo, "/sys/devices/system/cpu/possible: '" + text + "'");
  return highest + 1;
}

}  // namespace

Result<DatapathCounters> DatapathCounters::make(Fd map) {
  const std::size_t processors = TRY(possible_processors());
  return DatapathCounters(std::move(map), processors);
}

std::optional<enforcer_counters> DatapathCounters::read(Slot slot) const {
  std::vector<enforcer_counters> each(processors_);
  auto key = static_cast<std::uint32_t>(slot);
  bpf_attr attributes{};
  attributes.map_fd = static_cast<std::uint32_t>(map_.get());
  attributes.key = reinterpret_cast<std::uint64_t>(&key);
  attributes.value = reinterpret_cast<std::uint64_t>(each.data());
  if (syscall(SYS_bpf, BPF_MAP_LOOKUP_ELEM, &attributes, sizeof attributes) != 0) return std::nullopt;
  enforcer_counters sum{};
  for (const enforcer_counters& one : each) {
    for (int i = 0; i < ENFORCER_DROP_REASON_COUNT; ++i) sum.drops[i] += one.drops[i];
    for (int i = 0; i < ENFORCER_VERDICT_COUNT; ++i) sum.verdicts[i] += one.verdicts[i];
    sum.egress_bytes += one.egress_bytes;
    sum.ingress_bytes += one.ingress_bytes;
  }
  return sum;
}

}  // namespace enforcer::enforcerd
