"""The boards of teams: for everybody signed in, and as a wall screen for whoever holds its secret."""

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from dispatch import andon, frames, reminders, rights
from dispatch.boards import board_of
from dispatch.help_wanted import HelpWanted, open_calls
from dispatch.models import Queue
from dispatch.reminders import Reminder
from dispatch.views import front_office
from skills.models import Team, Worker, short_name


class BinOf(NamedTuple):
    """Whose bin their leader may open, and where."""

    address: str
    name: str
    is_present: bool


@dataclass(frozen=True)
class Acts:
    """What one person may do from a team's board: help calls to answer and end and, as its leader, bins to look after."""

    now: datetime
    calls: tuple[HelpWanted, ...]  # all open ones of the team
    mine: set[int]  # those that this person may answer and end
    bins: tuple[BinOf, ...]  # to look after
    causes: list[str]
    recurring: dict[str, int]  # causes that came back, with how often, for whoever leads the team
    certificates: tuple[Reminder, ...]  # that end soon or have ended, for them, too

    @property
    def first(self) -> int | None:
        """The oldest call that nobody has come to yet: the one to answer with a key."""
        return next((call.call_id for call in self.calls if call.call_id in self.mine and not call.came), None)


@dataclass(frozen=True)
class Told:
    """What there is to say about an act, and what was typed for it."""

    said: str = ""
    event: int | None = None
    notice: str = ""
    status: int = 200
    call_id: int | None = None
    cause: str = ""


NOTHING_TOLD = Told()
QUEUES = Queue.objects.select_related("team", "calendar__current")


@login_not_required  # the secret of the wall link stands for a sign-in; without one, the rule below holds
@never_cache
@require_safe
def board(request: HttpRequest, team: str) -> HttpResponseBase:
    secret = request.GET.get("wall")
    queue = QUEUES.filter(team__slug=team).first()
    if secret is not None:
        if queue is None or not rights.opens_wall(queue, secret):
            raise Http404
        return _page(request, queue, wall=secret)
    if not isinstance(request.user, Worker):
        return redirect_to_login(request.get_full_path())
    if not rights.may_see_boards(request.user):
        raise PermissionDenied
    return _page(request, queue) if queue else _missing(request, get_object_or_404(Team, slug=team))


def page(request: HttpRequest, team: Team, *, told: Told) -> HttpResponse:
    """The board's page with what there is to say about an act on it."""
    queue = QUEUES.filter(team=team).first()
    return _page(request, queue, told=told) if queue else _missing(request, team)


def _missing(request: HttpRequest, team: Team) -> HttpResponse:
    if team.is_front_office:
        return front_office.page(request, team)
    return render(request, "dispatch/board_missing.html", {"team": team})


def _page(request: HttpRequest, queue: Queue, *, wall: str = "", told: Told = NOTHING_TOLD) -> HttpResponse:
    """The whole board, and under it what this person may do from here."""
    person = request.user if isinstance(request.user, Worker) and not wall else None
    team = queue.team
    board = board_of(queue, now=timezone.now())
    context = {
        **frames.board_context(board),
        "wall": wall,
        "stream_url": with_words(
            f"/live/board/{team.slug}/", lang=get_language(), seen=frames.mark_of(board), wall=wall
        ),
        "acts": _acts(person, queue, calls=board.help_calls, now=board.now) if person else None,
        "wall_url": _wall_url(person, queue) if person else "",
        "team": team,
        "told": told,
    }
    return render(request, "dispatch/board.html", context, status=told.status)


def acts_of(person: Worker, team: Team) -> Acts | None:
    """None for whoever is never called here: they need not even ask."""
    queue = QUEUES.filter(team=team).first()
    if queue is None:
        return None
    now = timezone.now().astimezone(ZoneInfo(queue.calendar.hours().zone))
    return _acts(person, queue, calls=open_calls(team.pk, now=now), now=now)


def _acts(person: Worker, queue: Queue, *, calls: tuple[HelpWanted, ...], now: datetime) -> Acts | None:
    team = queue.team
    prefetch_related_objects([person], "leads")  # the rules below ask for them again and again
    if not rights.may_be_called(person, team):
        return None
    mine = set(rights.calls_for(person, team).filter(ended_at=None).values_list("pk", flat=True)) if calls else set()
    causes = andon.recent_causes(team.pk) if mine else []
    if not rights.leads(person, team):
        return Acts(now, calls, mine, (), causes, {}, ())
    recurring = andon.recurring_causes(queue, now=now)
    return Acts(now, calls, mine, _bins(team), causes, recurring, reminders.certificates(team, now=now))


def _bins(team: Team) -> tuple[BinOf, ...]:
    people = Worker.objects.filter(team=team, is_active=True, bin__isnull=False)
    return tuple(
        BinOf(reverse("bin_of", args=[team.slug, username]), short_name(name or username), is_present)
        for username, name, is_present in people.values_list("username", "name", "is_present")
    )


def _wall_url(person: Worker, queue: Queue) -> str:
    """Empty for whoever may not hand it out."""
    if not rights.may_share_wall(person, queue.team):
        return ""
    return with_words(reverse("board", args=[queue.team.slug]), wall=queue.wall_secret)


def with_words(path: str, **words: str | None) -> str:
    """An address with these in it, but for empty ones."""
    query = QueryDict(mutable=True)
    query.update({name: word for name, word in words.items() if word})
    return f"{path}?{query.urlencode()}"
