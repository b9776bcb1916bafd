// enforcerd: everything that reads bytes from guests or origins. main() is the boot order.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>

#include "audit/syncer.h"
#include "base/log.h"
#include "base/service_notify.h"
#include "config/program_text.h"
#include "control/server.h"
#include "credentials/https_client.h"
#include "credentials/service_credentials.h"
#include "enforcerd/confinement.h"
#include "enforcerd/credential_sources.h"
#include "enforcerd/daemon.h"
#include "enforcerd/free_memory.h"
#include "metrics/endpoint.h"
#include "proxy/egress_connector.h"

namespace {

using namespace enforcer;

constexpr int kFailed = 1;
constexpr int kUsage = 2;
constexpr int kConfigBroken = 3;

int give_up(const Error& error) {
  log_error("{}", error.message);
  return kFailed;
}

/// SIGHUP reloads, SIGTERM and SIGINT stop.
void listen_to_signals(boost::asio::signal_set& signals, enforcerd::Daemon& daemon, control::Server& control,
                       const ServiceNotify& manager) {
  signals.async_wait([&](boost::system::error_code error, int signal) {
    if (error) return;
    if (signal == SIGHUP) {
      manager.reloading();
      daemon.reload_on_signal();
      manager.ready();  // whether the files were good or not: what is in force goes on
      return listen_to_signals(signals, daemon, control, manager);
    }
    manager.stopping();
    control.stop();
    daemon.stop();
  });
}

int run(const config::Config& config) {
  const config::Paths paths = config::Paths::of(config.instance);
  if (const auto plain = enforcerd::require_no_privileges(); !plain) return give_up(plain.error());
  const auto manager = ServiceNotify::from_environment();
  if (!manager) return give_up(manager.error());
  umask(0027);  // the audit log is for its group too; what is nobody else's business says so when it is made
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit makes a write fail, and the decision a denial

  auto log = audit::Log::open({config.audit.path, config.audit.max_bytes, config.audit.max_files});
  if (!log) return give_up(log.error());
  // While there is one thread, and before anything is confined: the process that runs commands for credentials, and the
  // secrets in our environment.
  auto helper =
      credentials::Helper::start(enforcerd::exec_loader(config, paths), {}, enforcerd::configured_commands(config));
  if (!helper) return give_up(helper.error());
  auto environment = credentials::Environment::take(enforcerd::secret_variables(config, paths));
  const credentials::Folders folders{.store = paths.credentials_dir(),
                                     .service = credentials::ServiceCredentials::folder_from_environment()};
  const auto groups = control::RoleGroups::of_host();  // reads /etc/group: before confinement
  if (const auto confined = enforcerd::confine(); !confined) return give_up(confined.error());
  if (config.audit.journald) {
    auto copy = audit::JournalCopy::start();
    if (!copy) return give_up(copy.error());
    (*log)->copy_to(*std::move(copy));
  }
  audit::Syncer syncer(**log);

  auto workers = enforcerd::Workers::make(config, **log);
  if (!workers) return give_up(workers.error());
  boost::asio::io_context& io = (*workers)->home().io();
  proxy::EgressConnector connector((*workers)->home());
  credentials::HttpsClient https((*workers)->home().wheel(), (*workers)->home().tls_client(), connector);
  credentials::Keyring keyring(io, https, folders, std::move(environment), *std::move(helper));
  enforcerd::Daemon daemon(config, paths, **log, **workers, *manager, keyring, https);

  auto metrics = metrics::MetricsServer::open(
      io, config.metrics.listen.to_string(),
      {[&daemon] { return daemon.render_metrics(); }, [&daemon] { return daemon.not_ready(); }});
  if (!metrics) return give_up(metrics.error());
  auto control = control::Server::start(io, daemon, {.socket_path = paths.control_socket(), .groups = groups});
  if (!control) return give_up(control.error());

  const enforcerd::FreeMemory free_memory(io);
  boost::asio::signal_set signals(io, SIGTERM, SIGINT, SIGHUP);
  listen_to_signals(signals, daemon, **control, *manager);
  daemon.start();
  log_info("enforcerd {} is up: instance {}, {} workers, metrics on {}", ENFORCER_VERSION, config.instance,
           config.workers, config.metrics.listen.to_string());
  boost::asio::post(io, [&manager] { manager->ready(); });  // the loop turns: the control API answers
  (*workers)->run();
  log_info("enforcerd has stopped");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  set_log_name("enforcerd");
  CLI::App app;
  std::optional<std::string> file;
  app.add_option("--config", file);
  app.set_version_flag("--version", ENFORCER_VERSION);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    fmt::print("{}", config::help_of(config::enforcerd_text()));
    return 0;
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : kUsage;
  }

  const config::ConfigOutcome outcome = config::load_config(file);
  for (const policy::Diagnostic& diagnostic : outcome.diagnostics) fmt::print(stderr, "{}\n", diagnostic.to_string());
  return outcome.config ? run(*outcome.config) : kConfigBroken;
}
