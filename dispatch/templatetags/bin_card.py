"""A bin as a card, on the board and by itself.

Of the thirty on a board, one differs from what was drawn before when a file moves, and a minute later few do. So each card is
drawn from the very texts that stand on it, and who looks like a moment ago, in the same language, is not drawn again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from django import template
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from dispatch.cards import BinView, SlotView
from dispatch.templatetags.worktime import clock, seen_from, worktime

KEPT = 2048  # cards of a kilobyte

register = template.Library()


@dataclass(frozen=True)
class Drawn:
    """All that the card of a bin says, and the language that its template says the rest in."""

    language: str
    id: int
    look: str
    initials: str
    label: str
    alarm: str
    notes: tuple[str, ...]
    slots: tuple["DrawnSlot", ...]


@dataclass(frozen=True)
class DrawnSlot:
    position: int
    look: str
    reference: str
    time: str
    file_type: str
    needs: str
    in_hand: bool
    is_aged: bool
    is_ageing: bool
    is_stuck: bool
    expedite: bool


@register.simple_tag
def bin_card(shown: BinView, now: datetime) -> SafeString:
    return _card(
        Drawn(
            language=get_language() or "",
            id=shown.worker_id,
            look=" is-clogged" if shown.is_clogged else "" if shown.is_present else " is-away",
            initials=shown.initials,
            label=shown.label,
            alarm=_alarm(shown.clogged_for),
            notes=shown.notes if shown.is_present or shown.is_clogged else (_away(shown, now), *shown.notes),
            slots=tuple(_slot(slot) for slot in shown.slots),
        )
    )


@lru_cache(KEPT)
def _card(drawn: Drawn) -> SafeString:
    return render_to_string("dispatch/_bin_card.html", {"bin": drawn})


def _alarm(clogged_for: timedelta | None) -> str:
    if clogged_for is None:
        return ""
    if clogged_for < timedelta(minutes=1):
        return _("clogged, help is called")
    return _("clogged %(time)s") % {"time": worktime(clogged_for)}


def _away(shown: BinView, now: datetime) -> str:
    if shown.is_back_today:
        return _("away until %(time)s") % {"time": clock(shown.away_until)}
    return _("away until %(day)s") % {"day": seen_from(shown.away_until, now)} if shown.away_until else _("away")


def _slot(slot: SlotView) -> DrawnSlot:
    looks = {
        "is-in-hand": slot.in_hand,
        "is-stuck": slot.stuck_for is not None,
        "is-aged": slot.is_aged,
        "is-ageing": slot.is_ageing,
        "is-beyond": slot.is_beyond,
        "is-empty": not slot.reference,
    }
    return DrawnSlot(
        position=slot.position,
        look="".join(f" {look}" for look, is_so in looks.items() if is_so),
        reference=slot.reference,
        time=worktime(slot.age),
        file_type=slot.file_type,
        needs=slot.needs,
        in_hand=slot.in_hand,
        is_aged=slot.is_aged,
        is_ageing=slot.is_ageing,
        is_stuck=slot.stuck_for is not None,
        expedite=slot.expedite,
    )
