// support-bundle: one file for somebody who helps, with no secret in it.
#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "enforcerctl/command_line.h"
#include "enforcerctl/support_bundle.h"

namespace enforcer::ctl {
namespace {

struct SupportBundleOptions {
  std::string file;
  unsigned records = 1000;
};

constexpr std::string_view kHolds =
    "The bundle holds: versions; status; what doctor says; guests, policies, credentials and images as the lists show\n"
    "them; the last records of the audit log (names, addresses and paths that guests asked for); the configuration,\n"
    "policies and credential specifications with what looks like a secret masked; metrics; facts about this host and\n"
    "the state of the units. It holds no value of a credential, no key and no body of a request.";

ExitCode make_bundle(Tool& tool, const SupportBundleOptions& options) {
  const std::string name = fmt::format("enforcer-support-{:%Y%m%dT%H%M%SZ}", fmt::gmtime(std::time(nullptr)));
  const std::string path = options.file.empty() ? name + ".tar.gz" : options.file;
  tool.say(kHolds);
  // Nobody else's file is replaced, and nobody else may read this one.
  const Fd file(open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.valid()) {
    const bool there = errno == EEXIST;
    const Error error = fail_errno(path).error();
    return tool.report({there ? Errc::kConflict : error.code, error.message});
  }
  const auto bundle = collect_bundle(tool, options.records);
  if (const auto written = write_archive(bundle, name, file); !written) {
    unlink(path.c_str());
    return tool.report(written.error());
  }
  Table table({"FILE", "BYTES"});
  for (const ArchiveFile& part : bundle) table.add({part.name, std::to_string(part.text.size())});
  tool.say(table.render(tool.common.headers));
  tool.say(fmt::format("Look through it before you give it away: tar -xzf {}", path));
  tool.terminal().out(printable_lines(path) + "\n");
  return ExitCode::kOk;
}

}  // namespace

void add_support_bundle(CLI::App& root, CommandLine& line) {
  auto options = std::make_shared<SupportBundleOptions>();
  CLI::App& verb = add_verb(root, line,
                            {.name = "support-bundle",
                             .summary = "Collects what somebody needs who helps, with no secret in it",
                             .examples = {"support-bundle", "support-bundle /tmp/for-support.tar.gz"},
                             .more = std::string(kHolds)});
  verb.add_option("FILE", options->file, "The file to make (enforcer-support-TIME.tar.gz)");
  verb.add_option("--records", options->records, "How many of the last audit records (1000)")
      ->type_name("N")
      ->check(CLI::Range(1, 100000));
  when_chosen(verb, line, options, make_bundle);
}

}  // namespace enforcer::ctl
