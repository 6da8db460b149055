"""The workflow, as far as it can be checked without the service that runs it."""

import re
from pathlib import Path

import yaml

WORKFLOW = Path(__file__).parent.parent.parent / ".github" / "workflows" / "ci.yml"
TEXT = WORKFLOW.read_text()


def test_it_may_only_read_and_each_action_has_a_version() -> None:
    workflow = yaml.safe_load(TEXT)
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    used = [step["uses"] for step in steps if "uses" in step]

    assert workflow["permissions"] == {"contents": "read"}
    assert [job for job in workflow["jobs"].values() if "permissions" in job or "timeout-minutes" not in job] == []
    assert [each for each in used if not re.fullmatch(r"[\w-]+/[\w-]+@v\d+", each)] == []
    assert "bash .ci/run" in [step.get("run") for step in steps]
    assert "secrets." not in TEXT
