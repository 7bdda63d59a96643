"""The commands of `docs/api.md` are run as they stand there, and answer what stands there."""

import json
import os
import re
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from dispatch import flow
from skills.models import Role
from tests import office
from tests.api.client import secret_of

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "api.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIFFERS = {"id", "at", "received_at", "due_at", "filled_at", "event", "next_cursor"}  # from one day to another


@pytest.mark.django_db(transaction=True)
def test_a_morning_with_curl(live_server: LiveServer, tmp_path: Path):
    team = office.team("International settlements")
    office.team("Claims")
    query = office.file_type("Payment query", team, checklist=("Answered in writing",))
    type(query).objects.filter(pk=query.pk).update(slug="payment-query")
    people = {
        "assistant": office.person("assistant", Role.ASSISTANT),
        "worker": office.worker("worker", team),
        "leader": office.person("leader", Role.LEADER, leads=team),
    }
    flow.away(people["worker"], by=people["worker"], now=office.NOW)
    environment = {"PATH": os.environ["PATH"], "BASE": live_server.url}
    environment |= {name.upper(): secret_of(person) for name, person in people.items()}
    environment["UNTIL"] = (timezone.now() + timedelta(hours=8)).isoformat()
    before, blocks = "", BLOCK.findall(DOCUMENT.read_text())
    for (kind, text), (following, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "sh":
            done = subprocess.run(
                ["bash", "-e", "-c", before + text], env=environment, cwd=tmp_path, capture_output=True, text=True
            )
            assert done.returncode == 0, done.stderr
            before += text if text.startswith("office()") else ""
            if following == "json":
                assert alike(json.loads(done.stdout)) == alike(json.loads(answer)), text
    kept = {path.stem: json.loads(path.read_text()) for path in tmp_path.glob("*.json")}
    assert {name for name, told in kept.items() if "status" in told} == set(), kept
    assert kept["withdrawn"]["state"] == "withdrawn"
    assert kept["effect"]["to_team"]["after"]["people"] == 1


def alike(told: object) -> object:
    """Without what is another on another day."""
    if isinstance(told, dict):
        return {name: (value is None if name in DIFFERS else alike(value)) for name, value in told.items()}
    return [alike(each) for each in told] if isinstance(told, list) else told
