"""What happens by itself: absences begin, files wake, and slots that a lost wake-up left empty are filled."""

from django.utils import timezone

from dispatch import absences, shelf
from dispatch.refill import hungry_teams, refill


def sweep() -> int:
    """Heal what was missed; the number of slots filled. The schedule runs it every few seconds, and twice at once is harmless."""
    now = timezone.now()
    absences.begin_due(now=now)
    shelf.rouse_due(now=now)
    return sum(refill(team_id, cause="sweep") for team_id in hungry_teams(now=now))
