// The texts of a TOML file (toml.io, v1.0.0): what a few settings need, and no more. Numbers, dates and truths are
// passed over; arrays, too. Escapes stay as they are written, so a text with one is no URL to anybody.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace enforcer::ctl {

struct TomlText {
  std::vector<std::string> path;  ///< "source", "mirror", "registry", however tables and dots are written
  std::string text;               ///< empty where it is no text
  std::size_t line = 0;           ///< from 1
};

struct TomlTexts {
  std::vector<TomlText> settings;
  std::size_t wrong_line = 0;  ///< where it stops to be TOML, from 1; 0: nowhere
};

/// Each key with a value, in the order of the file, but what is in arrays. At most 16 levels.
[[nodiscard]] TomlTexts read_toml_texts(std::string_view text);

}  // namespace enforcer::ctl
