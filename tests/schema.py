"""Whether the description of the API is true: schemathesis asks whatever it allows and what it does not, with every check it has.

    python -m tests.schema --cases 3000

starts a demo office of its own, asks as a person with all roles, and fails on a server error or an answer that is not described.
"""

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "backoffice.settings")
django.setup()

from django.utils import timezone  # noqa: E402

from dispatch import tokens  # noqa: E402
from dispatch.models import File, Scope  # noqa: E402
from skills.models import Role, Team, Worker  # noqa: E402
from tests.servers import running  # noqa: E402

CALLS = 23
# What is well formed may still be refused: by the state, by who asks, or since there is no such thing.
ACCEPTED = '["2xx", 403, 404, 409, 422]'


def ask(
    address: str,
    secret: str,
    *,
    known: Mapping[str, Sequence[str | int]],
    a_call: int,
    seed: int,
    seconds: int | None = None,
) -> subprocess.CompletedProcess[str]:
    """At most so many cases a call in each phase, besides the examples and the borders of every value. `known` are things that are
    there, by the name of the parameter."""
    with TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(_config(known))
        return subprocess.run(
            [
                Path(sys.executable).with_name("schemathesis"), "--config-file", config, "run", f"{address}/api/v1/openapi.json",
                "--header", f"Authorization: Bearer {secret}", "--max-examples", str(a_call), "--seed", str(seed),
                "--checks", "all", "--continue-on-failure", "--no-shrink", "--warnings", "off",
                # Two workers are two threads, in which ast.parse of Python 3.11 fails now and then (python/cpython#106905).
                "--workers", "1",
                "--request-timeout", "60", "--max-response-time", "30",  # the feed waits when it is told to
                *(["--max-time", str(seconds)] if seconds else []),
            ],
            capture_output=True, text=True, check=False, cwd=folder,
        )  # fmt: skip


def cases(run: subprocess.CompletedProcess[str]) -> int:
    found = re.search(r"([0-9,]+) generated", run.stdout)
    return int(found[1].replace(",", "")) if found else 0


def _config(known: Mapping[str, Sequence[str | int]]) -> str:
    values = "\n".join(f'"path.{name}" = {list(each)!r}' for name, each in known.items())
    return f"[parameters]\n{values}\n[checks]\npositive_data_acceptance.expected-statuses = {ACCEPTED}\n"


def main() -> None:
    parser = argparse.ArgumentParser(description="Ask the API whatever its description allows, and what it does not.")
    parser.add_argument("--cases", type=int, default=3000, metavar="N", help="at least so many")
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with running(THREESLOT_DEMO="1", API_CALLS_A_MINUTE="1000000") as run:
        address = run.until(lambda: run.address, seconds=300)
        with run.at_hand():
            secret, known = in_the_demo()
        done = ask(address, secret, known=known, a_call=wanted.cases // CALLS + 1, seed=wanted.seed)
    print(done.stdout)
    sys.exit(done.returncode or (0 if cases(done) >= wanted.cases else f"Only {cases(done)} cases."))


def in_the_demo() -> tuple[str, dict[str, list[str | int]]]:
    """The token of somebody who may do everything, and what there is."""
    person = Worker.objects.get(username="worker")
    Worker.objects.filter(pk=person.pk).update(roles=Role.values, is_staff=True, is_superuser=True)
    person.leads.set(Team.objects.all())
    _token, secret = tokens.make(person, name="schemathesis", scopes=Scope.values, days=1, by=None, now=timezone.now())
    references = list(File.objects.order_by("-pk").values_list("reference", flat=True)[:20])
    return secret, {"reference": references, "team": list(Team.objects.values_list("slug", flat=True))}


if __name__ == "__main__":
    main()
