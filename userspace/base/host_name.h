// HostName: one canonical name, made once at the edge (invariant 4: the name decided on is the name dialled, verified,
// minted and logged). A HostName that exists is valid; there is no other way to carry a name through the program.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace enforcer {

class HostName {
 public:
  /// Canonicalises: ASCII letters to lower case, one trailing dot removed. Refuses: empty, more than 253 octets, an
  /// empty label or one of more than 63, any octet outside letters, digits, '-' and '_', a label that begins or ends
  /// with '-', and every spelling a resolver might take for an IPv4 address (last label all digits or 0x…, WHATWG
  /// URL 3.5).
  static Result<HostName> parse(std::string_view text);

  [[nodiscard]] const std::string& text() const { return text_; }
  /// The labels from left to right; the views live as long as this name.
  [[nodiscard]] std::vector<std::string_view> labels() const;

  friend auto operator<=>(const HostName&, const HostName&) = default;

 private:
  explicit HostName(std::string text) : text_(std::move(text)) {}
  std::string text_;
};

}  // namespace enforcer

template <>
struct std::hash<enforcer::HostName> {
  std::size_t operator()(const enforcer::HostName& name) const noexcept {
    return std::hash<std::string>{}(name.text());
  }
};
