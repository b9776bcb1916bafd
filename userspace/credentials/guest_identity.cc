#include "credentials/guest_identity.h"

namespace enforcer::credentials {
namespace {

void append_meant(std::string_view placeholder, const GuestIdentity& guest, std::string& out) {
  constexpr std::string_view kLabel = "label:";
  if (placeholder == "guest") {
    out += guest.name.text();
  } else if (placeholder == "epoch") {
    out += to_string(guest.epoch);
  } else if (placeholder.starts_with(kLabel)) {
    const auto found = guest.labels.find(placeholder.substr(kLabel.size()));
    if (found != guest.labels.end()) out += found->second;
  } else {
    out += '{';
    out += placeholder;
    out += '}';
  }
}

}  // namespace

std::string expand(std::string_view text, const GuestIdentity& guest) {
  std::string out;
  while (true) {
    const auto begin = text.find('{');
    const auto end = begin == std::string_view::npos ? begin : text.find('}', begin);
    if (end == std::string_view::npos) return out.append(text);
    out += text.substr(0, begin);
    append_meant(text.substr(begin + 1, end - begin - 1), guest, out);
    text.remove_prefix(end + 1);
  }
}

}  // namespace enforcer::credentials
