#include "policy/reason.h"

#include <array>

namespace enforcer::policy {
namespace {

struct Words {
  std::string_view label;
  std::string_view description;
};
constexpr std::array<Words, kReasonCount> kWords{{
#define X(name, label, text) {label, text},
    ENFORCER_REASONS(X)
#undef X
}};

constexpr std::array<std::string_view, kReasonCount> kReasonLabels{
#define X(name, label, text) label,
    ENFORCER_REASONS(X)
#undef X
};

}  // namespace

std::span<const std::string_view> reason_labels() {
  return kReasonLabels;
}

std::string_view label(Reason reason) {
  return kWords[static_cast<std::size_t>(reason)].label;
}

std::string_view description(Reason reason) {
  return kWords[static_cast<std::size_t>(reason)].description;
}

}  // namespace enforcer::policy
