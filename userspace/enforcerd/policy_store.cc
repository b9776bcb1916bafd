#include "enforcerd/policy_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "base/ascii.h"
#include "base/files.h"
#include "base/log.h"
#include "enforcerd/files.h"
#include "policy/object_text.h"

namespace enforcer::enforcerd {
namespace {

constexpr std::size_t kMaxLastGood = 64 * 1024 * 1024;

std::string one_line(const std::vector<policy::Diagnostic>& diagnostics) {
  std::string first;
  std::size_t errors = 0;
  for (const policy::Diagnostic& diagnostic : diagnostics) {
    if (diagnostic.severity != policy::Severity::kError) continue;
    if (errors++ == 0) first = diagnostic.to_string();
  }
  return errors > 1 ? fmt::format("{} (and {} more)", first, errors - 1) : first;
}

/// What `policy apply` may replace: a kind and name in a file.
struct Object {
  std::string kind;
  std::string name;
  std::string file;
};

std::vector<Object> objects_of(const policy::Snapshot& snapshot) {
  std::vector<Object> objects;
  for (const policy::PolicySummary& policy : snapshot.policies())
    objects.push_back({policy.kind, policy.name, policy.file});
  for (const policy::CredentialSpec& credential : snapshot.credentials())
    objects.push_back({"Credential", credential.name, credential.file});
  return objects;
}

/// What is in the store: texts by name of the file.
using Files = std::map<std::string, std::string>;

/// What the store calls the file of an object: "policy-coding-agent.yaml".
std::string stored_name(const policy::ObjectText& object) {
  std::string kind = object.kind;
  std::ranges::transform(kind, kind.begin(), ascii::lower);
  return fmt::format("{}-{}.yaml", kind, object.name);
}

std::string base_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

}  // namespace

PolicyStore::PolicyStore(const config::Config& config, const config::Paths& paths)
    : configured_paths_(config.policies),
      credential_paths_(config.credentials),
      store_dir_(paths.policies_dir()),
      last_good_file_(paths.state_dir() + "/last-good.json"),
      history_(paths.state_dir() + "/generations"),
      current_(policy::Snapshot::deny_everything(0)) {}

Result<std::vector<policy::SourceText>> PolicyStore::configured() const {
  return policy::read_sources(config::source_paths(configured_paths_, credential_paths_));
}

Result<std::vector<policy::SourceText>> PolicyStore::stored() const {
  TRY_VOID(make_folders(store_dir_));
  auto sources = policy::read_sources({store_dir_});
  for (policy::SourceText& source : sources) source.origin = policy::SourceOrigin::kApplied;
  return sources;
}

Result<std::vector<policy::SourceText>> PolicyStore::all_sources() const {
  auto sources = TRY(configured());
  auto applied = TRY(stored());
  std::ranges::move(applied, std::back_inserter(sources));
  return sources;
}

LoadReport PolicyStore::load(std::vector<policy::SourceText> sources) {
  auto outcome = policy::load(sources, generation_ + 1);
  LoadReport report{.loaded = outcome.snapshot != nullptr, .diagnostics = std::move(outcome.diagnostics), .error = {}};
  if (!report.loaded) {
    report.error = one_line(report.diagnostics);
    return report;
  }
  ++generation_;
  current_ = std::move(outcome.snapshot);
  sources_ = std::move(sources);
  return report;
}

LoadReport PolicyStore::reload(Cause cause) {
  last_attempt_ = WallClock::now();
  auto sources = all_sources();
  if (!sources) {
    last_report_ = {.error = sources.error().message};
    return last_report_;
  }
  last_report_ = load(*std::move(sources));
  if (last_report_.loaded) {
    last_success_ = last_attempt_;
    if (const auto saved = save_last_good(sources_); !saved) {
      log_warning("the last good policies could not be kept for a restart: {}", saved.error().message);
    }
    if (const auto kept = history_.keep(generation_, std::move(cause), sources_); !kept) {
      log_warning("generation {} could not be kept for a rollback: {}", generation_, kept.error().message);
    }
  }
  return last_report_;
}

LoadReport PolicyStore::load_at_start() {
  auto kept = last_good();  // first: the generations go on from its number
  generation_ = std::max(generation_, history_.newest());
  LoadReport report = reload({.what = "start"});
  if (report.loaded) return report;
  log_error("policies do not load: {}", report.error);
  if (!kept) {
    log_error("there is no last good generation either ({}): everything is denied until a reload succeeds",
              kept.error().message);
    return report;
  }
  if (const LoadReport again = load(*std::move(kept)); again.loaded) {
    log_warning("started on the last good policies, generation {}", generation_);
  } else {
    log_error("the last good policies do not load either ({}): everything is denied until a reload succeeds",
              again.error);
  }
  return report;
}

Result<LoadReport> PolicyStore::apply(std::vector<policy::SourceText> documents, Cause cause) {
  for (policy::SourceText& document : documents) document.origin = policy::SourceOrigin::kApplied;
  // First on their own, so that what is wrong is told with the caller's own file names and lines.
  auto alone = policy::load(documents, generation_ + 1, policy::Completeness::kPart);
  if (!alone.snapshot) {
    return LoadReport{.diagnostics = alone.diagnostics, .error = one_line(alone.diagnostics)};
  }
  auto sources = TRY(configured());
  const auto present = policy::load(sources, generation_ + 1, policy::Completeness::kPart);
  const auto others = present.snapshot ? objects_of(*present.snapshot) : std::vector<Object>();
  for (const Object& ours : objects_of(*alone.snapshot)) {
    const auto same = std::ranges::find_if(
        others, [&](const Object& other) { return other.kind == ours.kind && other.name == ours.name; });
    if (same != others.end()) {
      return fail(Errc::kConflict, fmt::format("{} '{}' is already in {}: change it there and reload", ours.kind,
                                               ours.name, same->file));
    }
  }
  // Then together with what stays, still under the caller's names: the new pieces take the place of stored ones.
  const auto objects = TRY(policy::split_objects(documents));
  std::set<std::string> replaced;
  for (const policy::ObjectText& object : objects) replaced.insert(stored_name(object));
  Files files;
  for (policy::SourceText& source : TRY(stored())) {
    if (replaced.contains(base_name(source.name))) continue;
    files[base_name(source.name)] = source.text;
    sources.push_back(std::move(source));
  }
  std::ranges::move(documents, std::back_inserter(sources));
  const auto together = policy::load(sources, generation_ + 1);
  if (!together.snapshot) {
    return LoadReport{.diagnostics = together.diagnostics, .error = one_line(together.diagnostics)};
  }
  for (const policy::ObjectText& object : objects) files[stored_name(object)] = object.text;
  TRY_VOID(replace_folder(store_dir_, files));
  return reload(std::move(cause));
}

std::string PolicyStore::differing(const std::vector<policy::SourceText>& then,
                                   const std::vector<policy::SourceText>& now) {
  std::map<std::string, std::string> present;
  for (const policy::SourceText& source : now) present[source.name] = source.text;
  std::string differing;
  const auto note = [&](const std::string& name, std::string_view how) {
    differing += fmt::format("{}{} ({})", differing.empty() ? "" : ", ", name, how);
  };
  for (const policy::SourceText& source : then) {
    if (source.origin != policy::SourceOrigin::kConfigured) continue;
    const auto found = present.find(source.name);
    if (found == present.end()) {
      note(source.name, "gone");
    } else {
      if (found->second != source.text) note(source.name, "changed");
      present.erase(found);
    }
  }
  for (const auto& [name, text] : present) note(name, "new");
  return differing;
}

Result<LoadReport> PolicyStore::roll_back(std::uint64_t generation, Cause cause) {
  const KeptGeneration kept = TRY(history_.find(generation));
  Files restored;
  for (const policy::SourceText& source : kept.sources) {
    if (source.origin == policy::SourceOrigin::kApplied) restored[base_name(source.name)] = source.text;
  }
  // Where the store holds something else than what is in force, this is how it comes back.
  Files before;
  for (const policy::SourceText& source : TRY(stored())) before[base_name(source.name)] = source.text;
  if (kept.covers(generation_) && before == restored) {
    return fail(Errc::kConflict, fmt::format("generation {} is what is in force", generation));
  }
  auto sources = TRY(configured());
  if (const std::string files = differing(kept.sources, sources); !files.empty()) {
    return fail(Errc::kConflict, fmt::format("generation {} had other configured files, which are changed where they "
                                             "are, followed by a reload: {}",
                                             generation, files));
  }
  std::ranges::copy_if(kept.sources, std::back_inserter(sources),
                       [](const auto& source) { return source.origin == policy::SourceOrigin::kApplied; });
  const auto together = policy::load(sources, generation_ + 1);
  if (!together.snapshot) {
    return LoadReport{.diagnostics = together.diagnostics, .error = one_line(together.diagnostics)};
  }
  TRY_VOID(replace_folder(store_dir_, restored));
  return reload(std::move(cause));
}

Result<> PolicyStore::save_last_good(const std::vector<policy::SourceText>& sources) const {
  nlohmann::json kept{{"generation", generation_}, {"sources", nlohmann::json::array()}};
  for (const policy::SourceText& source : sources)
    kept["sources"].push_back({{"name", source.name}, {"text", source.text}});
  // What is no UTF-8 was not loaded as a policy.
  const std::string text = kept.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  if (text.size() > kMaxLastGood) return fail(Errc::kInvalid, "they are more than would be read again");
  return write_atomically(last_good_file_, text, 0600, Survives::kHost);
}

Result<std::vector<policy::SourceText>> PolicyStore::last_good() {
  const std::string text = TRY(read_file(last_good_file_, kMaxLastGood, LastLink::kRefuse));
  const auto kept = nlohmann::json::parse(text, nullptr, /*allow_exceptions=*/false);
  const bool shaped = kept.is_object() && kept.contains("sources") && kept["sources"].is_array();
  if (!shaped) return fail(Errc::kInvalid, last_good_file_ + ": not what was written there");
  const auto generation = kept.value("generation", nlohmann::json());
  if (generation.is_number_unsigned()) generation_ = generation.get<std::uint64_t>();
  std::vector<policy::SourceText> sources;
  for (const auto& source : kept["sources"]) {
    if (!source.is_object() || !source.value("name", nlohmann::json()).is_string() ||
        !source.value("text", nlohmann::json()).is_string()) {
      return fail(Errc::kInvalid, last_good_file_ + ": not what was written there");
    }
    sources.push_back(
        {source["name"].get<std::string>(), source["text"].get<std::string>(), policy::SourceOrigin::kApplied});
  }
  return sources;
}

}  // namespace enforcer::enforcerd
