#include "enforcerctl/review_text.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/ascii.h"
#include "base/text.h"
#include "enforcerctl/terminal.h"
#include "enforcerctl/tool.h"
#include "policy/decision.h"

namespace enforcer::ctl {
namespace {

using control::ReviewInfo;

constexpr std::size_t kLongestFact = 256;
constexpr std::size_t kHexPerLine = 16;
constexpr std::size_t kHexLines = 32;

/// What came escaped stays as it is; what somebody else's daemon left unescaped does not.
std::string safe(std::string_view text) {
  return printable_lines(text.contains('\n') ? escape_untrusted(text, kLongestFact) : text);
}

std::string fact(std::string_view name, std::string_view value) {
  return fmt::format("  {:<12} {}", name, safe(value));
}

/// A fact that guests have a say in: in quotes, and short.
std::string quoted_fact(std::string_view text, std::size_t limit = 120) {
  std::string quoted;
  for (const char c : safe(text)) {
    if (c == '"') {
      quoted += "\\x22";
    } else {
      quoted += c;
    }
  }
  if (quoted.size() > limit) {
    quoted = fmt::format("{}...[{} characters]...{}", quoted.substr(0, limit / 2), quoted.size(),
                         quoted.substr(quoted.size() - limit / 2));
  }
  return "\"" + quoted + "\"";
}

std::string verdict_text(const review::Verdict& verdict) {
  std::string text = fmt::format("{} (uid {})", safe(verdict.by.name), verdict.by.uid);
  if (!verdict.comment.empty()) text += ": " + quoted_fact(verdict.comment);
  return text;
}

std::string standing_text(const ReviewInfo& review, WallClock::time_point now) {
  if (control::has_ended(review)) return review.state;
  const std::string clients = review.clients == 0   ? "no client waits"
                              : review.clients == 1 ? "1 client waits"
                                                    : fmt::format("{} clients wait", review.clients);
  return fmt::format("{}; {}; expires in {}", review.state, clients, span_text(now, review.expires));
}

/// "\x1b" back to the octet that it stands for.
std::string octets_of(std::string_view escaped) {
  std::string octets;
  for (std::size_t i = 0; i < escaped.size(); ++i) {
    const bool escape = escaped[i] == '\\' && i + 3 < escaped.size() && escaped[i + 1] == 'x';
    const int high = escape ? ascii::hex_value(escaped[i + 2]) : -1;
    const int low = escape ? ascii::hex_value(escaped[i + 3]) : -1;
    if (high < 0 || low < 0) {
      octets += escaped[i];
    } else {
      octets += static_cast<char>(high << 4 | low);
      i += 3;
    }
  }
  return octets;
}

/// Text has few octets that are not printable; a body of something else says more as hex.
bool looks_like_text(std::string_view octets) {
  const auto odd = std::ranges::count_if(
      octets, [](char c) { return (c < 0x20 || c >= 0x7f) && c != '\n' && c != '\r' && c != '\t'; });
  return static_cast<std::size_t>(odd) * 10 <= octets.size();
}

Lines hex_lines(std::string_view octets) {
  Lines lines;
  for (std::size_t at = 0; at < octets.size() && lines.size() < kHexLines; at += kHexPerLine) {
    std::string line = fmt::format("    | {:04x} ", at);
    for (const char c : octets.substr(at, kHexPerLine)) line += fmt::format(" {:02x}", static_cast<unsigned char>(c));
    lines.push_back(std::move(line));
  }
  return lines;
}

Lines body_lines(const ReviewInfo& review, std::size_t width) {
  if (review.body_octets == 0) return {"  body: none"};
  const std::string octets = octets_of(review.body_start);
  const bool text = looks_like_text(octets);
  const std::size_t shown = text ? octets.size() : std::min(octets.size(), kHexLines * kHexPerLine);
  Lines lines{fmt::format("  body, {}{}:",
                          shown == review.body_octets
                              ? fmt::format("all {} octets", review.body_octets)
                              : fmt::format("the first {} of {} octets", shown, review.body_octets),
                          text ? "" : ", which are not text")};
  for (std::string& line : text ? quoted_lines(review.body_start, width) : hex_lines(octets)) {
    lines.push_back(std::move(line));
  }
  return lines;
}

void append_quoted(Lines& lines, std::string_view title, std::string_view text, std::size_t width) {
  lines.push_back(fmt::format("  {}:", title));
  for (std::string& line : quoted_lines(text, width)) lines.push_back(std::move(line));
}

}  // namespace

Lines quoted_lines(std::string_view text, std::size_t width) {
  constexpr std::string_view kBar = "    | \"";
  const std::size_t room = std::max(width, kNarrowest) - kBar.size() - 1;
  Lines lines;
  std::string line;
  const auto close = [&] {
    lines.push_back(fmt::format("{}{}\"", kBar, line));
    line.clear();
  };
  for (const char c : text) {
    const bool plain = c >= 0x20 && c < 0x7f && c != '"';
    const std::string piece = plain ? std::string(1, c) : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    if (line.size() + piece.size() > room) close();
    line += piece;
  }
  if (!line.empty() || lines.empty()) close();
  return lines;
}

Lines wrapped(Lines lines, std::size_t width) {
  constexpr std::string_view kMark = "             > ";
  width = std::max(width, kNarrowest);
  Lines out;
  for (std::string& line : lines) {
    while (line.size() > width) {
      out.push_back(line.substr(0, width));
      line = std::string(kMark) + line.substr(width);
    }
    out.push_back(std::move(line));
  }
  return out;
}

Lines fact_lines(const ReviewInfo& review, WallClock::time_point now) {
  Lines lines;
  lines.push_back(fact("domain", review.domain.empty() ? "none: it goes to an address" : review.domain));
  lines.push_back(fact("to", fmt::format("{}://{}", review.scheme, place_text(review))));
  lines.push_back(fact("action", quoted_fact(review.action)));
  lines.push_back(fact("guest", review.labels.empty()
                                    ? review.guest
                                    : fmt::format("{} ({})", review.guest, labels_text(review.labels))));
  lines.push_back(fact("rule", fmt::format("{} at {}", rule_name(review), review.place)));
  if (!review.note.empty()) lines.push_back(fact("it says", review.note));
  lines.push_back(fact("state", standing_text(review, now)));
  lines.push_back(fact("approvals", fmt::format("{} of {}", review.approvals.size(), review.approvals_needed)));
  for (const review::Verdict& verdict : review.approvals) lines.push_back(fact("  by", verdict_text(verdict)));
  if (review.rejection) lines.push_back(fact("rejected by", verdict_text(*review.rejection)));
  lines.push_back(fact("credential", review.credential.empty() ? "none is added" : review.credential + " is added"));
  lines.push_back(fact("body", review.body_octets == 0
                                   ? "none"
                                   : fmt::format("{} octets, sha256 {}", review.body_octets, review.body_sha256)));
  lines.push_back(fact("fingerprint", review.fingerprint));
  lines.push_back(fact("asked", span_text(review.asked, now) + " ago"));
  lines.push_back(fact("review", review.id));
  return lines;
}

Lines guest_lines(const ReviewInfo& review, std::size_t width) {
  Lines lines{"What the guest wrote, in quotes. Octets outside printable ASCII are \\xNN:"};
  append_quoted(lines, "method", review.method, width);
  append_quoted(lines, "path", review.path, width);
  if (review.query) append_quoted(lines, "query", *review.query, width);
  for (const policy::FieldFact& field : review.fields) {
    append_quoted(lines, "header field", fmt::format("{}: {}", field.name, field.value), width);
  }
  for (std::string& line : body_lines(review, width)) lines.push_back(std::move(line));
  return lines;
}

Lines granted_lines(const ReviewInfo& review) {
  Lines lines;
  lines.push_back(fmt::format("A yes lets guest {} send this one request, once:", safe(review.guest)));
  lines.push_back(fact("domain", review.domain.empty() ? "none: it goes to an address" : review.domain));
  lines.push_back(fact("to", fmt::format("{}://{}", review.scheme, place_text(review))));
  lines.push_back(fact("action", quoted_fact(review.action)));
  lines.push_back(fact("method", quoted_fact(review.method, 32)));
  lines.push_back(fact("path", quoted_fact(review.path)));
  if (review.query) lines.push_back(fact("query", quoted_fact(*review.query)));
  lines.push_back(fact("body", review.body_octets == 0
                                   ? "none"
                                   : fmt::format("{} octets, sha256 {}", review.body_octets, review.body_sha256)));
  lines.push_back(fact("credential", review.credential.empty() ? "none is added" : review.credential + " is added"));
  lines.push_back(fact("fingerprint", review.fingerprint));
  const std::size_t yours = review.approvals.size() + 1;
  lines.push_back(review.approvals_needed == 1
                      ? "Nobody else has to agree."
                      : fmt::format("Yours is approval {} of the {} that are needed.", yours, review.approvals_needed));
  lines.push_back(review.clients > 0 ? "A client waits for it now."
                                     : "No client waits for it now: the next identical request would pass, once.");
  return lines;
}

std::string approval_outcome(const ReviewInfo& after, WallClock::time_point now) {
  if (after.state == "pending") {
    return fmt::format("approved {} of {}: {} more must agree", after.approvals.size(), after.approvals_needed,
                       after.approvals_needed - std::min<std::size_t>(after.approvals_needed, after.approvals.size()));
  }
  if (after.state == "sent" || after.clients > 0) return "released: the client that waits sends it now";
  return fmt::format("approved, and no client waits: the next identical request within {} passes once",
                     span_text(now, after.expires));
}

std::string approvals_text(const ReviewInfo& review) {
  return fmt::format("{}/{}", review.approvals.size(), review.approvals_needed);
}

std::string short_action(const ReviewInfo& review, std::size_t limit) {
  std::string text = safe(review.action);
  if (text.size() <= limit) return text;
  const std::size_t half = (limit - 3) / 2;
  return text.substr(0, half) + "..." + text.substr(text.size() - half);
}

std::string rule_name(const ReviewInfo& review) {
  return safe(policy::full_name(review.policy, review.rule));
}

std::string place_text(const ReviewInfo& review) {
  const bool usual = review.port == (review.scheme == "https" ? 443 : 80);
  const std::string host = review.host.contains(':') ? "[" + review.host + "]" : review.host;
  return safe(usual ? host : fmt::format("{}:{}", host, review.port));
}

std::string short_place(const ReviewInfo& review, std::size_t limit) {
  std::string place = place_text(review);
  if (place.size() <= limit) return place;
  return "..." + place.substr(place.size() - (limit - 3));
}

std::string span_text(WallClock::time_point from, WallClock::time_point to) {
  return duration_text(std::chrono::duration_cast<std::chrono::seconds>(std::max(to - from, WallClock::duration{})));
}

std::string joined_lines(const Lines& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

}  // namespace enforcer::ctl
