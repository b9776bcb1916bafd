// policy fmt: one layout for policy files.
#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>

#include "base/files.h"
#include "enforcerctl/command_line.h"
#include "enforcerctl/option_values.h"
#include "enforcerctl/policy_files.h"
#include "policy/format.h"

namespace enforcer::ctl {
namespace {

struct FmtOptions {
  std::vector<std::string> files;
  bool write = false;
  bool check = false;
};

/// Where the path is a link, the file that it leads to: the link stays.
Result<> rewrite(const std::string& path, std::string_view text) {
  std::error_code error;
  const std::string file = std::filesystem::canonical(path, error);
  struct stat status{};
  if (error || stat(file.c_str(), &status) != 0) return fail_errno(path);
  if (!S_ISREG(status.st_mode)) return fail(Errc::kInvalid, fmt::format("{}: is no file to rewrite", path));
  constexpr mode_t kPermissions = 0777;
  return write_atomically(file, text, status.st_mode & kPermissions, Survives::kHost);
}

ExitCode format_files(Tool& tool, const FmtOptions& options) {
  if (options.write && std::ranges::find(options.files, "-") != options.files.end())
    return tool.usage("-w: standard input is no file to rewrite");
  const auto sources = read_policy_files(options.files);
  ExitCode worst = ExitCode::kOk;
  for (const policy::Diagnostic& refusal : policy::refusals_of(sources)) {
    tool.say(refusal.to_string());
    worst = ExitCode::kFindings;
  }
  for (const policy::SourceText& source : sources) {
    if (source.refusal) continue;
    const auto text = policy::formatted(source.name, source.text);
    if (!text) {
      tool.say(text.error().message);
      worst = ExitCode::kFindings;
      continue;
    }
    const bool differs = *text != source.text;
    if (!options.write && !options.check) tool.terminal().out(*text);
    if (options.write && differs) {
      if (const auto written = rewrite(source.name, *text); !written) return tool.report(written.error());
      tool.say(fmt::format("{} is rewritten", source.name));
    }
    if (options.check && differs) {
      tool.terminal().out(printable_lines(source.name) + "\n");
      worst = ExitCode::kFindings;
    }
  }
  return worst;
}

}  // namespace

void add_policy_fmt(CLI::App& policy, CommandLine& line) {
  auto options = std::make_shared<FmtOptions>();
  CLI::App& verb = add_verb(
      policy, line,
      {.name = "fmt",
       .summary = "Gives policy files one layout; comments and the order of keys stay",
       .examples = {"policy fmt agent.yaml", "policy fmt -w /etc/enforcer/policies",
                    "policy fmt --check policies/*.yaml"},
       .more = "Prints the text unless -w or --check is given. A file whose meaning would not survive is left alone.\n"
               "Exit code 3: there is such a file, or with --check one that is not in the layout; its name is printed.",
       .prints = VerbText::Prints::kText});
  add_policy_files(verb, options->files, Files::kNeeded, "Files or folders; - is standard input, but for -w");
  CLI::Option* write = verb.add_flag("-w,--write", options->write, "Rewrite the files");
  verb.add_flag("--check", options->check, "Print the names of files that are not in the layout")->excludes(write);
  when_chosen(verb, line, options, format_files);
}

}  // namespace enforcer::ctl
