// pip.conf, as Python's RawConfigParser reads it: sections, "key = value" or "key: value", lines that are indented
// continue a value.
#include <fmt/format.h>

#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "base/host_name.h"
#include "enforcerctl/machine_readers.h"
#include "enforcerctl/text_lines.h"

namespace enforcer::ctl {
namespace {

/// As pip compares them: "index_url" is "index-url", in letters of either case.
std::string pip_setting(std::string_view key) {
  std::string out(trimmed(key));
  std::ranges::transform(out, out.begin(), [](char c) { return c == '_' ? '-' : ascii::lower(c); });
  return out;
}

void remark_trusted(std::string_view value, const FilePlace& place, MachineFindings& into) {
  for (const std::string_view word : words_of(value)) {
    const auto host = HostName::parse(word.substr(0, word.find(':')));
    if (!host) {
      into.warn(place, "trusted-host names no host; skipped");
    } else {
      into.remark(place,
                  fmt::format("pip does not verify the certificate of {}; Enforcer does, and refuses one that is "
                              "not valid",
                              host->text()));
    }
  }
}

}  // namespace

void take_pip_setting(std::string_view name, std::string_view value, const FilePlace& place, MachineFindings& into) {
  if (name == "trusted-host") return remark_trusted(value, place, into);
  if (name != "index-url" && name != "extra-index-url" && name != "find-links") return;
  for (const std::string_view url : words_of(value)) {
    // A folder of this machine.
    if (name == "find-links" && !url.starts_with("http")) continue;
    into.add_url(url, place, name);
  }
}

void read_pip_conf(std::string_view file, std::string_view text, MachineFindings& into) {
  std::string setting;
  std::size_t number = 0;
  for (const std::string_view line : file_lines(text)) {
    const FilePlace place{file, ++number};
    const std::string_view content = trimmed(line);
    if (content.empty() || content.starts_with('#') || content.starts_with(';')) continue;
    if (line.starts_with(' ') || line.starts_with('\t')) {
      take_pip_setting(setting, content, place, into);
      continue;
    }
    setting.clear();
    if (content.starts_with('[')) {
      if (!content.ends_with(']')) into.warn(place, "the name of a section has no end; skipped");
      continue;
    }
    const auto separator = content.find_first_of("=:");
    if (separator == std::string_view::npos) {
      into.warn(place, "neither a section, a setting nor a comment; skipped");
      continue;
    }
    setting = pip_setting(content.substr(0, separator));
    into.forget(setting);
    take_pip_setting(setting, content.substr(separator + 1), place, into);
  }
}

}  // namespace enforcer::ctl
