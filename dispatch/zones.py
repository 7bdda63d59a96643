"""Time zones: those one can choose from, and whose a person's own lists are told in."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from dispatch.models import Queue
from skills.models import Worker

UTC = "UTC"


@cache
def places() -> tuple[str, ...]:
    """The zones of places, and UTC; the other names are synonyms."""
    return tuple(name for name in sorted(available_timezones()) if name == UTC or _is_place(name))


def _is_place(name: str) -> bool:
    return "/" in name and not name.startswith(("Etc/", "SystemV/", "US/", "posix/", "right/"))


def of_team(team_id: int | None) -> str:
    """That of the team's calendar; UTC without a team or a calendar."""
    name = Queue.objects.filter(team=team_id).values_list("calendar__current__zone", flat=True).first()
    return name or UTC


def own(person: Worker) -> ZoneInfo:
    """What this person chose, otherwise the zone of their team."""
    return ZoneInfo(person.zone or of_team(person.team_id))
