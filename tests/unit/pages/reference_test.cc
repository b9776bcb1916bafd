#include "pages/reference.h"

#include <doctest/doctest.h>

#include <algorithm>

namespace enforcer::pages::test {
namespace {

using policy::FieldShape;
using policy::Need;
namespace shape = policy::shape;

constexpr std::string_view kColours[] = {"red", "green"};

std::vector<FieldShape> paint() {
  return {{"colour", Need::kRequired, shape::choice(kColours), "Which `one`."}};
}
std::vector<FieldShape> wall() {
  return {{"height", Need::kRequired, shape::number(1, 9), "In metres."},
          {"paint", Need::kOptional, shape::object(paint), "Its paint."}};
}
std::vector<FieldShape> roof() {
  return {{"height", Need::kRequired, shape::number(1, 9), "In metres."},
          {"tiles", Need::kOptional, shape::number(1, 2'000'000'000).like("12"), "How many."}};
}
constexpr policy::Shape kWall = shape::object(wall, "part", "wall");
constexpr policy::Shape kRoof = shape::object(roof, "part", "roof");

std::vector<FieldShape> house() {
  return {{"walls", Need::kOptional, shape::some(kWall, "list of parts"), "Outside."},
          {"roofs", Need::kOptional, shape::list(kRoof, "list of parts"), "Above."},
          {"door", Need::kOptional, shape::one_key(paint, "paint"), "In front."}};
}

const Section& section(const std::vector<Section>& sections, std::string_view title) {
  const auto found = std::ranges::find(sections, title, &Section::title);
  REQUIRE_MESSAGE(found != sections.end(), std::string(title));
  return *found;
}

const Key& key(const Section& of, std::string_view name) {
  const auto found = std::ranges::find(of.keys, name, &Key::name);
  REQUIRE_MESSAGE(found != of.keys.end(), std::string(name));
  return *found;
}

TEST_CASE("objects_of_several_lists_are_one_section_that_says_which_keys_are_whose") {
  const auto sections = sections_of({{"a house", "For one family.", "spec", house()}});
  REQUIRE(sections.size() == 4);
  CHECK(sections.front().title == "a house");
  CHECK(sections.front().note == "For one family.");
  const Section& part = section(sections, "part");
  CHECK(part.places == std::vector<std::string>{"spec.walls[]", "spec.roofs[]"});
  CHECK(key(part, "height").in.empty());
  CHECK(key(part, "paint").in == std::vector<std::string>{"walls"});
  CHECK(key(part, "tiles").in == std::vector<std::string>{"roofs"});
}

TEST_CASE("a_key_says_whether_it_is_required_and_what_it_is") {
  const auto sections = sections_of({{"a house", "", "", house()}});
  const Section& part = section(sections, "part");
  CHECK((key(part, "height").required && key(part, "height").shape == "number from 1 to 9"));
  CHECK((!key(part, "tiles").required && key(part, "tiles").shape == "number, at least 1"));
  CHECK(key(part, "tiles").example == "12");
  const Section& paint_section = section(sections, "part.paint");
  CHECK(key(paint_section, "colour").shape == "red or green");
  CHECK(paint_section.note.empty());
  CHECK(section(sections, "door").note == "Exactly one of:");
}

TEST_CASE("the_outermost_objects_come_before_what_is_inside_of_them") {
  const auto sections = policy_sections();
  std::vector<std::string> titles;
  for (const Section& each : sections) titles.push_back(each.title);
  REQUIRE(titles.size() > 3);
  CHECK(titles[0] == "every object");
  CHECK(titles[1] == "spec of a Policy");
  CHECK(titles[2] == "spec of a Guardrail");
  CHECK(key(section(sections, "rule"), "approvals").in == std::vector<std::string>{"review"});
  CHECK(key(section(sections, "rule"), "to").in.empty());
}

TEST_CASE("every_key_says_what_it_means") {
  for (const auto& sections : {policy_sections(), credential_sections(), config_sections()}) {
    for (const Section& each : sections) {
      for (const Key& one : each.keys) {
        CHECK_MESSAGE((one.about.ends_with('.') && std::ranges::count(one.about, '`') % 2 == 0),
                      each.title << " " << one.name << ": " << one.about);
      }
    }
  }
}

}  // namespace
}  // namespace enforcer::pages::test
