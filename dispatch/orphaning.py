"""Before a change leaves files that nobody can do, it is undone and they are shown: whoever asks again, confirmed, has it done."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime

from django.utils.translation import gettext as _

from dispatch import refusals
from dispatch.orphans import Orphans, added, orphans


class Orphaning(refusals.Refused):
    """Files would be done by nobody before their promise; `orphans` are they."""

    def __init__(self, new: tuple[Orphans, ...]) -> None:
        super().__init__(_("Nobody could do some files before their promise then. Nothing was saved."))
        self.orphans = new


@contextmanager
def unless_confirmed(team_ids: Collection[int], *, is_confirmed: bool, now: datetime) -> Iterator[None]:
    """What happens inside must be part of an act, which Orphaning undoes as a whole."""
    if is_confirmed:
        yield
        return
    before = orphans(team_ids, now=now)
    yield
    if new := added(before, orphans(team_ids, now=now)):
        raise Orphaning(new)
