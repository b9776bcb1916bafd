#include "credentials/sts_xml.h"

#include <doctest/doctest.h>

#include <string>

using namespace enforcer;
using namespace enforcer::credentials;

namespace {

std::string text_at(std::string_view document, std::string_view path = "a/b") {
  const auto text = xml_text(document, path);
  return text ? std::string(*text) : "(none)";
}

}  // namespace

TEST_CASE("the_text_of_an_element_is_found_by_its_path") {
  CHECK(text_at("<a><b>x</b></a>") == "x");
  CHECK(text_at("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<a xmlns=\"u:r\" n='>'>\n <c>y</c> <b > x </b\n></a>\n") ==
        " x ");
  CHECK(text_at("<a><b></b></a>") == "");
  CHECK(text_at("<a><b/></a>") == "");
  CHECK(text_at("<a>x</a>", "a") == "x");
  CHECK(text_at("<a><c><b>no</b></c><b>x</b></a>") == "x");
  CHECK(text_at("<b><a>x</a></b>") == "(none)");
  CHECK(text_at("<a><c/></a>") == "(none)");
  CHECK(text_at("<a>x</a>", "a/b") == "(none)");
}

TEST_CASE("entities_are_the_five_of_xml_and_numbers_of_ascii") {
  CHECK(text_at("<a><b>&lt;&gt;&amp;&quot;&apos;</b></a>") == "<>&\"'");
  CHECK(text_at("<a><b>&#65;&#x42;&#x2b;/==&#10;</b></a>") == "AB+/==\n");
  CHECK(text_at("<a><b>&amp;lt;</b></a>") == "&lt;");
  for (const std::string_view wrong : {"&", "&;", "&lt", "&LT;", "&nbsp;", "&#0;", "&#31;", "&#127;", "&#233;", "&#x;",
                                       "&#;", "&#-1;", "&#x110000;", "&#99999999999;", "& lt;", "&#65 ;", "&#X41;"}) {
    CAPTURE(wrong);
    CHECK(text_at("<a><b>" + std::string(wrong) + "</b></a>") == "(none)");
  }
}

TEST_CASE("what_is_not_well_formed_has_no_text") {
  const std::string_view good = "<a><b>x</b></a>";
  for (std::size_t size = 0; size < good.size(); ++size) {
    CAPTURE(size);
    CHECK(text_at(good.substr(0, size)) == "(none)");
  }
  for (const std::string_view wrong :
       {"<a><b>x</a></b>", "<a><b>x</b></a></a>", "<a><b>x</b></a><a/>", "<a><b>x</b></a>y", "y<a><b>x</b></a>",
        "<a><b>x</b>< /a>", "<a><b>x</b></ a>", "<a b><b>x</b></a>", "<a b=c><b>x</b></a>", "<a b=\"c><b>x</b></a>",
        "<a b=\"<\"><b>x</b></a>", "<a b=\"1\"c=\"2\"><b>x</b></a>", "<><b>x</b></>", "<a><b>x</b/></a>"}) {
    CAPTURE(wrong);
    CHECK(text_at(wrong) == "(none)");
  }
}

TEST_CASE("what_could_be_read_in_two_ways_has_no_text") {
  CHECK(text_at("<a><b>x</b><b>y</b></a>") == "(none)");
  CHECK(text_at("<a><b>x<c/>y</b></a>") == "(none)");
  CHECK(text_at("<!DOCTYPE a [<!ENTITY e \"x\">]><a><b>&e;</b></a>") == "(none)");
  CHECK(text_at("<a><b><![CDATA[x]]></b></a>") == "(none)");
  CHECK(text_at("<a><!-- --><b>x</b></a>") == "(none)");
  CHECK(text_at("<a><?p?><b>x</b></a>") == "(none)");
}

TEST_CASE("depth_is_bounded") {
  const auto nested = [](int levels) {
    std::string text = "<a><b>x</b>";
    for (int i = 0; i < levels; ++i) text += "<c>";
    for (int i = 0; i < levels; ++i) text += "</c>";
    return text + "</a>";
  };
  CHECK(text_at(nested(15)) == "x");
  CHECK(text_at(nested(16)) == "(none)");
  CHECK(text_at(nested(10'000)) == "(none)");
}
