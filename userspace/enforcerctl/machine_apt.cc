// apt's sources, in both of their forms (sources.list(5)).
#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "enforcerctl/machine_readers.h"
#include "enforcerctl/text_lines.h"

namespace enforcer::ctl {
namespace {

std::string lower_ascii(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii::lower);
  return out;
}

/// Sources that need no network are none of a policy's business.
bool is_local_source(std::string_view uri) {
  const std::string scheme = lower_ascii(uri.substr(0, uri.find(':')));
  return scheme == "file" || scheme == "copy" || scheme == "cdrom" || scheme == "mirror+file";
}

void take_apt_uri(std::string_view uri, const FilePlace& place, MachineFindings& into) {
  if (is_local_source(uri)) return;
  static constexpr std::string_view kMirrors = "mirror+";
  if (lower_ascii(uri).starts_with(kMirrors)) {
    into.remark(place, "apt takes mirrors from a list there; the hosts in that list are to be named, too");
    uri.remove_prefix(kMirrors.size());
  }
  into.add_url(uri, place);
}

/// One field of a stanza, its continuation lines included.
struct StanzaUris {
  std::string_view uri;
  std::size_t line;
};

class Stanza {
 public:
  Stanza(std::string_view file, MachineFindings& into) : file_(file), into_(into) {}

  void take_line(std::string_view line, std::size_t number) {
    if (line.starts_with('#')) return;  // also between the lines of a field
    if (trimmed(line).empty()) return finish();
    if (line.starts_with(' ') || line.starts_with('\t')) {
      if (field_.empty()) into_.warn({file_, number}, "a line that continues nothing; skipped");
      return take_value(line, number);
    }
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) {
      field_.clear();
      return into_.warn({file_, number}, "neither a field nor a comment; skipped");
    }
    field_ = lower_ascii(trimmed(line.substr(0, colon)));
    take_value(line.substr(colon + 1), number);
  }

  void finish() {
    if (enabled_) {
      for (const StanzaUris& found : uris_) take_apt_uri(found.uri, {file_, found.line}, into_);
    }
    uris_.clear();
    field_.clear();
    enabled_ = true;
  }

 private:
  void take_value(std::string_view value, std::size_t number) {
    if (field_ == "uris") {
      for (const std::string_view uri : words_of(value)) uris_.push_back({uri, number});
    } else if (field_ == "enabled") {
      // apt's own words for false.
      const std::string word = lower_ascii(trimmed(value));
      static constexpr std::string_view kOff[] = {"no", "false", "without", "off", "disable", "0"};
      enabled_ = std::ranges::find(kOff, word) == std::end(kOff);
    }
  }

  std::string_view file_;
  MachineFindings& into_;
  std::string field_;
  std::vector<StanzaUris> uris_;
  bool enabled_ = true;
};

}  // namespace

void read_apt_lines(std::string_view file, std::string_view text, MachineFindings& into) {
  std::size_t number = 0;
  for (std::string_view line : file_lines(text)) {
    const FilePlace place{file, ++number};
    line = trimmed(line.substr(0, line.find('#')));
    if (line.empty()) continue;
    const auto type = line.substr(0, line.find_first_of(" \t"));
    if (type != "deb" && type != "deb-src") {
      into.warn(place, "this is neither a deb nor a deb-src line; skipped");
      continue;
    }
    line = trimmed(line.substr(type.size()));
    if (line.starts_with('[')) {
      const auto end = line.find(']');
      if (end == std::string_view::npos) {
        into.warn(place, "the options have no end; skipped");
        continue;
      }
      line = trimmed(line.substr(end + 1));
    }
    const auto words = words_of(line);
    if (words.size() < 2) {
      into.warn(place, "there is no URI with a suite; skipped");
      continue;
    }
    take_apt_uri(words.front(), place, into);
  }
}

void read_apt_stanzas(std::string_view file, std::string_view text, MachineFindings& into) {
  Stanza stanza(file, into);
  std::size_t number = 0;
  for (const std::string_view line : file_lines(text)) stanza.take_line(line, ++number);
  stanza.finish();
}

}  // namespace enforcer::ctl
