// image build: becomes vm-images/build, which says what it does and how it ended.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <filesystem>

#include "enforcerctl/command_line.h"
#include "enforcerctl/images.h"
#include "enforcerctl/option_values.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;

struct ImageBuildOptions {
  std::string profile;
  std::string root;
  std::string kernel;
  std::string kernel_root;
};

/// The folder with the builder and the guests' init: beside this program as it is installed, or in the folder it was
/// built in.
Result<std::string> builder_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<std::string> looked;
  for (const char* place : {"../lib/enforcer/vm-images", "../../vm-images"}) {
    const std::string folder = (self / place).lexically_normal();
    if (::access((folder + "/build").c_str(), X_OK) == 0) return folder;
    looked.push_back(folder);
  }
  return fail(Errc::kUnavailable, fmt::format("the program that builds images is not there: no {}/build",
                                              fmt::join(looked, "/build, no ")));
}

ExitCode build_image(Tool& tool, const ImageBuildOptions& options) {
  const auto roots = image_roots(tool, options.root);
  if (!roots) return tool.report(roots.error());
  const auto folder = builder_folder();
  if (!folder) return tool.report(folder.error());
  std::vector<std::string> words{*folder + "/build", options.profile, "--output",
                                 roots->front(),     "--init",        *folder + "/enforcer-init"};
  if (!options.kernel.empty()) words.insert(words.end(), {"--kernel", options.kernel});
  if (!options.kernel_root.empty()) words.insert(words.end(), {"--kernel-root", options.kernel_root});
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  ::execv(argv.front(), argv.data());
  return tool.report(fail_errno(words.front()).error());
}

}  // namespace

void add_image_build(CLI::App& image, CommandLine& line) {
  auto options = std::make_shared<ImageBuildOptions>();
  CLI::App& verb = add_verb(
      image, line,
      {.name = "build",
       .summary = "Builds an image from Debian's packages",
       .examples = {"image build mini", "image build agent", "image build docker --root /srv/images"},
       .more = "mini takes a second and nothing from the network. agent (git, Node, Python, compilers) and docker\n"
               "(agent and a Docker Engine) are installed from the Debian mirrors of this machine's apt, as root, and\n"
               "need some minutes and 2-3 GB while they are built. An image that is there is replaced at the end."});
  verb.add_option("PROFILE", options->profile, "mini, agent or docker")
      ->required()
      ->check(one_of({"mini", "agent", "docker"}));
  verb.add_option("--root", options->root, "Where it goes (default: the first of the configuration's images.roots)")
      ->type_name("DIR");
  verb.add_option("--kernel", options->kernel, "The guests' kernel (default: the newest *-cloud-amd64)")
      ->type_name("VERSION");
  verb.add_option("--kernel-root", options->kernel_root,
                  "Where its boot/ and lib/modules/ are, such as a package unpacked by 'dpkg -x' (default: /)")
      ->type_name("DIR");
  when_chosen(verb, line, options, build_image);
}

}  // namespace enforcer::ctl
