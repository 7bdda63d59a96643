"""The feed of events."""

from collections.abc import Collection
from functools import partial
from typing import Annotated

from django.http import HttpRequest
from django.utils.translation import gettext as _
from ninja import Query, Router

from dispatch import feed, rights
from dispatch.api import cursors
from dispatch.api.door import call, person
from dispatch.api.problems import invalid
from dispatch.api.shapes import Feed, FeedEvent
from dispatch.api.values import Cursor, KindName, Slug, Whole
from dispatch.feed import Place
from dispatch.models import Scope
from skills.models import Team

LONGEST_WAIT = 25  # seconds

router = Router(tags=["Events"])


@call(
    router,
    "GET",
    "/events",
    scope=Scope.READ,
    rule=rights.may_see_files,
    gives={200: Feed},
    summary="Follow what happens",
)
def list_events(
    request: HttpRequest,
    after: Annotated[Cursor | None, Query(description="The `next_cursor` of the page before.")] = None,
    limit: Whole = Query(100, ge=1, le=1000),
    team: Annotated[list[Slug] | None, Query(max_length=50, description="Only of these teams.")] = None,
    kind: Annotated[list[KindName] | None, Query(max_length=50, description="Only of these kinds.")] = None,
    wait: Whole = Query(0, ge=0, le=LONGEST_WAIT, description="Seconds to wait for something, at most."),
) -> Feed:
    """Without `after` from the very beginning. Ask again with `next_cursor`, for ever: none is skipped and none comes twice. A page
    may be empty though there is more after it, when few are of the team and kind: go on until `next_cursor` stays the same."""
    place = Place(*cursors.read(after, parts=2, name="after"))
    look = partial(
        feed.page, limit=limit, reader=person(request), teams=_teams(team) if team else None, kinds=kind or None
    )
    found = feed.awaited(lambda place: look(after=place), after=place, seconds=wait)
    return Feed(
        items=[FeedEvent(**vars(each)) for each in found.events],
        next_cursor=cursors.write(found.end.transaction, found.end.id) if found.end != feed.BEGINNING else "",
    )


def _teams(slugs: Collection[str]) -> list[int]:
    known = dict(Team.objects.filter(slug__in=slugs).values_list("slug", "pk"))
    for slug in slugs:
        if slug not in known:
            raise invalid("team", _("There is no team %(team)s.") % {"team": slug})
    return list(known.values())
