#include "enforcerctl/tool.h"

#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "config/paths.h"
#include "control/json.h"
#include "enforcerctl/configured.h"
#include "enforcerctl/yaml_text.h"

namespace enforcer::ctl {

Result<control::Client> Tool::client() const {
  if (!common.socket.empty()) return control::Client(common.socket);
  std::string instance = common.instance;
  if (instance.empty()) {
    instance = TRY(loaded_config(common.config, "--instance or --socket go without it")).instance;
  }
  return control::Client(config::Paths::of(instance).control_socket());
}

Result<std::string> Tool::ask(std::string_view method, std::string_view target, std::string_view body,
                              std::chrono::seconds patience, const std::function<bool()>& given_up) const {
  const control::Client daemon = TRY(client());
  auto reply = TRY(daemon.request(method, target, body, Deadline::after(patience), given_up));
  if (!reply.ok()) return std::unexpected(control::decode_error(reply.status, reply.body));
  return std::move(reply.body);
}

void Tool::print_json(std::string_view body) const {
  if (common.output == Output::kYaml) {
    const auto value = nlohmann::json::parse(body, nullptr, /*allow_exceptions=*/false);
    if (!value.is_discarded()) return terminal_.out("---\n" + yaml_document(value));
  }
  while (body.ends_with('\n')) body.remove_suffix(1);
  terminal_.out(printable_lines(body) + "\n");
}

ExitCode Tool::report(const Error& error) const {
  terminal_.err(fmt::format("enforcerctl: {}\n", printable_lines(error.message)));
  return exit_code_of(error.code);
}

ExitCode Tool::usage(std::string_view message) const {
  terminal_.err(fmt::format("enforcerctl: {}\n", printable_lines(message)));
  return ExitCode::kUsage;
}

ExitCode Tool::usage(const Error& error) const {
  return error.code == Errc::kInvalid ? usage(error.message) : report(error);
}

void Tool::say(std::string_view line) const {
  terminal_.err(printable_lines(line) + "\n");
}

Result<Labels> labels_from(const std::vector<std::string>& texts) {
  Labels labels;
  for (const std::string& text : texts) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || text.contains(',')) {
      return fail(Errc::kInvalid, fmt::format("'{}' is not a label (key=value)", text));
    }
    if (!labels.emplace(text.substr(0, equals), text.substr(equals + 1)).second) {
      return fail(Errc::kInvalid, fmt::format("label '{}' is given twice", text.substr(0, equals)));
    }
  }
  return labels;
}

std::string labels_text(const Labels& labels) {
  std::string text;
  for (const auto& [key, value] : labels) text += fmt::format("{}{}={}", text.empty() ? "" : ",", key, value);
  return text;
}

Result<std::chrono::seconds> parse_duration(std::string_view text) {
  const auto wrong = [&] {
    return fail(Errc::kInvalid, fmt::format("'{}' is not a duration (45s, 5m, 2h, 3d)", text));
  };
  std::uint32_t number = 0;
  const auto [end, status] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (status != std::errc{} || end + 1 != text.data() + text.size()) return wrong();
  switch (*end) {
    case 's':
      return std::chrono::seconds(number);
    case 'm':
      return std::chrono::minutes(number);
    case 'h':
      return std::chrono::hours(number);
    case 'd':
      return std::chrono::days(number);
    default:
      return wrong();
  }
}

std::string duration_text(std::chrono::seconds duration) {
  const auto seconds = duration.count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m {}s", seconds / 60, seconds % 60);
  if (seconds < 86400) return fmt::format("{}h {}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d {}h", seconds / 86400, seconds % 86400 / 3600);
}

}  // namespace enforcer::ctl
