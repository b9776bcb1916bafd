#include "hostproto/image_description.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/ascii.h"
#include "hostproto/messages.h"

namespace enforcer::hostproto {
namespace {

constexpr std::size_t kSha256Digits = 64;
constexpr std::size_t kLongestText = 200;

bool is_sha256(std::string_view text) {
  return text.size() == kSha256Digits &&
         std::ranges::all_of(text, [](char c) { return ascii::is_digit(c) || (c >= 'a' && c <= 'f'); });
}

Result<std::string> text_field(const nlohmann::json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string() || found->get_ref<const std::string&>().size() > kLongestText)
    return fail(Errc::kInvalid, fmt::format("\"{}\" must be a text of at most {} bytes", name, kLongestText));
  return found->get<std::string>();
}

Result<ImageDescription::File> read_file_entry(const std::string& name, const nlohmann::json& entry) {
  const bool sized = entry.is_object() && entry.contains("size") && entry["size"].is_number_unsigned();
  const bool hashed = sized && entry.contains("sha256") && entry["sha256"].is_string();
  if (!hashed || !is_sha256(entry["sha256"].get_ref<const std::string&>()))
    return fail(Errc::kInvalid, fmt::format("file \"{}\" needs a \"size\" and a \"sha256\" of {} hexadecimal digits",
                                            name, kSha256Digits));
  return ImageDescription::File{.size = entry["size"].get<std::uint64_t>(),
                                .sha256 = entry["sha256"].get<std::string>()};
}

}  // namespace

bool is_image_name(std::string_view name) {
  return !name.empty() && name.size() <= 40 &&
         std::ranges::all_of(name, [](char c) { return ascii::is_lower(c) || ascii::is_digit(c) || c == '-'; });
}

Result<ImageDescription> parse_image_description(std::string_view text) {
  const auto object = nlohmann::json::parse(text, nullptr, false);
  if (!object.is_object()) return fail(Errc::kInvalid, "not a JSON object");
  ImageDescription description;
  description.profile = TRY(text_field(object, "profile"));
  description.kernel_version = TRY(text_field(object, "kernel_version"));

  const auto memory = object.find("memory_mib");
  if (memory == object.end() || !memory->is_number_unsigned() || memory->get<std::uint64_t>() < kLeastMemoryMib ||
      memory->get<std::uint64_t>() > kMostMemoryMib)
    return fail(Errc::kInvalid, fmt::format("\"memory_mib\" must be {}-{}", kLeastMemoryMib, kMostMemoryMib));
  description.memory_mib = memory->get<std::uint32_t>();

  const auto files = object.find("files");
  if (files == object.end() || !files->is_object()) return fail(Errc::kInvalid, "\"files\" must be an object");
  for (const auto& [name, entry] : files->items()) description.files.emplace(name, TRY(read_file_entry(name, entry)));
  for (const char* name : {kImageKernel, kImageInitramfs})
    if (!description.files.contains(name)) return fail(Errc::kInvalid, fmt::format("no file \"{}\"", name));

  const auto packages = object.find("packages");
  if (packages == object.end()) return description;
  if (!packages->is_object()) return fail(Errc::kInvalid, "\"packages\" must be an object");
  for (const auto& [name, version] : packages->items()) {
    if (!version.is_string()) return fail(Errc::kInvalid, fmt::format("package \"{}\" needs a version", name));
    description.packages.emplace(name, version.get<std::string>());
  }
  return description;
}

}  // namespace enforcer::hostproto
