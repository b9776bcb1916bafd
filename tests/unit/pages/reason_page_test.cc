// The page of the reasons: a line for each, with layers that records have and something to do.
#include "pages/reason_page.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include "pages/reason_advice.h"
#include "policy/facts.h"

namespace enforcer::pages::test {
namespace {

bool is_layer(std::string_view word) {
  for (const auto layer : {policy::Layer::kDns, policy::Layer::kL4, policy::Layer::kTls, policy::Layer::kHttp}) {
    if (word == label(layer)) return true;
  }
  return false;
}

TEST_CASE("every_reason_has_a_line_with_its_layers_and_what_to_do") {
  const std::string page = reason_page();
  for (std::size_t i = 0; i < policy::kReasonCount; ++i) {
    const auto reason = policy::Reason{static_cast<std::uint8_t>(i)};
    CAPTURE(label(reason));
    const ReasonAdvice advice = advice_on(reason);
    CHECK(advice.action.ends_with('.'));
    CHECK_FALSE(advice.action.contains('|'));
    CHECK(page.contains(fmt::format("\n| `{}` | {} | {} | ", label(reason), description(reason), advice.layers)));
    std::string_view rest = advice.layers;
    while (rest != "-" && !rest.empty()) {
      const auto comma = rest.find(", ");
      CHECK(is_layer(rest.substr(0, comma)));
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 2);
    }
    CHECK_FALSE(advice.layers.empty());
  }
}

}  // namespace
}  // namespace enforcer::pages::test
