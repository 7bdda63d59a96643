"""What happens by itself: absences begin, loans start and end, pairings end, files wake, and slots that a lost wake-up left empty
are filled."""

from datetime import timedelta

from django.utils import timezone

from dispatch import absences, attachments, deliveries, importing, loans, pairings, shelf
from dispatch.models import Tally
from dispatch.refill import hungry_teams, refill


def sweep() -> int:
    """Heal what was missed; the number of slots filled. The schedule runs it every few seconds, and twice at once is harmless."""
    now = timezone.now()
    absences.begin_due(now=now)
    loans.run_due(now=now)
    pairings.end_due(now=now)
    shelf.rouse_due(now=now)
    importing.wake_lost(now=now)
    return sum(refill(team_id, cause="sweep") for team_id in hungry_teams(now=now))


def tidy() -> int:
    """Forget the empty tallies of promises long past, so that boards stay quick over the years, and documents, uploads and
    deliveries that nobody needs any more; the number of tallies and documents. Runs nightly."""
    now = timezone.now()
    importing.tidy(now=now)
    deliveries.tidy(now=now)
    long_past = now - timedelta(days=7)
    empty = Tally.objects.filter(kind=Tally.Kind.WAITING, count=0, quarter_at__lt=long_past).delete()[0]
    return empty + attachments.forget(now=now)
