// Answers of services as the tests write them, and what of a request a test wants to see.
#pragma once

#include <doctest/doctest.h>

#include <string>
#include <string_view>

#include "credentials/https_message.h"
#include "credentials/value.h"

namespace enforcer::credentials::testing {

/// 2026-06-01T00:00:00Z
inline const WallClock::time_point kJune = std::chrono::sys_days(std::chrono::year(2026) / 6 / 1);

inline HttpsResponse answered(unsigned status, std::string_view body, std::string_view confidential = {}) {
  HttpsResponse response;
  response.status = status;
  response.body = body;
  response.confidential = confidential;
  return response;
}

inline policy::HttpsUrl url(std::string_view text) {
  return policy::HttpsUrl::parse(text).value();
}

inline std::string field_of(const HttpsRequest& request, std::string_view name) {
  for (const http::HeaderField& field : request.head.fields) {
    if (field.name == name) return field.value;
  }
  return "(none)";
}
inline std::string_view body_of(const HttpsRequest& request) {
  CHECK(request.head.body == http::BodyFraming{http::BodyFraming::Kind::kLength, request.body.size()});
  return request.body;
}

/// The value, or "error: ..." where the message must hold nothing of these.
inline std::string outcome_of(const Result<Value>& value) {
  return value ? std::string(value->secret->reveal()) : "error: " + value.error().message;
}

}  // namespace enforcer::credentials::testing
