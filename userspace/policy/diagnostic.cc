#include "policy/diagnostic.h"

#include <fmt/format.h>

#include <algorithm>
#include <tuple>

#include "base/ascii.h"

namespace enforcer::policy {
namespace {

// More problems than anybody reads; a hostile file must not turn into gigabytes of messages.
constexpr std::size_t kMaxKept = 1000;

}  // namespace

std::string Diagnostic::to_string() const {
  return fmt::format("{}:{}:{}: {}[{}]: {}{}{}", file, line, column, severity == Severity::kError ? "error" : "warning",
                     code, message, hint.empty() ? "" : "; ", hint);
}

std::string Diagnostic::page() const {
  std::string anchor = code;
  std::ranges::transform(anchor, anchor.begin(), ascii::lower);
  return "policies/diagnostics.md#" + anchor;
}

const std::vector<CodeInfo>& diagnostic_codes() {
  static const std::vector<CodeInfo> codes{
#define X(name, code, text) {code, text},
      ENFORCER_DIAGNOSTIC_CODES(X)
#undef X
  };
  return codes;
}

void Diagnostics::report(std::string_view file, Place place, Code code, std::string message, std::string hint) {
  const std::string_view text = diagnostic_codes()[static_cast<std::size_t>(code)].code;
  const Severity severity = text.starts_with('W') ? Severity::kWarning : Severity::kError;
  if (severity == Severity::kError) ++errors_;
  if (found_.size() >= kMaxKept) return;
  found_.push_back(
      {std::string(file), place.line, place.column, std::string(text), severity, std::move(message), std::move(hint)});
}

std::vector<Diagnostic> Diagnostics::take() {
  const auto key = [](const Diagnostic& d) { return std::tie(d.file, d.line, d.column, d.code, d.message); };
  std::ranges::sort(found_, [&](const Diagnostic& a, const Diagnostic& b) { return key(a) < key(b); });
  const auto repeated =
      std::ranges::unique(found_, [&](const Diagnostic& a, const Diagnostic& b) { return key(a) == key(b); });
  found_.erase(repeated.begin(), repeated.end());
  return std::move(found_);
}

}  // namespace enforcer::policy
