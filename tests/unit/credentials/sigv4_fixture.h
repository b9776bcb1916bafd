// What the tests of signatures share: the keys of AWS's own examples, heads from text, signing a guest's head again.
#pragma once

#include <doctest/doctest.h>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "credentials/sigv4.h"
#include "http/field_rules.h"

namespace enforcer::credentials::testing {

/// Of the S3 documentation's examples.
inline constexpr AwsKeys kS3Keys{.access_key_id = "AKIAIOSFODNN7EXAMPLE",
                                 .secret_access_key = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                                 .session_token = {}};
/// Of the general documentation's, and of the official vectors.
inline constexpr AwsKeys kPlainKeys{.access_key_id = "AKIDEXAMPLE",
                                    .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                    .session_token = {}};
inline constexpr AwsKeys kSessionKeys{.access_key_id = "ASIAEXAMPLE",
                                      .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
                                      .session_token = "IQoJb3JpZ2luX2Vj//x+y="};

inline WallClock::time_point utc(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second};
}
inline const WallClock::time_point kS3Time = utc(2013, 5, 24);
inline const WallClock::time_point kPeerTime = utc(2026, 1, 2, 3, 4, 5);

/// Lines end with LF here; nothing: the proxy refuses such a head.
inline std::optional<http::RequestHead> head_if_legal(std::string_view lines) {
  std::string text;
  for (const char c : lines) {
    if (c == '\n') text += '\r';
    text += c;
  }
  http::RequestHeadReader reader;
  auto outcome = reader.read(as_bytes(text));
  auto* const head = std::get_if<http::RequestHead>(&outcome);
  return head == nullptr ? std::nullopt : std::optional(std::move(*head));
}

/// `lines`: the request line and fields, each with its LF; the empty line is added.
inline http::RequestHead head_from(std::string_view lines) {
  auto head = head_if_legal(std::string(lines) + "\n");
  REQUIRE(head.has_value());
  return *std::move(head);
}

/// An Authorization of a guest, with keys that are worth nothing.
inline std::string guest_authorization(std::string_view region_and_service, std::string_view signed_headers) {
  return "Authorization: AWS4-HMAC-SHA256 Credential=AKIAPLACEHOLDER00000/20200101/" + std::string(region_and_service) +
         "/aws4_request, SignedHeaders=" + std::string(signed_headers) + ", Signature=" + std::string(64, '0') + "\n";
}

inline std::string only(const http::RequestHead& head, std::string_view name) {
  const auto values = http::values_of(head.fields, name);
  REQUIRE(values.size() == 1);
  return std::string(values[0]);
}

/// Reads the guest's signature and signs again.
inline ChunkSeed sign_again(http::RequestHead& head, const AwsKeys& keys, WallClock::time_point now,
                            std::string_view body = "") {
  const auto guest = read_signature(head);
  REQUIRE(guest.has_value());
  auto seed = sign(head, *guest, keys, now, body);
  REQUIRE(seed.has_value());
  return *std::move(seed);
}

}  // namespace enforcer::credentials::testing
