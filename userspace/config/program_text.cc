#include "config/program_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "config/config.h"

namespace enforcer::config {
namespace {

constexpr ProgramOption kConfigOption = {"--config", "FILE",
                                         "configuration file; default: /etc/enforcer/enforcer.yaml"};
static_assert(kConfigOption.description.ends_with(kDefaultPath));

constexpr ProgramOption kEnforcerdOptions[] = {
    kConfigOption,
    {"--version", "", "print the version and exit"},
};

constexpr ProgramOption kHostdOptions[] = {
    kConfigOption,
    {"--enforcerd-user", "USER", "who enforcerd runs as: NAME, UID or UID:GID; default: enforcer"},
    {"--admin-group", "GROUP",
     "who, beside root, makes guests that share folders: NAME or GID, as enforcerd has it; default: enforcer-admin"},
    {"--prepare", "",
     "make the mounts that the whole host must see, and exit: run it outside of a sandbox, before enforcer-hostd "
     "inside of it (the systemd unit does)"},
    {"--teardown", "", "end all guests of the instance and remove everything that outlives this program"},
};

constexpr std::size_t kDescriptionColumn = 27;
constexpr std::size_t kHelpWidth = 120;

/// `text` in lines that begin at the column of descriptions; the first one goes on where the option ends.
std::string indented(std::string_view text) {
  std::string out;
  std::size_t at = kDescriptionColumn;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const bool first = at == kDescriptionColumn;
    if (!first && at + 1 + word.size() > kHelpWidth) {
      out += "\n" + std::string(kDescriptionColumn, ' ');
      at = kDescriptionColumn;
    } else if (!first) {
      out += ' ';
      ++at;
    }
    out += word;
    at += word.size();
  }
  return out;
}

std::string option_line(std::string_view name, std::string_view value, std::string_view description) {
  const std::string left = fmt::format("{}{}{}", name, value.empty() ? "" : " ", value);
  return fmt::format("  {:<{}}{}\n", left, kDescriptionColumn - 2, indented(description));
}

}  // namespace

const ProgramText& enforcerd_text() {
  static const ProgramText kText{
      .name = "enforcerd",
      .summary = "Enforcer's proxy: decides and relays what guests send",
      .synopses = {"[--config FILE]", "--version"},
      .description =
          {"Everything that a guest sends ends here: names are answered, connections and requests are judged by the "
           "policies, recorded, and relayed or refused. What no policy allows is denied, and so is everything that "
           "fails inside.",
           "It runs without privileges and refuses to start with any. The root half of Enforcer, enforcer-hostd(8), "
           "hands it the descriptors it needs; it starts without one, and waits. enforcerctl(1) asks it, and changes "
           "what may be changed while it runs.",
           "Policies and credentials are read when it starts and when it is told to reload. Files that do not load "
           "change nothing: the last good generation stays in force."},
      .options = kEnforcerdOptions,
      .exits = {{0, "ended by a signal"},
                {1, "could not start, and said why"},
                {2, "usage"},
                {3, "the configuration does not load"}},
      .signals = {{"SIGHUP", "reload policies and credentials, as 'enforcerctl reload' does"},
                  {"SIGTERM, SIGINT", "stop; connections are closed, guests stay boxed in and get nothing out"}},
      .files = {{"/etc/enforcer/enforcer.yaml", "the configuration"},
                {"/etc/enforcer/policies, /etc/enforcer/credentials", "policies and credentials, unless configured"},
                {"/run/enforcer/default/enforcerd.sock", "the control socket, which enforcerctl talks to"},
                {"/var/log/enforcer/audit.jsonl", "the audit log"},
                {"/var/lib/enforcer/default",
                 "what outlives it: applied policies, the CAs of guests, stored credentials"}},
      .see_also = {"enforcerctl(1)", "enforcer-policy(5)", "enforcer-credential(5)", "enforcer-hostd(8)"},
  };
  return kText;
}

const ProgramText& hostd_text() {
  static const ProgramText kText{
      .name = "enforcer-hostd",
      .summary = "the root half of Enforcer: boxes guests in",
      .synopses = {"[--config FILE] [--enforcerd-user USER] [--admin-group GROUP]", "[--config FILE] --prepare",
                   "[--config FILE] --teardown"},
      .description =
          {"It makes what guests are boxed in with (network namespaces, links, BPF programs, the nftables guard, QEMU) "
           "and hands descriptors to enforcerd(8), which does everything else without privileges. It reads nothing "
           "that a guest or an origin sends.",
           "Namespaces, programs and guests outlive it: the next run takes them over. --teardown removes them."},
      .options = kHostdOptions,
      .exits = {{0, "ended by a signal, or done"},
                {1, "failed, and said why"},
                {2, "usage"},
                {3, "the configuration does not load"}},
      .signals = {{"SIGTERM, SIGINT", "end; guests stay, boxed in"}},
      .files = {{"/etc/enforcer/enforcer.yaml", "the configuration"},
                {"/run/enforcer/default", "its socket, which only enforcerd's user may use, and the gateway namespace"},
                {"/sys/fs/bpf/enforcer/default", "the pinned programs and maps"},
                {"/var/lib/enforcer/default/hostd", "what it knows of the guests it made"}},
      .see_also = {"enforcerctl(1)", "enforcerd(8)", "bpf(2)", "network_namespaces(7)"},
  };
  return kText;
}

std::string help_of(const ProgramText& program) {
  std::string out;
  for (const std::string_view synopsis : program.synopses) {
    out += fmt::format("{}{} {}\n", out.empty() ? "Usage: " : "       ", program.name, synopsis);
  }
  out += fmt::format("\n{}.\n\n", program.summary);
  for (const auto& [name, value, description] : program.options) out += option_line(name, value, description);
  return out + option_line("--help", "", "print this help and exit");
}

}  // namespace enforcer::config
