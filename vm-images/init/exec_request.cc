#include "exec_request.h"

#include <fmt/format.h>

#include <limits>
#include <nlohmann/json.hpp>

namespace enforcer::guest {
namespace {

bool is_text(const nlohmann::json& value) {
  return value.is_string() && value.get_ref<const std::string&>().find('\0') == std::string::npos;
}

/// A name that setenv(3) takes.
bool is_variable(const std::string& name) {
  return !name.empty() && name.find('=') == std::string::npos && name.find('\0') == std::string::npos;
}

Result<std::vector<std::string>> parse_arguments(const nlohmann::json& request) {
  const auto argv = request.find("argv");
  if (argv == request.end() || !argv->is_array() || argv->empty()) return fail(Errc::kInvalid, "exec: argv is missing");
  std::vector<std::string> arguments;
  for (const auto& argument : *argv) {
    if (!is_text(argument)) return fail(Errc::kInvalid, "exec: argv holds something that is no text");
    arguments.push_back(argument.get<std::string>());
  }
  return arguments;
}

Result<std::map<std::string, std::string>> parse_variables(const nlohmann::json& request) {
  std::map<std::string, std::string> variables;
  const auto env = request.find("env");
  if (env == request.end()) return variables;
  if (!env->is_object()) return fail(Errc::kInvalid, "exec: env is no object");
  for (const auto& [name, value] : env->items()) {
    if (!is_variable(name) || !is_text(value)) return fail(Errc::kInvalid, "exec: env holds something that is no text");
    variables[name] = value.get<std::string>();
  }
  return variables;
}

Result<std::string> parse_text(const nlohmann::json& request, const char* field) {
  const auto text = request.find(field);
  if (text == request.end()) return std::string();
  if (!is_text(*text) || text->get_ref<const std::string&>().empty())
    return fail(Errc::kInvalid, fmt::format("exec: {} is no text", field));
  return text->get<std::string>();
}

Result<std::uint16_t> parse_length(const nlohmann::json& tty, const char* field) {
  const auto length = tty.find(field);
  if (length == tty.end() || !length->is_number_unsigned() ||
      length->get<std::uint64_t>() > std::numeric_limits<std::uint16_t>::max())
    return fail(Errc::kInvalid, fmt::format("exec: {} of tty is no number of characters", field));
  return length->get<std::uint16_t>();
}

Result<std::optional<hostproto::WindowSize>> parse_tty(const nlohmann::json& request) {
  const auto tty = request.find("tty");
  if (tty == request.end()) return std::optional<hostproto::WindowSize>();
  if (!tty->is_object()) return fail(Errc::kInvalid, "exec: tty is no object");
  const std::uint16_t rows = TRY(parse_length(*tty, "rows"));
  const std::uint16_t columns = TRY(parse_length(*tty, "columns"));
  return std::optional(hostproto::WindowSize{rows, columns});
}

}  // namespace

Result<ExecRequest> parse_exec_request(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Errc::kInvalid, "exec: not a JSON object");
  ExecRequest request;
  request.argv = TRY(parse_arguments(json));
  request.env = TRY(parse_variables(json));
  request.cwd = TRY(parse_text(json, "cwd"));
  request.user = TRY(parse_text(json, "user"));
  request.tty = TRY(parse_tty(json));
  return request;
}

}  // namespace enforcer::guest
