// enforcer-hostd: the root half of Enforcer. It builds what guests are boxed in with (namespaces, links, BPF, the nft
// guard, QEMU) and hands descriptors to enforcerd, which does everything else without privileges.
//
// main() is the order in which things come up. SIGTERM ends the process and nothing else: namespaces, programs and
// guests stay, and the next run takes them. `--teardown` removes them.
#include <fmt/format.h>
#include <getopt.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <string>

#include "base/log.h"
#include "base/service_notify.h"
#include "config/config.h"
#include "config/paths.h"
#include "config/program_text.h"
#include "hostd/directories.h"
#include "hostd/guests.h"
#include "hostd/server.h"
#include "hostd/teardown.h"

namespace enforcer::hostd {
namespace {

enum ExitCode { kOk = 0, kFailed = 1, kUsage = 2, kConfig = 3 };

struct Options {
  std::optional<std::string> config;
  std::string enforcerd_user = "enforcer";
  std::string admin_group = "enforcer-admin";
  enum class Action { kServe, kPrepare, kTearDown, kHelp } action = Action::kServe;
};

std::optional<Options> parse_options(int argc, char** argv) {
  static constexpr option kOptions[] = {{"config", required_argument, nullptr, 'c'},
                                        {"enforcerd-user", required_argument, nullptr, 'u'},
                                        {"admin-group", required_argument, nullptr, 'g'},
                                        {"prepare", no_argument, nullptr, 'p'},
                                        {"teardown", no_argument, nullptr, 't'},
                                        {"help", no_argument, nullptr, 'h'},
                                        {}};
  Options options;
  for (int found = 0; (found = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (found) {
      case 'c':
        options.config = optarg;
        break;
      case 'u':
        options.enforcerd_user = optarg;
        break;
      case 'g':
        options.admin_group = optarg;
        break;
      case 'p':
        options.action = Options::Action::kPrepare;
        break;
      case 't':
        options.action = Options::Action::kTearDown;
        break;
      case 'h':
        options.action = Options::Action::kHelp;
        break;
      default:
        return std::nullopt;  // getopt has said why
    }
  }
  if (optind != argc) {
    fmt::print(stderr, "enforcer-hostd: unexpected argument '{}'\n", argv[optind]);
    return std::nullopt;
  }
  return options;
}

/// Each guest takes a handful of descriptors, each enforcerd 128 pipe ends for a moment.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Readable when somebody wants us to stop. Blocked signals are inherited: programs that we start are given an empty
/// mask.
Result<Fd> stop_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  Fd fd(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd.valid() || sigprocmask(SIG_BLOCK, &signals, nullptr) != 0) return fail_errno("cannot wait for signals");
  return fd;
}

/// Four times what enforcerd's limits allow, and never so little that an honest burst is dropped.
host::GuestRates rates_of(const config::Limits& limits) {
  constexpr std::uint64_t kLeast = host::GuestRates{}.connects_per_second;
  constexpr std::uint64_t kMost = 1'000'000;
  const auto rate = [&](std::uint64_t per_second) {
    return static_cast<std::uint32_t>(std::clamp(4 * per_second, kLeast, kMost));
  };
  return {.connects_per_second = rate(limits.decisions_per_minute / 60),
          .queries_per_second = rate(limits.dns_per_second)};
}

Result<> serve(const config::Config& config, const config::Paths& paths, const Options& options) {
  const ServiceNotify manager = TRY(ServiceNotify::from_environment());
  const Owner enforcerd = TRY(parse_owner(options.enforcerd_user));
  const host::AddressPlan plan = TRY(host::AddressPlan::make(config.guests.ipv4_pool, config.guests.ipv6_pool));
  raise_descriptor_limit();
  std::signal(SIGPIPE, SIG_IGN);  // whoever is gone is an error where something is written; programs begin without this
  if (manager.managed()) TRY_VOID(host::require_shared_mounts(paths.gateway_netns()));
  TRY_VOID(make_directories(paths, enforcerd));
  Records records = TRY(Records::open(paths.hostd_state_dir()));
  host::Network network = TRY(host::Network::open(paths.gateway_netns(), paths.bpffs(), rates_of(config.limits)));
  Server server = TRY(Server::open(paths, enforcerd, parse_group(options.admin_group), network, config, plan));
  Guests guests(network, config, paths, plan, std::move(records),
                [&server](const hostproto::Notice& notice, const std::vector<Fd>& fds) { server.post(notice, fds); });
  TRY_VOID(guests.adopt());
  const Fd stop = TRY(stop_signals());
  log_info("instance {} is up ({}, {} guests): waiting for enforcerd", paths.instance(), host::to_string(network.mode),
           guests.size());
  TRY_VOID(server.run(guests, stop.get(), manager));
  log_info("stopped; guests stay boxed in");
  return {};
}

Result<> act(const Options& options, const config::Config& config, const config::Paths& paths) {
  switch (options.action) {
    case Options::Action::kPrepare:
      host::release_unified();
      return host::make_shared_mounts(paths.gateway_netns());
    case Options::Action::kTearDown:
      return tear_down(paths);
    default:
      return serve(config, paths, options);
  }
}

int run(int argc, char** argv) {
  set_log_name("enforcer-hostd");
  const auto options = parse_options(argc, argv);
  if (!options) return kUsage;
  if (options->action == Options::Action::kHelp) {
    fmt::print("{}", config::help_of(config::hostd_text()));
    return kOk;
  }
  const auto loaded = config::load_config(options->config);
  for (const auto& diagnostic : loaded.diagnostics) fmt::print(stderr, "{}\n", diagnostic.to_string());
  if (!loaded.config) return kConfig;
  if (geteuid() != 0) {
    log_error("must be started as root: it makes network namespaces and loads BPF");
    return kFailed;
  }
  const auto paths = config::Paths::of(loaded.config->instance);
  const auto done = act(*options, *loaded.config, paths);
  if (!done) log_error("{}", done.error().message);
  return done ? kOk : kFailed;
}

}  // namespace
}  // namespace enforcer::hostd

int main(int argc, char** argv) {
  return enforcer::hostd::run(argc, argv);
}
