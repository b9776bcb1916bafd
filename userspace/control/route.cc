#include "control/route.h"

#include <fmt/format.h>

#include <optional>
#include <vector>

#include "base/ascii.h"

namespace enforcer::control {
namespace {

struct Route {
  std::string_view method;
  std::string_view path;  ///< "{}" is a name, the id of a review, or the number of a generation
  Endpoint endpoint;
  Role role;
};

constexpr Route kRoutes[] = {
    {"GET", "/v1/status", Endpoint::kStatus, Role::kViewer},
    {"GET", "/v1/version", Endpoint::kVersion, Role::kViewer},
    {"GET", "/v1/policies", Endpoint::kPolicies, Role::kViewer},
    {"GET", "/v1/policies/{}", Endpoint::kPolicyText, Role::kViewer},
    {"GET", "/v1/policy-texts", Endpoint::kPolicyTexts, Role::kAdmin},
    {"GET", "/v1/generations", Endpoint::kGenerations, Role::kViewer},
    {"GET", "/v1/explain", Endpoint::kExplain, Role::kViewer},
    {"GET", "/v1/log", Endpoint::kLog, Role::kViewer},
    {"GET", "/v1/guests", Endpoint::kGuests, Role::kViewer},
    {"GET", "/v1/guests/{}", Endpoint::kGuest, Role::kViewer},
    {"GET", "/v1/credentials", Endpoint::kCredentials, Role::kViewer},
    {"GET", "/v1/guests/{}/ca", Endpoint::kAuthority, Role::kViewer},
    {"GET", "/v1/guests/{}/environment", Endpoint::kEnvironment, Role::kAdmin},
    {"POST", "/v1/reload", Endpoint::kReload, Role::kAdmin},
    {"POST", "/v1/policies", Endpoint::kApply, Role::kAdmin},
    {"POST", "/v1/generations/{}/rollback", Endpoint::kRollBack, Role::kAdmin},
    {"POST", "/v1/guests", Endpoint::kCreateGuest, Role::kAdmin},
    {"POST", "/v1/guests/{}/attach", Endpoint::kAttachGuest, Role::kAdmin},
    {"POST", "/v1/guests/{}/pause", Endpoint::kPauseGuest, Role::kAdmin},
    {"POST", "/v1/guests/{}/resume", Endpoint::kResumeGuest, Role::kAdmin},
    {"POST", "/v1/guests/{}/labels", Endpoint::kLabelGuest, Role::kAdmin},
    {"POST", "/v1/guests/{}/exec", Endpoint::kExec, Role::kAdmin},
    {"DELETE", "/v1/guests/{}", Endpoint::kDeleteGuest, Role::kAdmin},
    {"PUT", "/v1/credentials/{}", Endpoint::kSetCredential, Role::kAdmin},
    {"DELETE", "/v1/credentials/{}", Endpoint::kDeleteCredential, Role::kAdmin},
    {"POST", "/v1/credentials/{}/rotate", Endpoint::kRotateCredential, Role::kAdmin},
    {"POST", "/v1/credentials/{}/test", Endpoint::kTestCredential, Role::kAdmin},
    {"GET", "/v1/reviews", Endpoint::kReviews, Role::kReviewer},
    {"GET", "/v1/reviews/watch", Endpoint::kWatchReviews, Role::kReviewer},
    {"GET", "/v1/reviews/{}", Endpoint::kReview, Role::kReviewer},
    {"POST", "/v1/reviews/{}/approve", Endpoint::kApproveReview, Role::kReviewer},
    {"POST", "/v1/reviews/{}/reject", Endpoint::kRejectReview, Role::kReviewer},
};

/// RFC 3986 2.1. A '+' stays a '+': this is a URI, not a form.
Result<std::string> percent_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? ascii::hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? ascii::hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(Errc::kInvalid, "broken %-escape in the request target");
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (c == '\0') return fail(Errc::kInvalid, "NUL in the request target");
    out += c;
  }
  return out;
}

/// Calls `take` with each piece of `text` between separators.
template <class Take>
Result<> split(std::string_view text, char separator, Take take) {
  while (true) {
    const auto end = text.find(separator);
    TRY_VOID(take(text.substr(0, end)));
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
}

/// The {} of the path when it fits ("" for a path without one).
std::optional<std::string> fits(std::string_view pattern, const std::vector<std::string>& segments) {
  std::string name;
  std::size_t index = 0;
  pattern.remove_prefix(1);
  while (true) {
    const auto end = pattern.find('/');
    const auto piece = pattern.substr(0, end);
    if (index >= segments.size()) return std::nullopt;
    if (piece == "{}") {
      name = segments[index];
    } else if (piece != segments[index]) {
      return std::nullopt;
    }
    ++index;
    if (end == std::string_view::npos) break;
    pattern.remove_prefix(end + 1);
  }
  if (index != segments.size()) return std::nullopt;
  return name;
}

}  // namespace

const std::string* Target::field(std::string_view name) const {
  const auto found = query.find(name);
  return found == query.end() ? nullptr : &found->second;
}

Result<Target> parse_request_target(std::string_view text) {
  if (!text.starts_with('/')) return fail(Errc::kInvalid, "the request target is not an absolute path");
  Target target;
  const auto question = text.find('?');
  TRY_VOID(split(text.substr(1, question == std::string_view::npos ? question : question - 1), '/',
                 [&](std::string_view piece) -> Result<> {
                   target.segments.push_back(TRY(percent_decode(piece)));
                   return {};
                 }));
  if (question == std::string_view::npos || question + 1 == text.size()) return target;
  TRY_VOID(split(text.substr(question + 1), '&', [&](std::string_view piece) -> Result<> {
    const auto equals = piece.find('=');
    auto name = TRY(percent_decode(piece.substr(0, equals)));
    auto value = TRY(percent_decode(equals == std::string_view::npos ? "" : piece.substr(equals + 1)));
    if (!target.query.emplace(name, std::move(value)).second) {
      return fail(Errc::kInvalid, "a query field is given twice");
    }
    return {};
  }));
  return target;
}

std::expected<Match, NoRoute> find_route(std::string_view method, const Target& target) {
  NoRoute none;
  for (const Route& route : kRoutes) {
    const auto name = fits(route.path, target.segments);
    if (!name) continue;
    if (route.method == method) return Match{.endpoint = route.endpoint, .role = route.role, .name = *name};
    if (!none.allow.empty()) none.allow += ", ";
    none.allow += route.method;
  }
  return std::unexpected(none);
}

}  // namespace enforcer::control
