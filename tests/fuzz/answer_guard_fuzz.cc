// What an origin answers on a route with a credential: whatever it is, no form of the secret comes out, nothing changes
// its length, and nothing depends on how it arrives.
// The first octet of the input says what the rest is (a text, frames of WebSocket, a coded body) and where it is cut.
#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>

#include "base/result.h"
#include "credentials/websocket_scanner.h"
#include "http/content_decoder.h"

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

constexpr std::string_view kSecrets[] = {"s3cr3t+/token%\\&", "Zk39qLm2Xw7Tn5Bv8",
                                         "8v5Nt7Wx/2mLq93kZ-Ya1Rb4Sc6Td0Ue+Vf_Wg.Xh"};
/// What is searched for in what comes out: the anchors as they are, in hex, and in base64 at each alignment; windows.
constexpr std::string_view kForms[] = {"s3cr3t+/token%\\&",
                                       "7333637233742b2f746f6b656e255c26",
                                       "czNjcjN0Ky90b2tlbiVcJ",
                                       "MzY3IzdCsvdG9rZW4lXC",
                                       "zM2NyM3QrL3Rva2VuJVwm",
                                       "Zk39qLm2Xw7Tn5Bv",
                                       "5a6b3339714c6d32587737546e354276",
                                       "WmszOXFMbTJYdzdUbjVCd",
                                       "prMzlxTG0yWHc3VG41Qn",
                                       "aazM5cUxtMlh3N1RuNUJ2",
                                       "8v5Nt7Wx/2mLq93k",
                                       "Z-Ya1Rb4Sc6Td0Ue",
                                       "Sc6Td0Ue+Vf_Wg.Xh"};

const std::shared_ptr<const Needles>& needles() {
  static const std::shared_ptr<const Needles> made = Needles::make(kSecrets).value();
  return made;
}

void check_clean(std::string text) {
  for (const std::string_view form : kForms) ENFORCER_CHECK(!text.contains(form));
  ENFORCER_CHECK(redact(needles(), text) == 0);
}

std::string scan(Bytes rest, std::size_t step, std::uint64_t& findings) {
  SecretScanner scanner(needles());
  std::string out;
  std::size_t fed = 0;
  while (!rest.empty()) {
    const Bytes piece = rest.first(std::min(step, rest.size()));
    rest = rest.subspan(piece.size());
    fed += piece.size();
    out += as_text(scanner.feed(piece));
    ENFORCER_CHECK(out.size() + scanner.held() == fed);
  }
  out += as_text(scanner.finish());
  findings = scanner.findings();
  return out;
}

void check_text(Bytes text, std::size_t step) {
  std::uint64_t whole = 0;
  std::uint64_t pieces = 0;
  const std::string out = scan(text, std::max<std::size_t>(text.size(), 1), whole);
  ENFORCER_CHECK(out.size() == text.size());
  ENFORCER_CHECK(scan(text, step, pieces) == out && pieces == whole);
  for (std::size_t i = 0; i < out.size(); ++i) ENFORCER_CHECK(out[i] == '*' || out[i] == static_cast<char>(text[i]));
  ENFORCER_CHECK(whole > 0 || out == as_text(text));
  check_clean(out);
}

/// None: refused.
std::optional<std::string> frames(Bytes rest, std::size_t step) {
  WebsocketScanner scanner(needles());
  std::string out;
  while (!rest.empty()) {
    const Bytes piece = rest.first(std::min(step, rest.size()));
    rest = rest.subspan(piece.size());
    const auto passed = scanner.feed(piece);
    if (!passed) return std::nullopt;
    out += as_text(*passed);
  }
  return out.append(as_text(scanner.finish()));
}

void check_frames(Bytes wire, std::size_t step) {
  const auto whole = frames(wire, std::max<std::size_t>(wire.size(), 1));
  ENFORCER_CHECK(frames(wire, step) == whole);
  if (!whole) return;
  ENFORCER_CHECK(whole->size() == wire.size());
  ENFORCER_CHECK(frames(as_bytes(*whole), step) == whole);  // it is clean, and still frames
}

std::optional<std::string> decoded(std::string_view codings, Bytes rest, std::size_t step, std::size_t room_size) {
  constexpr std::size_t kEnough = std::size_t{1} << 20;  // of a bomb
  auto decoder = http::ContentDecoder::make(codings).value();
  std::string out;
  std::vector<std::uint8_t> room(room_size);
  while (!rest.empty() && out.size() < kEnough) {
    Bytes piece = rest.first(std::min(step, rest.size()));
    rest = rest.subspan(piece.size());
    while (out.size() < kEnough) {
      const auto size = decoder.decode(piece, room);
      if (!size) return std::nullopt;
      if (*size == 0) break;
      out += as_text(Bytes(room).first(*size));
    }
  }
  out.resize(std::min(out.size(), kEnough));
  return out;
}

void check_body(std::string_view codings, Bytes body, std::size_t step) {
  const auto whole = decoded(codings, body, std::max<std::size_t>(body.size(), 1), 4096);
  const auto pieces = decoded(codings, body, step, 100);
  // A bomb may be left in front of what is wrong with it.
  if (whole && pieces) ENFORCER_CHECK(*whole == *pieces);
  if (!whole) return;
  std::uint64_t findings = 0;
  check_clean(scan(as_bytes(*whole), step, findings));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Bytes rest = Bytes(data, size).subspan(1);
  const std::size_t step = std::size_t{1} + (data[0] >> 3) * std::size_t{3};
  switch (data[0] & 7) {
    case 0:
    case 1:
      check_text(rest, step);
      break;
    case 2:
      check_frames(rest, step);
      break;
    case 3:
      check_body("gzip", rest, step);
      break;
    case 4:
      check_body("deflate", rest, step);
      break;
    case 5:
      check_body("br", rest, step);
      break;
    case 6:
      check_body("zstd", rest, step);
      break;
    case 7:
      check_body("gzip, zstd", rest, step);
      break;
  }
  return 0;
}
