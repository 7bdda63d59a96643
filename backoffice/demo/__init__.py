"""The demo office: three teams and thirty people with six weeks behind them, at work right now, whenever that is.

`place` finds where on earth it is a working morning, `cast` names everybody, `office` sets them up, `outside` and `story` say
what comes in and who is away, `past` plays it through by the rules of dispatch, `books` writes it down, and
`loans` says who helps whom.
"""

from dataclasses import dataclass
from datetime import datetime
from random import Random
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from backoffice.demo import books, loans
from backoffice.demo.office import open_office
from backoffice.demo.past import Past
from backoffice.demo.place import calendar_for
from backoffice.demo.story import SIX_WEEKS, tell
from dispatch.models import Customer, WorkCalendar
from skills.models import Skill, Team, Worker

SEED = 1
SIGN_INS = ("assistant", "worker", "leader", "manager", "admin")


class NotEmpty(Exception):
    """There is an office in this database already."""


@dataclass(frozen=True)
class Made:
    """What was written. `now` is in the office's time zone."""

    teams: int
    people: int
    files: int
    place: str
    now: datetime


def make(*, now: datetime, seed: int = SEED) -> Made:
    """Make the demo office in an empty database, all of it or nothing. The same seed and instant make the same office.

    Raises NotEmpty where there are teams, people, skills, customers or calendars; nothing is changed then.
    """
    with transaction.atomic():
        _insist_on_empty()
        calendar = calendar_for(now)
        office = open_office(calendar, since=now - SIX_WEEKS)
        rng = Random(seed)  # noqa: S311  a story, no secret
        past = Past(office, tell(office, now=now, rng=rng), now=now, rng=rng)
        books.write(office, past)
        loans.lend(office, now=now)
    return Made(
        teams=len(office.teams),
        people=len(office.people),
        files=len(past.files),
        place=calendar.name,
        now=now.astimezone(ZoneInfo(calendar.current.zone)),
    )


def _insist_on_empty() -> None:
    """The lock makes a second demo, started at the same time, wait for the first and then see it."""
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE skills_team IN EXCLUSIVE MODE")
    found = [
        f"{number:,} {model._meta.verbose_name_plural if number > 1 else model._meta.verbose_name}"
        for model in (Team, Worker, Skill, Customer, WorkCalendar)
        if (number := model.objects.count())
    ]
    if found:
        raise NotEmpty(
            f"The demo office needs an empty database, and this one has {', '.join(found)}. Nothing was changed. "
            "Set THREESLOT_VAR to a new folder (or DATABASE_URL to another database) and run it again."
        )
