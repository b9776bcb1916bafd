#include "network.h"

#include <net/if.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "files.h"
#include "route_socket.h"

namespace enforcer::guest {
namespace {

constexpr const char* kInterface = "eth0";

/// Of the kernel: these cannot be replaced.
Result<> set_kernel(const std::string& path, std::string_view text) {
  std::ofstream file(path);
  file << text << std::flush;
  return file ? Result<>() : Result<>(fail(Errc::kIo, path + ": cannot be written"));
}

/// Nobody advertises routers here and the host drops what it did not give out, so the kernel is told not to try: no
/// link-local address, no router solicitation, no duplicate address detection.
Result<> silence_autoconfiguration() {
  const std::string folder = std::string("/proc/sys/net/ipv6/conf/") + kInterface;
  TRY_VOID(set_kernel(folder + "/accept_ra", "0"));
  TRY_VOID(set_kernel(folder + "/autoconf", "0"));
  TRY_VOID(set_kernel(folder + "/accept_dad", "0"));
  return set_kernel(folder + "/addr_gen_mode", "1");
}

Result<> configure_family(RouteSocket& routes, unsigned interface, const std::optional<IpAddress>& own,
                          const std::optional<IpAddress>& gateway) {
  if (!own || !gateway) return {};
  TRY_VOID(routes.add_address(interface, *own));
  TRY_VOID(routes.add_link_route(interface, *gateway));
  return routes.add_default_route(interface, *gateway);
}

}  // namespace

Result<> name_guest(const BootParameters& parameters) {
  if (::sethostname(parameters.name.data(), parameters.name.size()) != 0) return fail_errno("hostname");
  TRY_VOID(replace_text("/etc/hostname", parameters.name + "\n"));
  return replace_text("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n127.0.0.1 " + parameters.name + "\n");
}

Result<> configure_network(const BootParameters& parameters) {
  if (parameters.gateway_ipv4)
    TRY_VOID(replace_text("/etc/resolv.conf",
                          "nameserver " + parameters.gateway_ipv4->to_string() + "\noptions timeout:2 attempts:2\n"));
  RouteSocket routes = TRY(RouteSocket::open());
  TRY_VOID(routes.set_up(::if_nametoindex("lo")));
  const unsigned interface = ::if_nametoindex(kInterface);
  if (interface == 0) return fail_errno(kInterface);
  TRY_VOID(silence_autoconfiguration());
  TRY_VOID(routes.set_up(interface));
  TRY_VOID(configure_family(routes, interface, parameters.ipv4, parameters.gateway_ipv4));
  return configure_family(routes, interface, parameters.ipv6, parameters.gateway_ipv6);
}

}  // namespace enforcer::guest
