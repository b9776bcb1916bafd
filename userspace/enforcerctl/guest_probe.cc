#include "enforcerctl/guest_probe.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "base/text.h"
#include "control/json_object.h"
#include "hostproto/exec_frame.h"

namespace enforcer::ctl {
namespace {

using hostproto::FrameType;

constexpr std::size_t kMaxProbeOutput = 64 * 1024;
constexpr std::size_t kMaxProbeLines = 256;
constexpr std::string_view kBeginCertificate = "-----BEGIN CERTIFICATE-----\n";
constexpr std::string_view kEndCertificate = "-----END CERTIFICATE-----";

constexpr std::array kPrograms{"openssl",  "curl",  "git",  "node",    "npm", "python3", "pip",
                               "requests", "cargo", "java", "keytool", "go",  "docker",  "wget"};
constexpr std::array kVariables{"SSL_CERT_FILE",     "CURL_CA_BUNDLE",     "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
                                "npm_config_cafile", "REQUESTS_CA_BUNDLE", "PIP_CERT",       "CARGO_HTTP_CAINFO"};

std::unexpected<Error> no_sense(std::string_view line) {
  return fail(Errc::kInvalid, fmt::format("the probe in the guest said '{}'", escape_untrusted(line, 128)));
}

/// The text up to the next space; the rest stays.
std::string_view take_word(std::string_view& text) {
  const auto end = text.find(' ');
  const std::string_view word = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return word;
}

std::optional<Standing> standing_from(std::string_view word) {
  if (word == "holds") return Standing::kHolds;
  if (word == "lacks") return Standing::kLacks;
  if (word == "absent") return Standing::kAbsent;
  return std::nullopt;
}

template <class Names>
bool knows_name(const Names& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::optional<TrustFile> file_from(std::string_view rest) {
  const auto standing = standing_from(take_word(rest));
  if (!standing) return std::nullopt;
  return TrustFile{.standing = *standing, .path = escape_untrusted(rest, 256)};
}

/// One line of the script; false when it is none.
bool take_fact(GuestFacts& facts, std::string_view line) {
  const std::string_view kind = take_word(line);
  if (kind == "has" && knows_name(kPrograms, line)) {
    facts.installed.emplace(line);
    return true;
  }
  if (kind == "node" || kind == "wget") {
    (kind == "node" ? facts.node_asks_system : facts.wget_is_busybox) = true;
    return line == (kind == "node" ? "system" : "busybox");
  }
  if (kind == "openssl") return (facts.openssl = standing_from(line)).has_value();
  if (kind == "var") {
    const std::string name(take_word(line));
    const auto file = file_from(line);
    if (!file || !knows_name(kVariables, name)) return false;
    facts.variables[name] = *file;
    return true;
  }
  std::optional<TrustFile>* const place = kind == "store"       ? &facts.store
                                          : kind == "requests"  ? &facts.requests
                                          : kind == "gitconfig" ? &facts.git_config
                                          : kind == "java"      ? &facts.java
                                                                : nullptr;
  return place != nullptr && (*place = file_from(line)).has_value();
}

Result<> wait_for(const Fd& connection, short events, Deadline deadline) {
  while (true) {
    // First, not only when nothing is ready: who never stops talking would have all the time there is.
    if (deadline.passed()) return fail(Errc::kTimeout, "the probe in the guest did not end in time");
    pollfd wanted{connection.get(), events, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline.remaining()).count();
    const int ready = poll(&wanted, 1, static_cast<int>(left));
    if (ready > 0) return {};
    if (ready < 0 && errno != EINTR) return fail_errno("poll");
  }
}

Result<> send_all(const Fd& connection, std::string_view text, Deadline deadline) {
  while (!text.empty()) {
    TRY_VOID(wait_for(connection, POLLOUT, deadline));
    const ssize_t sent = send(connection.get(), text.data(), text.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN && errno != EINTR) return fail(Errc::kIo, "the connection to the guest was lost");
    if (sent > 0) text.remove_prefix(static_cast<std::size_t>(sent));
  }
  return {};
}

/// kIo unless the script ran to its end.
Result<> check_result(std::string_view payload) {
  const auto result = nlohmann::json::parse(payload, nullptr, /*allow_exceptions=*/false);
  if (result.is_object() && result.value("exit", nlohmann::json()) == 0) return {};
  return fail(Errc::kIo, fmt::format("the probe in the guest ended with {}", escape_untrusted(payload, 256)));
}

}  // namespace

Result<std::string> probe_request(const control::AuthorityInfo& authority) {
  const std::string& pem = authority.pem;
  // Without a body the script would find it in every file.
  const auto end = pem.find(kEndCertificate);
  if (!pem.starts_with(kBeginCertificate) || end == std::string::npos || end < kBeginCertificate.size() + 4 ||
      authority.fingerprint.empty()) {
    return fail(Errc::kInvalid, "the daemon's answer holds no certificate");
  }
  return control::dump({{"argv", {"sh", "-c", probe_script(), "probe", pem, authority.fingerprint}},
                        {"cwd", "/"},
                        {"env", nlohmann::json::object()}});
}

Result<std::string> run_probe(const Fd& connection, const std::string& request, Deadline deadline) {
  // No input: an empty frame is its end.
  TRY_VOID(
      send_all(connection, encode_frame(FrameType::kExec, request) + encode_frame(FrameType::kStdin, ""), deadline));
  hostproto::FrameReader reader;
  std::string output;
  std::size_t said = 0;  // its errors, which nobody reads, included
  std::array<char, 16 * 1024> buffer;
  while (true) {
    TRY_VOID(wait_for(connection, POLLIN, deadline));
    const ssize_t size = recv(connection.get(), buffer.data(), buffer.size(), 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
    if (size <= 0) return fail(Errc::kIo, "the connection to the guest was lost");
    TRY_VOID(reader.feed(as_bytes({buffer.data(), static_cast<std::size_t>(size)})));
    while (const auto frame = reader.next()) {
      if (frame->type == FrameType::kStdout) output += frame->payload;
      if (frame->type == FrameType::kStdout || frame->type == FrameType::kStderr) said += frame->payload.size();
      if (said > kMaxProbeOutput) {
        return fail(Errc::kInvalid, "the probe in the guest says more than it can have to say");
      }
      if (frame->type != FrameType::kResult) continue;
      TRY_VOID(check_result(frame->payload));
      return output;
    }
  }
}

Result<GuestFacts> parse_probe(std::string_view output) {
  if (output.size() > kMaxProbeOutput) return fail(Errc::kInvalid, "the probe in the guest said too much");
  GuestFacts facts;
  bool begun = false;
  for (std::size_t lines = 0; !output.empty() && lines < kMaxProbeLines; ++lines) {
    const auto end = output.find('\n');
    const std::string_view line = output.substr(0, end);
    if (end == std::string_view::npos) return no_sense(line);
    output.remove_prefix(end + 1);
    if (!begun) {
      if (line != "probe 1") return no_sense(line);
      begun = true;
    } else if (line == "done") {
      if (!output.empty()) return no_sense(output);
      return facts;
    } else if (!take_fact(facts, line)) {
      return no_sense(line);
    }
  }
  return fail(Errc::kInvalid, "what the probe in the guest said has no end");
}

}  // namespace enforcer::ctl
