// Held requests as the tool has them: what the daemon says about sample tickets, read back.
#pragma once

#include <doctest/doctest.h>

#include "../control/sample_ticket.h"
#include "control/json.h"

namespace enforcer::ctl::testing {

using control::testing::SampleTicket;

inline control::ReviewInfo info_of(const review::Ticket& ticket) {
  auto info = control::decode_review(control::encode_review(ticket));
  REQUIRE_MESSAGE(info.has_value(), (info ? "" : info.error().message));
  return *std::move(info);
}

/// The same with an id that a test can write down.
inline control::ReviewInfo info_named(std::string_view ending, const SampleTicket& sample = {}) {
  control::ReviewInfo info = info_of(sample.make());
  info.id = "01hf7yat00" + std::string(16 - ending.size(), '0') + std::string(ending);
  return info;
}

}  // namespace enforcer::ctl::testing
