#include "enforcerctl/guests.h"

#include <fmt/format.h>
#include <poll.h>

#include "control/json.h"

namespace enforcer::ctl {

std::string guest_target(const GuestName& name, std::string_view more) {
  return fmt::format("/v1/guests/{}{}", name.text(), more);
}

Result<control::GuestInfo> find_guest(const Tool& tool, const GuestName& name) {
  const std::string body = TRY(tool.ask("GET", guest_target(name)));
  return TRY(control::decode_guest(body)).guest;
}

Result<control::GuestInfo> wait_until_running(const Tool& tool, const GuestName& name, Deadline deadline,
                                              const std::function<bool()>& interrupted) {
  while (true) {
    auto guest = find_guest(tool, name);
    if (!guest && guest.error().code == Errc::kNotFound) {
      return fail(Errc::kNotFound,
                  fmt::format("guest {} ended before it was up; the log of enforcer-hostd says why", name.text()));
    }
    if (!guest || guest->state == "running") return guest;
    if (interrupted()) return fail(Errc::kUnavailable, "interrupted");
    if (deadline.passed()) return fail(Errc::kTimeout, fmt::format("guest {} did not come up in time", name.text()));
    poll(nullptr, 0, 30);
  }
}

Result<control::Variables> environment_of(const Tool& tool, const GuestName& name) {
  const std::string body = TRY(tool.ask("GET", guest_target(name, "/environment")));
  return control::decode_environment(body);
}

Result<> delete_guest(const Tool& tool, const GuestName& name) {
  const auto deleted = tool.ask("DELETE", guest_target(name));
  if (!deleted) return std::unexpected(deleted.error());
  return {};
}

ExitCode print_made_guest(const Tool& tool, const Result<std::string>& body) {
  if (!body) return tool.report(body.error());
  const auto answer = control::decode_guest(*body);
  if (!answer) return tool.report(answer.error());
  if (!answer->warning.empty()) tool.say("warning: " + answer->warning);
  if (tool.json()) {
    tool.print_json(*body);
  } else {
    const auto& guest = answer->guest;
    tool.terminal().out(
        printable_lines(fmt::format("{} {} {}", guest.name.text(), guest.state, guest.ipv4.to_string())) + "\n");
  }
  return ExitCode::kOk;
}

}  // namespace enforcer::ctl
