#include "enforcerctl/preset_rules.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/host_name.h"
#include "base/text.h"
#include "enforcerctl/yaml_text.h"
#include "policy/schema.h"

namespace enforcer::ctl {
namespace {

using policy::YamlNode;

constexpr std::size_t kMostValues = 64;       // of one parameter
constexpr std::size_t kMostExpanded = 4096;   // texts that become of one
constexpr std::size_t kLongestPattern = 256;  // octets
constexpr std::size_t kWidth = 110;           // octets of a flow that stays in one line

std::vector<std::string_view> split_at(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  for (auto end = text.find(separator); end != std::string_view::npos; end = text.find(separator)) {
    parts.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  parts.push_back(text);
  return parts;
}

bool is_host_value(std::string_view value, PresetParameter::Kind kind) {
  const auto colon = value.find(':');
  if (colon != std::string_view::npos) {
    const auto port = policy::parse_decimal(value.substr(colon + 1));
    if (kind == PresetParameter::Kind::kNames || !port || *port == 0 || *port > 65535) return false;
  }
  const auto name = HostName::parse(value.substr(0, colon));
  return name && name->text() == value.substr(0, colon);
}

/// Patterns reach the middle of quoted texts, so they hold nothing that ends one; what they mean is the loader's word.
bool is_pattern_value(std::string_view value) {
  return !value.empty() && value.size() <= kLongestPattern && std::ranges::all_of(value, [](char c) {
    return ascii::is_alphanumeric(c) || std::string_view("*/._-").contains(c);
  });
}

Result<> check_value(const PresetParameter& parameter, std::string_view value) {
  const bool good = parameter.kind == PresetParameter::Kind::kPatterns ? is_pattern_value(value)
                                                                       : is_host_value(value, parameter.kind);
  if (good) return {};
  static constexpr std::array<std::string_view, 3> kWanted{
      "a host name in small letters, with a port where it is not 443", "a host name in small letters, without a port",
      "a pattern of letters, digits and */._-"};
  return fail(Errc::kInvalid, fmt::format("{}: '{}' is not {}", parameter.name, escape_untrusted(value, 128),
                                          kWanted[static_cast<std::size_t>(parameter.kind)]));
}

/// "npm.acme.example" as a URL's beginning.
std::string url_of(std::string_view host) {
  static constexpr std::string_view kClear = ":80";
  if (host.ends_with(kClear)) return "http://" + std::string(host.substr(0, host.size() - kClear.size()));
  return "https://" + std::string(host);
}

/// "acme/*" as something that it matches: "acme/any".
std::string example_of(std::string_view pattern) {
  std::string out;
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    if (pattern[i] != '*') {
      out += pattern[i];
    } else if (i == 0 || pattern[i - 1] != '*') {
      out += "any";
    }
  }
  return out;
}

Result<std::string> in_form(std::string_view value, std::string_view form) {
  if (form.empty()) return std::string(value);
  if (form == "url") return url_of(value);
  if (form == "example") return example_of(value);
  return fail(Errc::kInvalid, fmt::format("a parameter has no form '{}'", escape_untrusted(form, 64)));
}

/// Every text that becomes of one, for all combinations of the values that it names.
Result<std::vector<std::string>> expand(std::string_view text, const PresetValues& values) {
  const auto begin = text.find("${");
  if (begin == std::string_view::npos) return std::vector<std::string>{std::string(text)};
  const auto end = text.find('}', begin);
  if (end == std::string_view::npos) return fail(Errc::kInvalid, "a parameter in a preset has no '}'");
  const std::string_view inside = text.substr(begin + 2, end - begin - 2);
  const auto dot = std::min(inside.find('.'), inside.size());
  const auto known = values.find(std::string(inside.substr(0, dot)));
  if (known == values.end())
    return fail(Errc::kInvalid, fmt::format("a preset has no parameter '{}'", escape_untrusted(inside, 64)));
  const std::vector<std::string> rests = TRY(expand(text.substr(end + 1), values));
  if (known->second.size() * rests.size() > kMostExpanded)
    return fail(Errc::kInvalid, fmt::format("more than {} combinations of values", kMostExpanded));
  std::vector<std::string> out;
  for (const std::string& value : known->second) {
    const std::string here = TRY(in_form(value, dot == inside.size() ? std::string_view() : inside.substr(dot + 1)));
    for (const std::string& rest : rests) out.push_back(std::string(text.substr(0, begin)) + here + rest);
  }
  return out;
}

/// Without quotes where every reader of YAML takes it for what it is.
std::string scalar_text(std::string_view text) {
  const bool plain = !text.empty() && text != "null" && (ascii::is_alphanumeric(text.front()) || text.front() == '/') &&
                     std::ranges::all_of(text, [](char c) {
                       return ascii::is_alphanumeric(c) || std::string_view("/._-").contains(c);
                     });
  return plain ? std::string(text) : yaml_quoted(text);
}

/// In one line. Without values the parameters stay as they are.
Result<std::string> flow_text(const YamlNode& node, const PresetValues* values);

Result<std::vector<std::string>> item_texts(const YamlNode& list, const PresetValues* values) {
  std::vector<std::string> out;
  for (const YamlNode& item : list.items) {
    if (item.kind != YamlNode::Kind::kText || !values) {
      out.push_back(TRY(flow_text(item, values)));
      continue;
    }
    for (const std::string& text : TRY(expand(item.text, *values))) out.push_back(scalar_text(text));
  }
  return out;
}

Result<std::string> flow_text(const YamlNode& node, const PresetValues* values) {
  std::vector<std::string> parts;
  switch (node.kind) {
    case YamlNode::Kind::kNothing:
    case YamlNode::Kind::kRefused:
      return std::string("null");
    case YamlNode::Kind::kText:
      return scalar_text(node.text);
    case YamlNode::Kind::kList:
      return fmt::format("[{}]", fmt::join(TRY(item_texts(node, values)), ", "));
    case YamlNode::Kind::kMap:
      for (const auto& member : node.members)
        parts.push_back(fmt::format("{}: {}", scalar_text(member.key), TRY(flow_text(member.value, values))));
      return fmt::format("{{{}}}", fmt::join(parts, ", "));
  }
  return fail(Errc::kInvalid, "a node of no kind");
}

/// A key to a line; a list that is too long for one, an entry to a line.
Result<std::string> rule_entry(const YamlNode& rule, const PresetValues& values) {
  std::string out;
  for (const auto& member : rule.members) {
    const std::string flow = TRY(flow_text(member.value, &values));
    out += (out.empty() ? "" : "\n") + scalar_text(member.key) + ":";
    if (member.value.kind != YamlNode::Kind::kList || flow.size() <= kWidth) {
      out += " " + flow;
      continue;
    }
    for (const std::string& item : TRY(item_texts(member.value, &values))) out += "\n  - " + item;
  }
  return out;
}

Result<std::vector<std::string>> rule_entries(const YamlNode& list, const PresetValues& values) {
  std::vector<std::string> out;
  for (const YamlNode& rule : list.items) out.push_back(TRY(rule_entry(rule, values)));
  return out;
}

/// Values are fit to stand inside quotes, so a test is written first and filled in afterwards.
Result<std::vector<std::string>> test_entries(const YamlNode& list, const PresetValues& values) {
  std::vector<std::string> out;
  for (const YamlNode& test : list.items) {
    const std::string flow = TRY(flow_text(test, nullptr));
    for (std::string& text : TRY(expand(flow, values))) out.push_back(std::move(text));
  }
  return out;
}

/// With defaults, and all of them checked.
Result<PresetValues> complete_values(const Preset& preset, PresetValues values) {
  for (const auto& [name, given] : values) {
    const PresetParameter* const parameter = preset.parameter(name);
    if (!parameter) {
      return fail(Errc::kInvalid,
                  fmt::format("preset {} has no parameter '{}'{}", preset.name, escape_untrusted(name, 64),
                              preset.parameters.empty() ? ": it has none" : ""));
    }
    if (given.size() > kMostValues)
      return fail(Errc::kInvalid, fmt::format("{}: more than {} values", name, kMostValues));
    for (const std::string& value : given) TRY_VOID(check_value(*parameter, value));
  }
  const auto missing = missing_values(preset, values);
  if (!missing.empty()) {
    return fail(Errc::kInvalid,
                fmt::format("preset {} needs {}: {}", preset.name, missing.front()->name, missing.front()->about));
  }
  for (const PresetParameter& parameter : preset.parameters) values.try_emplace(parameter.name, parameter.usual);
  return values;
}

}  // namespace

std::string entries_text(std::string_view key, const std::vector<std::string>& entries) {
  std::string out;
  for (const std::string& entry : entries) out += list_entry(entry);
  return out.empty() ? "" : fmt::format("  {}:\n{}", key, out);
}

std::string list_entry(std::string_view entry) {
  std::string out = "    - ";
  for (const char c : entry) {
    out += c;
    if (c == '\n') out += "      ";
  }
  return out + "\n";
}

Result<PresetValues> parse_preset_values(std::string_view text) {
  PresetValues values;
  for (const std::string_view setting : split_at(text, ';')) {
    const auto equals = setting.find('=');
    const std::string name(setting.substr(0, equals));
    if (equals == std::string_view::npos || name.empty() || equals + 1 == setting.size())
      return fail(Errc::kInvalid, fmt::format("'{}' is not NAME=VALUE,...", escape_untrusted(setting, 128)));
    if (values.contains(name))
      return fail(Errc::kInvalid, fmt::format("'{}' stands twice", escape_untrusted(name, 64)));
    for (const std::string_view value : split_at(setting.substr(equals + 1), ',')) values[name].emplace_back(value);
  }
  return values;
}

std::vector<const PresetParameter*> missing_values(const Preset& preset, const PresetValues& values) {
  std::vector<const PresetParameter*> missing;
  for (const PresetParameter& parameter : preset.parameters) {
    const auto given = values.find(parameter.name);
    if (parameter.usual.empty() && (given == values.end() || given->second.empty())) missing.push_back(&parameter);
  }
  return missing;
}

Result<PresetRules> rules_of(const Preset& preset, const PresetValues& given) {
  const PresetValues values = TRY(complete_values(preset, given));
  return PresetRules{.allow = TRY(rule_entries(preset.allow, values)),
                     .review = TRY(rule_entries(preset.review, values)),
                     .deny = TRY(rule_entries(preset.deny, values)),
                     .tests = TRY(test_entries(preset.tests, values))};
}

}  // namespace enforcer::ctl
