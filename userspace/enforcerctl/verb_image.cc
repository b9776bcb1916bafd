// image: the verbs about guests' images, which are files of this machine; they need no daemon.
#include "enforcerctl/command_line.h"

namespace enforcer::ctl {

void add_image(CLI::App& root, CommandLine& line) {
  CLI::App& group = add_group(root, line,
                              {.name = "image",
                               .summary = "Builds, lists and shows the images that guests are started from",
                               .examples = {"image build agent", "image list", "image show agent"},
                               .more = ""});
  add_image_build(group, line);
  add_image_list(group, line);
  add_image_show(group, line);
}

}  // namespace enforcer::ctl
