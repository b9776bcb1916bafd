// -w of lists: what is printed again, and what is not.
#include "enforcerctl/list_watch.h"

#include <doctest/doctest.h>

#include "captured_terminal.h"

using namespace enforcer;
using namespace enforcer::ctl;
using namespace enforcer::ctl::testing;

namespace {

using Changed = std::vector<std::size_t>;
using Gone = std::vector<std::string>;

/// A list that says one text after the other, and what of it -w printed.
struct Watched {
  std::vector<std::string> texts;
  Ran watch(CommonOptions common = {}) {
    CapturedTerminal terminal;
    Tool tool(terminal);
    tool.common = std::move(common);
    std::size_t turn = 0;
    Ran ran;
    ran.status = static_cast<int>(print_changes(
        tool,
        [&](Tool& inner) {
          if (texts[turn].starts_with('!')) return inner.report({Errc::kUnavailable, texts[turn].substr(1)});
          inner.terminal().out(texts[turn]);
          return ExitCode::kOk;
        },
        [&] { return ++turn < texts.size(); }));
    ran.out = std::move(terminal.said);
    ran.err = std::move(terminal.talked);
    return ran;
  }
};

}  // namespace

TEST_CASE("rows_are_told_by_their_name_and_compared_without_their_blanks") {
  ListRows rows;
  CHECK(rows.take("KIND NAME", {"Policy  a  1", "Policy  b  1"}).changed == Changed{0, 1});
  CHECK(rows.take("KIND NAME", {"Policy   a   1", "Policy  b  2"}).changed == Changed{1});
  const auto fewer = rows.take("KIND NAME", {"Policy  b  2"});
  CHECK(fewer.changed.empty());
  CHECK(fewer.gone == Gone{"a"});
  const auto other = rows.take("KIND NAME", {"Guardrail  b  2", "Policy  b  2"});
  CHECK(other.changed == Changed{0});
  CHECK(other.gone.empty());
  ListRows names;
  CHECK(names.take("", {"a", "b"}).changed == Changed{0, 1});
  CHECK(names.take("", {"b"}).gone == Gone{"a"});
  CHECK(names.take("", {}).gone == Gone{"b"});
}

TEST_CASE("watching_prints_the_header_once_and_rows_when_they_change") {
  Watched list{{"NAME  STATE\na     booting\n", "NAME  STATE\na     booting\n",
                "NAME  STATE\na     running\nbb    booting\n", "NAME  STATE\nbb    booting\n"}};
  const Ran ran = list.watch();
  CHECK(ran.status == 0);
  CHECK(ran.out == "NAME  STATE\na     booting\na     running\nbb    booting\n");
  CHECK(ran.err == "gone: a\n");
  CHECK(list.watch({.headers = Headers::kHide}).out == "a     booting\na     running\nbb    booting\n");
  Watched names{{"a\n", "a\nb\n"}};
  CHECK(names.watch({.output = Output::kName}).out == "a\nb\n");
}

TEST_CASE("watching_prints_a_whole_document_when_it_changes") {
  Watched list{{"{1}\n", "{1}\n", "{2}\n"}};
  const Ran ran = list.watch({.output = Output::kJson});
  CHECK(ran.out == "{1}\n{2}\n");
  CHECK(ran.err.empty());
}

TEST_CASE("watching_fails_as_the_list_does_at_first_and_goes_on_later") {
  Watched refused{{"!nobody answers", "NAME\na\n"}};
  const Ran at_once = refused.watch();
  CHECK(at_once.status == 1);
  CHECK(at_once.err == "enforcerctl: nobody answers\n");
  CHECK(at_once.out.empty());
  Watched restarted{{"NAME\na\n", "!nobody answers", "!nobody answers", "NAME\na\n", "NAME\na\nb\n"}};
  const Ran later = restarted.watch();
  CHECK(later.status == 0);
  CHECK(later.out == "NAME\na\nb\n");
  CHECK(later.err == "enforcerctl: nobody answers\n");
}

TEST_CASE("ages_alone_are_no_change") {
  CapturedTerminal terminal;
  const Tool tool(terminal);
  int turns = 0;
  const WallClock::time_point begin = WallClock::now();
  const ShowList show = [&](Tool& inner) {
    inner.terminal().out("NAME  AGE\na     " + std::to_string((inner.now() - begin).count()) + "\n");
    return ExitCode::kOk;
  };
  CHECK(print_changes(tool, show, [&] { return ++turns < 5; }) == ExitCode::kOk);
  CHECK(std::ranges::count(terminal.said, '\n') == 2);
}
