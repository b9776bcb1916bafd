#include "enforcerd/generation_history.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <system_error>

#include "base/digest.h"
#include "base/files.h"
#include "base/log.h"
#include "control/json.h"
#include "enforcerd/files.h"
#include "policy/object_text.h"

namespace enforcer::enforcerd {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using policy::SourceOrigin;
using policy::SourceText;

constexpr std::size_t kMaxKept = 64 * 1024 * 1024;

/// Every part with its length before it, or two different lists of sources could be one text.
std::string digest_of(const std::vector<SourceText>& sources) {
  std::string all;
  for (const SourceText& source : sources) {
    const std::string_view origin = source.origin == SourceOrigin::kApplied ? "applied" : "configured";
    for (const std::string_view part : {origin, std::string_view(source.name), std::string_view(source.text)}) {
      all += fmt::format("{}:{}", part.size(), part);
    }
  }
  return sha256_hex(all);
}

/// What cannot be told apart may hold one.
bool holds_credentials(const SourceText& source) {
  const auto objects = policy::split_objects({&source, 1});
  return !objects || std::ranges::find(*objects, "Credential", &policy::ObjectText::kind) != objects->end();
}

std::vector<SourceSummary> summaries_of(const std::vector<SourceText>& sources) {
  std::vector<SourceSummary> summaries;
  for (const SourceText& source : sources) summaries.push_back({sha256_hex(source.text), holds_credentials(source)});
  return summaries;
}

json to_json(const KeptGeneration& generation) {
  json file{
      {"first", generation.first},      {"last", generation.last},     {"time", control::format_time(generation.time)},
      {"cause", generation.cause.what}, {"digest", generation.digest}, {"sources", json::array()}};
  if (generation.cause.uid) {
    file["uid"] = *generation.cause.uid;
    file["user"] = generation.cause.user;
  }
  for (const SourceText& source : generation.sources) {
    file["sources"].push_back(
        {{"name", source.name}, {"text", source.text}, {"applied", source.origin == SourceOrigin::kApplied}});
  }
  return file;
}

/// None: it is not what to_json() wrote.
std::optional<KeptGeneration> from_json(const json& file) {
  const auto number = [&](const char* name) { return file.contains(name) && file[name].is_number_unsigned(); };
  const auto text = [](const json& object, const char* name) {
    return object.is_object() && object.contains(name) && object[name].is_string();
  };
  if (!file.is_object() || !number("first") || !number("last") || !text(file, "time") || !text(file, "cause") ||
      !file.contains("sources") || !file["sources"].is_array()) {
    return std::nullopt;
  }
  const auto time = control::parse_time(file["time"].get<std::string>());
  if (!time) return std::nullopt;
  KeptGeneration generation{.first = file["first"].get<std::uint64_t>(),
                            .last = file["last"].get<std::uint64_t>(),
                            .time = *time,
                            .cause = {.what = file["cause"].get<std::string>()}};
  if (number("uid")) generation.cause.uid = file["uid"].get<uid_t>();
  if (text(file, "user")) generation.cause.user = file["user"].get<std::string>();
  for (const json& source : file["sources"]) {
    const bool shaped =
        text(source, "name") && text(source, "text") && source.contains("applied") && source["applied"].is_boolean();
    if (!shaped) return std::nullopt;
    generation.sources.push_back({source["name"].get<std::string>(), source["text"].get<std::string>(),
                                  source["applied"].get<bool>() ? SourceOrigin::kApplied : SourceOrigin::kConfigured});
  }
  generation.digest = digest_of(generation.sources);
  generation.summaries = summaries_of(generation.sources);
  return generation.first <= generation.last ? std::optional(std::move(generation)) : std::nullopt;
}

std::optional<KeptGeneration> read_kept(const std::string& path) {
  const auto text = read_file(path, kMaxKept, LastLink::kRefuse);
  auto read = text ? from_json(json::parse(*text, nullptr, /*allow_exceptions=*/false)) : std::nullopt;
  if (!read)
    log_warning("{} is left out of the history: {}", path, text ? "not what was written there" : text.error().message);
  return read;
}

}  // namespace

GenerationHistory::GenerationHistory(std::string folder) : folder_(std::move(folder)) {
  std::error_code failed;
  for (fs::directory_iterator at(folder_, failed); !failed && at != fs::directory_iterator(); at.increment(failed)) {
    if (at->path().extension() != ".json") continue;
    if (auto read = read_kept(at->path())) kept_.push_back(*std::move(read));
  }
  std::ranges::sort(kept_, {}, &KeptGeneration::first);
}

Result<KeptGeneration> GenerationHistory::find(std::uint64_t generation) const {
  const auto found = std::ranges::find_if(kept_, [&](const KeptGeneration& one) { return one.covers(generation); });
  if (found != kept_.end()) return *found;
  return fail(Errc::kNotFound, kept_.empty() ? std::string("no generation is kept")
                                             : fmt::format("generation {} is not kept; the oldest one is {}",
                                                           generation, kept_.front().first));
}

std::string GenerationHistory::file_of(const KeptGeneration& generation) const {
  return fmt::format("{}/{}.json", folder_, generation.first);
}

Result<> GenerationHistory::write(const KeptGeneration& generation) const {
  TRY_VOID(make_folders(folder_));
  // What is no UTF-8 was not loaded as a policy.
  const std::string text = to_json(generation).dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > kMaxKept) return fail(Errc::kInvalid, "its sources are more than would be read again");
  return write_atomically(file_of(generation), text, 0600, Survives::kHost);
}

Result<> GenerationHistory::keep(std::uint64_t generation, Cause cause, std::vector<SourceText> sources) {
  const std::string digest = digest_of(sources);
  if (!kept_.empty() && kept_.back().digest == digest && kept_.back().last < generation) {
    kept_.back().last = generation;
    return write(kept_.back());
  }
  auto summaries = summaries_of(sources);
  kept_.push_back({.first = generation,
                   .last = generation,
                   .time = WallClock::now(),
                   .cause = std::move(cause),
                   .digest = digest,
                   .sources = std::move(sources),
                   .summaries = std::move(summaries)});
  const auto written = write(kept_.back());
  while (kept_.size() > kKept) {
    const std::string oldest = file_of(kept_.front());
    // While nothing can be written the oldest ones are all that a daemon which starts anew would find.
    if (written && unlink(oldest.c_str()) != 0 && errno != ENOENT)
      log_warning("{} stays: {}", oldest, std::strerror(errno));
    kept_.erase(kept_.begin());
  }
  return written;
}

}  // namespace enforcer::enforcerd
