#include "enforcerctl/guest_table.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <iterator>

#include "control/json.h"
#include "control/peer.h"
#include "enforcerctl/tool.h"

namespace enforcer::ctl {
namespace {

std::string state_of(const control::GuestInfo& guest) {
  if (!guest.paused_since) return guest.state;
  return fmt::format("{} since {}", guest.state, control::format_time(*guest.paused_since));
}

std::string address_of(const IpAddress& address) {
  return address == IpAddress{} ? "" : address.to_string();
}

std::vector<std::string> usual_cells(const control::GuestInfo& guest, WallClock::time_point now) {
  return {guest.name.text(),
          state_of(guest),
          guest.created ? uptime_text(*guest.created, now) : "",
          fmt::format("{}", fmt::join(guest.policies, ",")),
          std::to_string(guest.decisions.allowed),
          std::to_string(guest.decisions.denied),
          std::to_string(guest.decisions.held)};
}

std::vector<std::string> other_cells(const control::GuestInfo& guest) {
  return {std::to_string(guest.connections),
          guest.kind,
          guest.image,
          guest.accelerator,
          address_of(guest.ipv4),
          address_of(guest.ipv6),
          control::account_name(guest.owner),
          labels_text(guest.labels)};
}

}  // namespace

std::string uptime_text(WallClock::time_point since, WallClock::time_point now) {
  const auto span = std::chrono::duration_cast<std::chrono::seconds>(std::max(now - since, WallClock::duration{}));
  const auto seconds = span.count();
  if (seconds < 60) return fmt::format("{}s", seconds);
  if (seconds < 3600) return fmt::format("{}m", seconds / 60);
  if (seconds < 86400) return fmt::format("{}h{}m", seconds / 3600, seconds % 3600 / 60);
  return fmt::format("{}d", seconds / 86400);
}

Table guest_table(const std::vector<control::GuestInfo>& guests, WallClock::time_point now, GuestColumns columns) {
  std::vector<std::string> headers{"NAME", "STATE", "UPTIME", "POLICY", "ALLOWED", "DENIED", "HELD"};
  if (columns == GuestColumns::kAll) {
    std::ranges::copy(std::initializer_list<const char*>{"CONNECTIONS", "KIND", "IMAGE", "ACCELERATOR", "IPV4", "IPV6",
                                                         "OWNER", "LABELS"},
                      std::back_inserter(headers));
  }
  Table table(std::move(headers));
  for (const control::GuestInfo& guest : guests) {
    std::vector<std::string> cells = usual_cells(guest, now);
    if (columns == GuestColumns::kAll) std::ranges::move(other_cells(guest), std::back_inserter(cells));
    table.add(std::move(cells));
  }
  return table;
}

}  // namespace enforcer::ctl
