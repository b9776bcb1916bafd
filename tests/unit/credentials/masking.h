// What the tests of masking share: needles of secrets, and texts that are scanned in pieces.
#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "credentials/secret_scanner.h"

namespace enforcer::credentials::testing {

using SharedNeedles = std::shared_ptr<const Needles>;

inline SharedNeedles needles_of(const std::vector<std::string_view>& secrets) {
  auto made = Needles::make(secrets);
  REQUIRE(made.has_value());
  return *std::move(made);
}

inline std::string in_base64(std::string_view text) {
  std::string out((text.size() + 2) / 3 * 4 + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), as_bytes(text).data(), static_cast<int>(text.size()));
  out.pop_back();
  return out;
}

/// Each octet written with one format: "{:02x}".
inline std::string each_as(fmt::format_string<unsigned> format, std::string_view text) {
  std::string out;
  for (const std::uint8_t octet : as_bytes(text)) out += fmt::format(format, unsigned{octet});
  return out;
}

inline std::string stars(std::size_t count) {
  return std::string(count, '*');
}

struct Scanned {
  std::string text;
  std::uint64_t findings = 0;
  std::size_t most_held = 0;
  friend bool operator==(const Scanned& a, const Scanned& b) { return a.text == b.text && a.findings == b.findings; }
};

/// The text in pieces that end where `cuts` says.
inline Scanned scan_at(const SharedNeedles& needles, std::string_view text, const std::vector<std::size_t>& cuts) {
  SecretScanner scanner(needles);
  Scanned scanned;
  std::size_t from = 0;
  const auto feed = [&](std::size_t to) {
    scanned.text += as_text(scanner.feed(as_bytes(text.substr(from, to - from))));
    if (scanned.text.size() + scanner.held() != to) FAIL("octets are missing");
    scanned.most_held = std::max(scanned.most_held, scanner.held());
    from = to;
  };
  for (const std::size_t cut : cuts) feed(cut);
  feed(text.size());
  scanned.text += as_text(scanner.finish());
  scanned.findings = scanner.findings();
  if (scanner.held() != 0 || scanned.text.size() != text.size()) FAIL("octets are missing at the end");
  return scanned;
}

/// In one piece; and every other way to cut it in two, or in single octets, has the same result.
inline Scanned scan_every_way(const SharedNeedles& needles, std::string_view text) {
  const Scanned whole = scan_at(needles, text, {});
  std::vector<std::size_t> everywhere;
  for (std::size_t cut = 0; cut < text.size(); ++cut) {
    CAPTURE(cut);
    CHECK(scan_at(needles, text, {cut}) == whole);
    everywhere.push_back(cut);
  }
  CHECK(scan_at(needles, text, everywhere) == whole);
  std::string redacted(text);
  CHECK(redact(needles, redacted) == whole.findings);
  CHECK(redacted == whole.text);
  return whole;
}

}  // namespace enforcer::credentials::testing
