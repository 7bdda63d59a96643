"""An office with two web processes and two RQ workers, in which things get killed."""

from collections.abc import Iterator

import pytest

from tests.servers import Run, running


@pytest.fixture(scope="package")
def run() -> Iterator[Run]:
    with running(WEB_CONCURRENCY="2", RQ_WORKERS="2", THREESLOT_WEBHOOKS_MAY_REACH="127.0.0.0/8") as run:
        run.said("ready")
        yield run


@pytest.fixture
def at_hand(run: Run, django_db_blocker: object) -> Iterator[Run]:
    """The office, whole again, its data within reach of the test."""
    run.until(lambda: run.states()[0] == 200)
    with django_db_blocker.unblock(), run.at_hand():
        yield run
