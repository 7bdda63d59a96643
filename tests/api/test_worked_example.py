"""The commands of `docs/api.md` are run as they stand there, and answer what stands there."""

import json
import os
import re
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from dispatch import deliveries, flow, webhooks
from skills.models import Role
from tests import office
from tests.api.client import secret_of
from tests.webhooks.receiver import Receiver

DOCUMENT = Path(settings.BASE_DIR) / "docs" / "api.md"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
DIFFERS = {
    "id",
    "at",
    "timestamp",
    "received_at",
    "due_at",
    "filled_at",
    "event",
    "next_cursor",
}  # from one day to another


@pytest.fixture
def receiver(settings: Any) -> Iterator[Receiver]:
    settings.WEBHOOKS_MAY_REACH = [ip_network("127.0.0.0/8")]
    made = Receiver().start()
    yield made
    made.stop()


@pytest.mark.django_db(transaction=True)
def test_a_morning_with_curl(live_server: LiveServer, receiver: Receiver, tmp_path: Path):
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
    hub = webhooks.Wanted("Hub", receiver.address, teams=[team.pk], kinds=["logged"])
    webhook, environment["SECRET"] = webhooks.make(hub, owner=people["leader"], now=timezone.now())
    before, blocks = "", BLOCK.findall(DOCUMENT.read_text())
    for (kind, text), (following, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if kind == "sh":
            deliveries.serve(webhook.pk, until=float("inf"))
            environment |= _received(receiver, tmp_path)
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


def _received(receiver: Receiver, folder: Path) -> dict[str, str]:
    """The first message, left where the document says."""
    for got in receiver.got[:1]:
        (folder / "message.json").write_bytes(got.raw)
        return {name: got.headers[f"webhook-{name.lower()}"] for name in ("ID", "TIMESTAMP", "SIGNATURE")}
    return {}


def alike(told: object) -> object:
    """Without what is another on another day."""
    if isinstance(told, dict):
        return {name: (value is None if name in DIFFERS else alike(value)) for name, value in told.items()}
    return [alike(each) for each in told] if isinstance(told, list) else told
