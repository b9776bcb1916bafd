#include "enforcerctl/preset.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>

#include "base/text.h"
#include "policy/did_you_mean.h"
#include "policy/loader.h"
#include "policy/schema.h"

namespace enforcer::ctl {
namespace {

namespace fs = std::filesystem;
using policy::Field;
using policy::Need;
using policy::Reader;
using policy::YamlNode;
namespace shape = policy::shape;

constexpr std::string_view kPresetVersions[] = {"enforcer.dev/v1"};
constexpr std::string_view kPresetKinds[] = {"Preset"};
constexpr std::string_view kParameterKinds[] = {"hosts", "names", "patterns"};  // in the order of the enumeration
constexpr policy::Shape kSentence = shape::text("sentence");

std::vector<std::string> read_texts(const YamlNode& node, std::string_view what, Reader& reader) {
  std::vector<std::string> texts;
  for (const YamlNode& item : policy::some_items(node, what, reader)) {
    if (const auto text = policy::read_text(item, what, reader)) texts.emplace_back(*text);
  }
  return texts;
}

constexpr Field<PresetParameter> kParameterFields[] = {
    {"name", Need::kRequired, shape::name(), "How rules and tests name it.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) { p.name = read_name(n, "a parameter", r).value_or(""); }},
    {"kind", Need::kRequired, shape::choice(kParameterKinds), "What its values are.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) {
       if (const auto choice = read_choice(n, kParameterKinds, r)) p.kind = static_cast<PresetParameter::Kind>(*choice);
     }},
    {"machine", Need::kOptional, shape::choice(kMachineTools), "The tool whose configuration can fill it.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) {
       if (const auto choice = read_choice(n, kMachineTools, r)) p.machine = static_cast<MachineTool>(*choice);
     }},
    {"about", Need::kRequired, kSentence, "What to give.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) { p.about = read_text(n, "about", r).value_or(""); }},
    {"default", Need::kOptional, shape::some(kSentence, "list of values"), "Its values where none are given.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) { p.usual = read_texts(n, "default", r); }},
    {"example", Need::kRequired, shape::some(kSentence, "list of values"), "Values that its tests are asked with.",
     [](const YamlNode& n, PresetParameter& p, Reader& r) { p.example = read_texts(n, "example", r); }},
};

void read_parameters(const YamlNode& node, Preset& preset, Reader& reader) {
  for (const YamlNode& item : policy::some_items(node, "parameters", reader)) {
    PresetParameter parameter;
    if (!policy::read_object<PresetParameter>(item, "parameter", kParameterFields, parameter, reader)) continue;
    if (preset.parameter(parameter.name))
      reader.report(item.place, policy::Code::kTakenName, fmt::format("parameter '{}' stands twice", parameter.name));
    preset.parameters.push_back(std::move(parameter));
  }
}

template <YamlNode Preset::* list>
void keep_list(const YamlNode& node, Preset& preset, Reader& reader) {
  for (const YamlNode& item : policy::some_items(node, "a list of a preset", reader)) {
    (void)policy::expect_map(item, "an entry of a preset", reader);
  }
  preset.*list = node;
}

// What the lists may say is the loader's word, once the parameters are filled.
constexpr policy::Shape kEntries = shape::open("list of rules or tests");

constexpr Field<Preset> kPresetFields[] = {
    {"summary", Need::kRequired, kSentence, "What it is for, in one line.",
     [](const YamlNode& n, Preset& p, Reader& r) { p.summary = read_text(n, "summary", r).value_or(""); }},
    {"exposes", Need::kRequired, shape::some(kSentence, "list of sentences"),
     "What whoever uses it has to reckon with.",
     [](const YamlNode& n, Preset& p, Reader& r) { p.exposes = read_texts(n, "exposes", r); }},
    {"notes", Need::kOptional, shape::some(kSentence, "list of sentences"), "What it leaves to be done or out.",
     [](const YamlNode& n, Preset& p, Reader& r) { p.notes = read_texts(n, "notes", r); }},
    {"parameters", Need::kOptional, shape::open("list of parameters"), "What is filled in.", read_parameters},
    {"allow", Need::kOptional, kEntries, "As in a policy.", keep_list<&Preset::allow>},
    {"review", Need::kOptional, kEntries, "As in a policy.", keep_list<&Preset::review>},
    {"deny", Need::kOptional, kEntries, "As in a policy.", keep_list<&Preset::deny>},
    {"tests", Need::kRequired, kEntries, "As in a policy; asked about every value.", keep_list<&Preset::tests>},
};

constexpr Field<Preset> kPresetNameFields[] = {
    {"name", Need::kRequired, shape::name(), "The preset's.",
     [](const YamlNode& n, Preset& p, Reader& r) { p.name = read_name(n, "a preset", r).value_or(""); }},
};

constexpr Field<Preset> kPresetEnvelope[] = {
    {"apiVersion", Need::kRequired, shape::choice(kPresetVersions), "The version of the language.",
     [](const YamlNode& n, Preset&, Reader& r) { (void)read_choice(n, kPresetVersions, r); }},
    {"kind", Need::kRequired, shape::choice(kPresetKinds), "Preset.",
     [](const YamlNode& n, Preset&, Reader& r) { (void)read_choice(n, kPresetKinds, r); }},
    {"metadata", Need::kRequired, shape::open("mapping with a name"), "Its name.",
     [](const YamlNode& n, Preset& p, Reader& r) {
       policy::read_object<Preset>(n, "metadata", kPresetNameFields, p, r);
     }},
    {"spec", Need::kRequired, shape::open("mapping"), "What it says.",
     [](const YamlNode& n, Preset& p, Reader& r) { policy::read_object<Preset>(n, "preset", kPresetFields, p, r); }},
};

std::string problems_text(policy::Diagnostics& problems) {
  std::string out;
  for (const auto& problem : problems.take()) out += (out.empty() ? "" : "\n") + problem.to_string();
  return out;
}

}  // namespace

const PresetParameter* Preset::parameter(std::string_view called) const {
  const auto found = std::ranges::find(parameters, called, &PresetParameter::name);
  return found == parameters.end() ? nullptr : &*found;
}

Result<Preset> parse_preset(std::string_view file, std::string_view text) {
  policy::Diagnostics problems;
  const auto documents = policy::read_yaml(file, text, problems);
  if (problems.has_errors()) return fail(Errc::kInvalid, problems_text(problems));
  if (documents.size() != 1) return fail(Errc::kInvalid, fmt::format("{}: not one preset", escape_untrusted(file)));
  Preset preset;
  Reader reader(file, problems);
  policy::read_object<Preset>(documents.front(), "document", kPresetEnvelope, preset, reader);
  if (problems.has_errors()) return fail(Errc::kInvalid, problems_text(problems));
  return preset;
}

Result<std::string> presets_folder() {
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error).parent_path();
  std::vector<std::string> looked;
  // The second: build/NAME/userspace/enforcerctl/.
  for (const char* place : {"../share/enforcer/presets", "../../../../policies/presets"}) {
    const std::string folder = (self / place).lexically_normal();
    if (::access(folder.c_str(), R_OK | X_OK) == 0) return folder;
    looked.push_back(folder);
  }
  return fail(Errc::kUnavailable, fmt::format("the presets are not there: no {}, no {}", looked[0], looked[1]));
}

Result<std::vector<Preset>> presets_in(const std::string& folder) {
  std::vector<Preset> presets;
  for (const auto& source : policy::read_sources({folder}, policy::SourceUse::kInspect)) {
    if (source.refusal) return fail(Errc::kNotFound, fmt::format("{}: {}", source.name, source.refusal->message));
    presets.push_back(TRY(parse_preset(source.name, source.text)));
    if (presets.back().name != fs::path(source.name).stem())
      return fail(Errc::kInvalid, fmt::format("{}: the preset in it is called '{}'", source.name, presets.back().name));
  }
  std::ranges::sort(presets, {}, &Preset::name);  // not as their files, where "a-b.yaml" comes before "a.yaml"
  return presets;
}

Result<const Preset*> find_preset(const std::vector<Preset>& presets, std::string_view name) {
  const auto found = std::ranges::find(presets, name, &Preset::name);
  if (found != presets.end()) return &*found;
  std::vector<std::string_view> names;
  for (const Preset& preset : presets) names.push_back(preset.name);
  const std::string meant = policy::did_you_mean(name, names);
  return fail(Errc::kNotFound, fmt::format("there is no preset '{}'; {}", escape_untrusted(name, 64),
                                           meant.empty() ? "'enforcerctl preset list' names them all" : meant));
}

}  // namespace enforcer::ctl
