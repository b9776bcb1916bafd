#include "config/masking.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace enforcer::config {
namespace {

/// A configuration file has at most 1 MiB; aliases can make more of it.
constexpr std::size_t kMostNodes = 100'000;
constexpr std::size_t kRandomLength = 20;

std::string lowered(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), ascii::lower);
  return out;
}

bool called_like_a_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 9> kSecret{"password", "passwd",     "passphrase",    "secret", "token",
                                                           "apikey",   "privatekey", "authorization", "cookie"};
  // "tokenUrl", "secretIdFile": where it is, not what it is.
  static constexpr std::array<std::string_view, 4> kPlace{"url", "file", "path", "env"};
  std::string plain = lowered(key);
  std::erase_if(plain, [](char c) { return c == '_' || c == '-'; });
  return std::ranges::any_of(kSecret, [&](std::string_view word) { return plain.contains(word); }) &&
         std::ranges::none_of(kPlace, [&](std::string_view word) { return plain.ends_with(word); });
}

/// Its first word is the program; the others may be anything.
bool is_a_command(std::string_view key) {
  return key == "exec" || key == "command" || key == "args" || key == "notify";
}

bool of_a_word(char c) {
  return ascii::is_alphanumeric(c) || c == '_' || c == '-' || c == '+' || c == '=';
}

bool looks_random(std::string_view word) {
  return word.size() >= kRandomLength && std::ranges::any_of(word, ascii::is_digit) &&
         std::ranges::any_of(word, ascii::is_letter);
}

std::string without_random_words(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const auto end = std::ranges::find_if_not(text, of_a_word);
    const std::string_view word(text.begin(), end);
    if (word.empty()) {
      out += text.front();
      text.remove_prefix(1);
      continue;
    }
    out += looks_random(word) ? kMasked : word;
    text.remove_prefix(word.size());
  }
  return out;
}

/// "scheme://user:password@host/path?key=value": the part before '@', and what stands behind each '='.
std::string without_url_secrets(std::string_view text) {
  const auto scheme = text.find("://");
  if (scheme == std::string_view::npos) return std::string(text);
  const std::size_t begin = scheme + 3;
  std::string out(text.substr(0, begin));
  std::string_view rest = text.substr(begin);
  const std::string_view authority = rest.substr(0, rest.find_first_of("/?# \t\r\n"));
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    out += kMasked;
    rest.remove_prefix(at);
  }
  const auto question = rest.find('?');
  if (question == std::string_view::npos) return out + std::string(rest);
  out += rest.substr(0, question);
  bool in_value = false;
  for (const char c : rest.substr(question)) {
    if (c == '&') in_value = false;
    if (!in_value) out += c;
    if (c == '=' && !in_value) {
      in_value = true;
      out += kMasked;
    }
  }
  return out;
}

class Masker {
 public:
  /// Writes `node` as it may be shown. False: it is too large.
  bool write(YAML::Emitter& out, const YAML::Node& node, std::string_view key) {
    if (++nodes_ > kMostNodes) return false;
    if (node.IsMap()) return write_map(out, node);
    if (node.IsSequence()) return write_sequence(out, node, key);
    if (node.IsScalar()) {
      out << (called_like_a_secret(key) ? std::string(kMasked) : masked_value(node.Scalar()));
    } else {
      out << YAML::Null;
    }
    return true;
  }

 private:
  bool write_map(YAML::Emitter& out, const YAML::Node& node) {
    out << YAML::BeginMap;
    for (const auto& entry : node) {
      const std::string key = entry.first.IsScalar() ? entry.first.Scalar() : "";
      out << YAML::Key << masked_value(key) << YAML::Value;
      if (!write(out, entry.second, key)) return false;
    }
    out << YAML::EndMap;
    return true;
  }

  bool write_sequence(YAML::Emitter& out, const YAML::Node& node, std::string_view key) {
    out << YAML::BeginSeq;
    bool first = true;
    for (const YAML::Node& element : node) {
      if (is_a_command(key) && !first) {
        out << std::string(kMasked);
      } else if (!write(out, element, key)) {
        return false;
      }
      first = false;
    }
    out << YAML::EndSeq;
    return true;
  }

  std::size_t nodes_ = 0;
};

}  // namespace

std::string masked_value(std::string_view value) {
  if (value.contains("PRIVATE KEY")) return std::string(kMasked);
  return without_random_words(without_url_secrets(value));
}

std::string masked_yaml(std::string_view text) {
  constexpr std::string_view kLeftOut = "# left out: it is no YAML, so nobody knows what in it is a secret\n";
  std::vector<YAML::Node> documents;
  try {
    documents = YAML::LoadAll(std::string(text));
  } catch (const YAML::Exception&) {
    return std::string(kLeftOut);
  }
  std::string out = "# written anew: comments are gone, and what looks like a secret is ***\n";
  Masker masker;
  for (const YAML::Node& document : documents) {
    YAML::Emitter emitter;
    if (!masker.write(emitter, document, "") || !emitter.good()) return std::string(kLeftOut);
    out += "---\n" + std::string(emitter.c_str()) + "\n";
  }
  return out;
}

}  // namespace enforcer::config
