"""What an open page shows, drawn once and sent to all who watch the same: boards of teams and of the office in a language, bins.

What a page is given and what the stream sends come from here, so that they are one.
"""

from dataclasses import dataclass
from datetime import datetime

from django.contrib.staticfiles.storage import staticfiles_storage
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext as _

from dispatch import boards, moves
from dispatch.office import Office, office
from skills.models import Team

RENDER_EVERY = 30  # seconds after which an unchanged board is rendered again
OFFICE = 0  # stands for all teams together

VERSIONS = """
SELECT team_id, version FROM dispatch_queue WHERE team_id = ANY(%(teams)s)
UNION ALL SELECT 0, coalesce(sum(version), 0)::bigint FROM dispatch_queue WHERE 0 = ANY(%(teams)s)
"""


@dataclass(frozen=True)
class BoardTopic:
    team_id: int
    language: str


@dataclass(frozen=True)
class OfficeTopic:
    """The office board; with the way to lend people for whoever may."""

    language: str
    lends: bool
    team_id: int = OFFICE


@dataclass(frozen=True)
class BinTopic:
    team_id: int
    worker_id: int


Topic = BoardTopic | OfficeTopic | BinTopic


@dataclass(frozen=True)
class Frame:
    """What to show, as the lines of an event, and the mark by which a reader says that they have it. After the last one the stream
    ends, and the reader connects anew."""

    mark: str
    lines: bytes
    is_last: bool = False

    @property
    def event(self) -> bytes:
        return b"id: %s\n%s\n" % (self.mark.encode(), self.lines)


def versions(team_ids: set[int]) -> dict[int, int]:
    """By team, and by OFFICE if that is asked for: another one as soon as anything was done. One statement."""
    return dict(moves.rows(VERSIONS, {"teams": list(team_ids)}))


def build() -> str:
    """Another one with every change of a static file, so that a page of an older build can load itself anew."""
    return getattr(staticfiles_storage, "manifest_hash", "")


def period_of(at: datetime) -> int:
    return int(at.timestamp()) // RENDER_EVERY


def mark_of(board: boards.Board | Office) -> str:
    """Boards with one mark show the same."""
    return f"{build()}-{board.version}-{period_of(board.now)}"


def board_context(board: boards.Board) -> dict[str, object]:
    """What the board's partial is given, in the page and in the stream alike."""
    return {"board": board, "build": build()}


def office_context(office: Office, *, lends: bool) -> dict[str, object]:
    """What the office's partial is given, in the page and in the stream alike."""
    return {"office": office, "heads": _heads(), "lend": reverse("lend") if lends else "", "build": build()}


def _heads() -> dict[str, str]:
    """What the columns are called: in the head of the table, and on a phone beside every number."""
    return {
        "in_today": _("In today"),
        "waiting": _("Waiting"),
        "to_go": _("To go today"),
        "oldest": _("Oldest"),
        "free": _("Free hands"),
        "stuck": _("Stuck"),
        "orphans": _("Orphans"),
        "loans": _("Loans"),
    }


def render(topic: BoardTopic | OfficeTopic, *, now: datetime) -> tuple[int, Frame]:
    """The version that was drawn, and the drawing."""
    with translation.override(topic.language):
        if isinstance(topic, OfficeTopic):
            every = office(now=now)
            return _framed(every, "dispatch/_office_frame.html", office_context(every, lends=topic.lends))
        board = boards.team_board(Team.objects.get(pk=topic.team_id), now=now)
        return _framed(board, "dispatch/_board_frame.html", board_context(board))


def _framed(board: boards.Board | Office, template: str, context: dict[str, object]) -> tuple[int, Frame]:
    html = render_to_string(template, context)
    lines = "".join(f"data: {line}\n" for line in map(str.strip, html.splitlines()) if line)
    return board.version, Frame(mark_of(board), lines.encode())
