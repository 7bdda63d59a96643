"""The page of loans: who needs help, whom to lend, before and after, and every loan that is going on.

Forms alone: the same form shows the effect ("show") and lends. With htmx the effect follows what is ticked and typed, and an act
answers with the fresh page's part: 409 when things are not as the page had them, 422 when something is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from dispatch import flow, lending, loans, moves, notices, rights, undo
from dispatch.desks import Window
from dispatch.lending import Places
from dispatch.loan_lists import loan_lists
from dispatch.models import Event, Notice
from dispatch.notices import Open
from dispatch.templatetags.worktime import date_time_local
from dispatch.views.typed import LoanForm, errors_of
from skills.models import Team, Worker

FIRST = 8  # candidates that are shown at once
LENDING = (Event.Kind.ASKED, Event.Kind.AGREED, Event.Kind.LENT)


@dataclass(frozen=True)
class Told:
    """What there is to say about an act, and what was typed for it; `events` are those to undo it by."""

    said: str = ""
    events: Sequence[int] = ()
    notice: str = ""
    status: int = 200
    typed: QueryDict | None = None  # of the form of notices
    errors: dict[str, str] = field(default_factory=dict)


NOTHING_TOLD = Told()


@dataclass(frozen=True)
class Asked:
    """What the form of loans holds: typed, or what is usual."""

    host: Team | None = None
    chosen: tuple[str, ...] = ()
    starts_at: str = ""
    ends_at: str = ""
    reason: str = ""
    says_why: bool = False
    window: Window | None = None
    is_now: bool = True
    shows_all: bool = False
    is_opened: bool = False
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def ranked_for(self) -> str:
        """The times for which candidates are ranked, as they were typed."""
        return f"{self.starts_at}/{self.ends_at}" if self.window else ""


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@rights.only(rights.may_see_loans)
def lend(request: HttpRequest) -> HttpResponse:
    now, of = timezone.now(), lending.places()
    person = person_of(request)
    if request.method != "POST":
        return page(request, read(request.GET, of, now=now), of=of, now=now)
    asked = read(request.POST, of, now=now)
    if "show" in request.POST:
        return page(request, asked, of=of, now=now)
    if asked.host is None:
        raise Http404
    workers = _lendable(person, asked.host, asked.chosen)
    if asked.errors or not workers:
        told = Told(notice="" if workers else _("Tick at least one person."), status=422)
        return page(request, asked, of=of, now=now, told=told)
    return _lend(request, asked, workers, of=of, now=now)


@never_cache
@require_safe
@rights.only(rights.may_see_loans)
def effect(request: HttpRequest) -> HttpResponse:
    """The fragments alone: before and after, for what is ticked and typed, and who can help in the order for those times, unless
    they stand in it already. Whoever asks without a team gets the page."""
    now, of = timezone.now(), lending.places()
    asked = read(request.GET, of, now=now)
    if asked.host is None:
        return redirect("lend")
    person = person_of(request)
    is_for_others = asked.window is not None and request.GET.get("ranked_for") != asked.ranked_for
    if is_for_others or asked.is_opened:
        offered = _offered(person, asked, of=of, now=now)
        return render(request, "dispatch/_lend_effect_answer.html", {"asked": asked, **offered})
    changes = lending.changes(
        asked.host,
        of=of,
        homes=_of_whom(person, asked.host),
        own=rights.answers_for(person),
        window=_window(asked, asked.host, of=of, now=now),
        chosen=asked.chosen,
        now=now,
    )
    return render(request, "dispatch/_lend_effect.html", {"asked": asked, "changes": changes})


def _lend(request: HttpRequest, asked: Asked, workers: list[Worker], *, of: Places, now: datetime) -> HttpResponse:
    person, host = person_of(request), asked.host
    assert host is not None  # the caller looked
    assert asked.window is not None  # nothing was wrong with the form
    try:
        made = loans.lend_together(
            workers,
            to_team=host,
            starts_at=None if asked.is_now else asked.window.starts_at,
            ends_at=asked.window.ends_at,
            reason=asked.reason,
            is_agreed=lambda worker: worker.team is not None and rights.may_lend(person, worker.team),
            by=person,
            now=now,
        )
    except (flow.Refused, moves.QueueMissing) as refused:
        return page(request, asked, of=of, now=now, told=Told(notice=str(refused), status=409))
    names = ", ".join(worker.get_short_name() for worker in workers)
    agreed = sum(loan.agreed_at is not None for loan in made)
    if agreed < len(made):
        said = _("%(names)s asked for; their home or a manager agrees.") % {"names": names}
    else:
        started = all(loan.starts_at <= now for loan in made)
        said = (_("%(names)s: lent to %(team)s.") if started else _("%(names)s: will be lent to %(team)s.")) % {
            "names": names,
            "team": host,
        }
    events = undo.acts_on_loans(person, kinds=LENDING, number=len(made), at=now)
    return answer(request, Told(said=said, events=events), to=host)


def _lendable(person: Worker, host: Team, chosen: Sequence[str]) -> list[Worker]:
    """Those of them whom this person may lend there or ask for. Raises PermissionDenied for any other."""
    workers = list(Worker.objects.filter(username__in=chosen).select_related("team"))
    may_ask = rights.may_ask_for_people(person, host)
    if any(not may_ask and not (each.team and rights.may_lend(person, each.team)) for each in workers):
        raise PermissionDenied
    return workers


# --- What the page shows -------------------------------------------------------------------------------------------------------


def page(request: HttpRequest, asked: Asked, *, of: Places, now: datetime, told: Told = NOTHING_TOLD) -> HttpResponse:
    """The whole page, or to htmx its part and what there is to say."""
    person = person_of(request)
    teams = rights.answers_for(person)
    is_htmx = request.htmx  # type: ignore[attr-defined]
    there = notices.open_notices(now=now)
    asks = [
        each.reason for each in there if asked.host and each.team_id == asked.host.pk and each.kind == Notice.Kind.ASK
    ]
    if asks and not asked.says_why:
        asked = replace(asked, reason=asks[0])
    context = {
        "asked": asked,
        **(_offered(person, asked, of=of, now=now) if asked.host else {}),
        "asks_only": teams is not None and asked.host is not None and asked.host.pk in teams,
        "teams": list(of.teams.values()),
        "own_teams": [team for team in of.teams.values() if teams is None or team.pk in teams],
        "notices": [_notice_line(each, person, of=of) for each in there],
        "lists": loan_lists(person, of=of, teams=teams, host=asked.host.pk if asked.host else None, now=now),
        "notice_form": _notice_form(told, asked, of=of, teams=teams, now=now),
        "skills": of.skills,
        "now": _here(asked.host, person, of=of, now=now),
        "told": told,
        "undo_url": _about(reverse("lend_undo"), asked.host),
    }
    template = "dispatch/_lend_answer.html" if is_htmx else "dispatch/lend.html"
    return render(request, template, context, status=told.status)


def answer(request: HttpRequest, told: Told, *, to: Team | None) -> HttpResponse:
    """After an act: the fresh part to htmx, and the page to a plain form, both with how to undo it."""
    now, of = timezone.now(), lending.places()
    if request.htmx:  # type: ignore[attr-defined]
        return page(request, fresh(to, of, now=now), of=of, now=now, told=told)
    messages.success(request, told.said, extra_tags=" ".join(map(str, told.events)))
    response = redirect(_about(reverse("lend"), to))
    response.status_code = 303
    return response


def _about(address: str, host: Team | None) -> str:
    return f"{address}?{urlencode({'to': host.slug})}" if host else address


def fresh(host: Team | None, of: Places, *, now: datetime) -> Asked:
    """The form as it is when nothing was typed yet."""
    query = QueryDict(mutable=True)
    if host:
        query["to"] = host.slug
    return read(query, of, now=now)


def read(data: QueryDict, of: Places, *, now: datetime) -> Asked:
    """What is asked for; what nobody typed is as usual. 404 for a team that is not there."""
    slug = data.get("to", "")
    host = next((team for team in of.teams.values() if team.slug == slug), None)
    if host is None:
        if slug:
            raise Http404
        return Asked()
    zone = ZoneInfo(of.zone(host.pk))
    chosen = tuple(dict.fromkeys(data.getlist("worker")[: lending.LOOKED_AT]))
    usual_start, usual_end = lending.usual_window(of.calendar(host.pk), now=now)
    usual = {
        "starts_at": date_time_local(usual_start.astimezone(zone)) if usual_start else "",
        "ends_at": date_time_local(usual_end.astimezone(zone)),
        "reason": _("More came in than usual"),
    }
    typed = {name: data.get(name, text) for name, text in usual.items()}
    with timezone.override(zone):
        form = LoanForm(typed)
        form.is_valid()
    starts_at, ends_at = form.cleaned_data.get("starts_at"), form.cleaned_data.get("ends_at")
    is_now = starts_at is None or starts_at <= now
    is_opened = data.get("show") == "all"
    asked = Asked(
        host,
        chosen,
        starts_at=typed["starts_at"],
        ends_at=typed["ends_at"],
        reason=typed["reason"],
        says_why="reason" in data,
        is_now=is_now,
        shows_all="all" in data or is_opened,
        is_opened=is_opened,
        errors=errors_of(form),
    )
    if "starts_at" in asked.errors or "ends_at" in asked.errors or ends_at is None:
        return asked
    return replace(asked, window=Window(max(starts_at or now, now), ends_at))


def _offered(person: Worker, asked: Asked, *, of: Places, now: datetime) -> dict[str, object]:
    """Whom to lend, and what that would change: the first of them and whoever is chosen, or all where they were asked for."""
    assert asked.host is not None  # the caller looked
    offer = lending.offer(
        asked.host,
        of=of,
        homes=_of_whom(person, asked.host),
        own=rights.answers_for(person),
        window=_window(asked, asked.host, of=of, now=now),
        chosen=asked.chosen,
        now=now,
    )
    first = [line for place, line in enumerate(offer.lines) if place < FIRST or line.username in asked.chosen]
    shown = offer.lines if asked.shows_all else first
    return {
        "offer": offer,
        "changes": offer.changes,
        "shown": shown,
        "more": len(offer.lines) - len(shown),
        "opened_at": FIRST + 1 if asked.is_opened else None,
    }


def _of_whom(person: Worker, host: Team) -> frozenset[int] | None:
    """The teams whose people are shown for this host, None for all: of others than their own who leads the host."""
    teams = rights.answers_for(person)
    return None if teams is None or host.pk in teams else teams


def _window(asked: Asked, host: Team, *, of: Places, now: datetime) -> Window:
    """What was asked for; else what is usual."""
    usual_start, usual_end = lending.usual_window(of.calendar(host.pk), now=now)
    return asked.window or Window(usual_start or now, usual_end)


@dataclass(frozen=True)
class NoticeLine:
    """A notice; `until` is in the zone of its team."""

    notice: Open
    team: Team
    people: str
    until: datetime
    is_mine: bool


def _notice_line(notice: Open, person: Worker, *, of: Places) -> NoticeLine:
    team = of.teams[notice.team_id]
    return NoticeLine(
        notice,
        team,
        ngettext("%(number)d person", "%(number)d people", notice.people) % {"number": notice.people},
        notice.until.astimezone(ZoneInfo(of.zone(notice.team_id))),
        rights.may_speak_for(person, team),
    )


def _notice_form(
    told: Told, asked: Asked, *, of: Places, teams: frozenset[int] | None, now: datetime
) -> dict[str, object]:
    """What the form of notices holds."""
    if told.typed is not None:
        return {name: told.typed.get(name, "") for name in ("team", "kind", "people", "skill", "until", "reason")}
    own = [team for team in of.teams.values() if teams is None or team.pk in teams]
    team = asked.host if asked.host in own else (own[0] if own else None)
    _start, until = lending.usual_window(of.calendar(team.pk) if team else None, now=now)
    zone = ZoneInfo(of.zone(team.pk) if team else "UTC")
    return {
        "team": team.slug if team else "",
        "kind": "ask",
        "people": 1,
        "until": date_time_local(until.astimezone(zone)),
    }


def _here(host: Team | None, person: Worker, *, of: Places, now: datetime) -> datetime:
    """Now, where the host is, else where the person's own team is."""
    team = host or next(iter(person.leads.all()), None)
    return now.astimezone(ZoneInfo(of.zone(team.pk) if team else (of.usual.zone if of.usual else "UTC")))


def person_of(request: HttpRequest) -> Worker:
    assert isinstance(request.user, Worker)  # `rights.only` let nobody else in
    prefetch_related_objects([request.user], "leads")  # the rules ask for them again and again
    return request.user
