// Policy files cut into their objects.
#include "policy/object_text.h"

#include "fixture.h"

namespace enforcer::policy::test {
namespace {

std::string cut(const std::string& text) {
  const SourceText source{"p.yaml", text};
  const auto objects = split_objects({&source, 1});
  if (!objects) return objects.error().message;
  std::string out;
  for (const ObjectText& object : *objects)
    out += object.kind + " " + object.name + " at " + std::to_string(object.line) + "; ";
  return out;
}

TEST_CASE("objects_are_cut_at_the_separators_of_yaml") {
  CHECK(cut("kind: A\nmetadata: {name: x}\n") == "A x at 1; ");
  CHECK(cut("# c\n---\nkind: A\nmetadata: {name: x}\n---\n# only this\n--- # and\nkind: B\nmetadata: {name: y}") ==
        "A x at 3; B y at 7; ");
  CHECK(cut("---\nkind: A\nmetadata: {name: x}\nnote: |\n  ---\n  text\n") == "A x at 2; ");
  CHECK(cut("--- {kind: A, metadata: {name: x}}\n") == "A x at 1; ");
  CHECK(cut("").empty());
  CHECK(cut("kind: A\n").contains("p.yaml:1: objects have a kind and a name"));
  CHECK(cut("kind: A\nmetadata: {name: x}\n---\nkind: [\n").contains("error["));
}

TEST_CASE("an_object_keeps_its_comments_and_every_octet") {
  const std::string first = "# before\nkind: A # beside\nmetadata: {name: x}\n\n# behind\n";
  const SourceText source{"p.yaml", first + "---\nkind: B\nmetadata: {name: y}"};
  const auto objects = split_objects({&source, 1});
  REQUIRE(objects.has_value());
  REQUIRE(objects->size() == 2);
  CHECK((*objects)[0].text == first);
  CHECK((*objects)[1].text == "kind: B\nmetadata: {name: y}");
}

TEST_CASE("tests_that_need_a_guardrail_are_not_asked_of_a_part") {
  const SourceText source{"p.yaml", policy_with("allow: [{name: a, to: [a.test]}], tests: [{connect: 'a.test:443', "
                                                "expect: deny, rule: g/d}]")};
  CHECK(load({&source, 1}, 1, Completeness::kPart).snapshot != nullptr);
  CHECK(load({&source, 1}, 1).snapshot == nullptr);
  const SourceText both[] = {source, {"g.yaml", guardrail_with("deny: [{name: d, to: [a.test]}]")}};
  CHECK(load(both, 1).snapshot != nullptr);
}

}  // namespace
}  // namespace enforcer::policy::test
