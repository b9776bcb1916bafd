#include "enforcerctl/host_facts.h"

#include <fmt/format.h>
#include <sys/utsname.h>

#include <array>
#include <cstdio>
#include <memory>

#include "base/files.h"
#include "enforcerctl/terminal.h"

namespace enforcer::ctl {

constexpr std::size_t kMostFact = std::size_t{64} << 10;

std::string system_facts() {
  utsname system{};
  uname(&system);
  std::string text = fmt::format("{} {} {} {}\n", system.sysname, system.release, system.version, system.machine);
  for (const std::string path : {"/etc/os-release", "/proc/meminfo", "/proc/loadavg", "/proc/uptime",
                                 "/proc/pressure/memory", "/sys/kernel/security/lsm",
                                 "/proc/sys/kernel/unprivileged_bpf_disabled", "/proc/sys/net/core/bpf_jit_enable"}) {
    const auto content = read_kernel_file(path, kMostFact);
    text += fmt::format("\n# {}\n{}", path, content ? *content : content.error().message + "\n");
  }
  return text;
}

std::string unit_states() {
  // Only these properties: an environment may hold anything.
  constexpr auto kCommand =
      "systemctl show --no-pager --property=Id,LoadState,ActiveState,SubState,Result,NRestarts,ExecMainStatus,"
      "ActiveEnterTimestamp,MemoryCurrent,TasksCurrent enforcerd.service enforcer-hostd.service 2>&1";
  const std::unique_ptr<FILE, int (*)(FILE*)> pipe(popen(kCommand, "re"), pclose);
  if (!pipe) return "systemctl cannot be run\n";
  std::string text;
  std::array<char, 4096> buffer;
  while (const std::size_t size = fread(buffer.data(), 1, buffer.size(), pipe.get())) text.append(buffer.data(), size);
  return printable_lines(text);
}

}  // namespace enforcer::ctl
