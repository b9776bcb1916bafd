"""The quickstart with the image `agent`, whose first build downloads a Debian."""

from lib.quickstart import quickstart
from lib.runner import hang_guard

LEFT_TO_ALL = "the quickstart with an agent at work, and its image"
ALONE = "it builds where the other tests run from"

STEPS = ("git clone", "python3: ce:GetCostAndUsage", "node: DescribeStacks", "git push agent/smaller", "python3: DeleteStack",
         "node: DeleteStackSet", "curl -X DELETE control.test/...", "git push main")


@hang_guard(1800)
def test_quickstart_with_an_agent_goes_through_the_outage_with_its_tools_and_builds_its_image_once():
    for built in ("", "the guest image agent is there"):
        shown = quickstart("--agent", seconds=850)
        for step in STEPS:
            assert f"\n  {step} " in shown, f"{step} is not in\n{shown}"
        assert built in shown, f"built again:\n{shown}"
