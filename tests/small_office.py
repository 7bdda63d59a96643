"""Fixtures of a small office, for a conftest to take from, which is loaded before Django is: what is made is imported when it is
asked for."""

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from dispatch.models import FileType
    from skills.models import Team, Worker


@pytest.fixture
def team(db: None) -> "Team":
    from tests import office

    return office.team()


@pytest.fixture
def claim(team: "Team") -> "FileType":
    from tests import office

    return office.file_type("Claim", team)


@pytest.fixture
def amir(db: None) -> "Worker":
    from tests import office

    return office.person("Amir", "assistant")


@pytest.fixture
def ada(team: "Team") -> "Worker":
    from tests import office

    return office.worker("Ada", team)


@pytest.fixture
def lea(team: "Team") -> "Worker":
    from tests import office

    return office.person("Lea", "leader", leads=team)
