"""How a command shows what an import found: on the terminal in short, in a file in full."""

import csv
import sys
from argparse import ArgumentParser, ArgumentTypeError, BooleanOptionalAction
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.core.management.base import CommandError, OutputWrapper
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from dispatch.intake import Progress
from dispatch.tables import Problem
from skills.models import Team

MOST_SHOWN = 50


def add_arguments(parser: ArgumentParser) -> None:
    """What every import takes."""
    parser.add_argument(
        "path", type=Path, metavar="PATH", help="a CSV file of any delimiter, or a workbook (xlsx, xls, ods)"
    )
    parser.add_argument("--dry-run", action="store_true", help="check everything and write nothing")
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        type=_pair,
        metavar="COLUMN=FIELD",
        dest="named",
        help="which column holds a field, if it is named otherwise",
    )
    parser.add_argument("--errors", type=Path, metavar="PATH", help="write every error as CSV (line, column, message)")


def _pair(text: str) -> tuple[str, str]:
    column, equals, field = text.rpartition("=")
    if not equals or not column or not field:
        raise ArgumentTypeError("write COLUMN=FIELD, such as dossier=reference")
    return column, field


def team_at(slug: str) -> Team:
    team = Team.objects.filter(slug=slug).first()
    if team is None:
        known = ", ".join(Team.objects.values_list("slug", flat=True)) or _("none yet")
        raise CommandError(_("There is no team %(slug)s. Known: %(known)s.") % {"slug": slug, "known": known})
    return team


def show(problems: Sequence[Problem], *, notices: Iterable[str], to: OutputWrapper, errors: Path | None) -> None:
    """Notices, and the first fifty kinds of problems with the lines they are on; all of them into `errors` as CSV."""
    for notice in notices:
        to.write(notice)
    alike: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for problem in problems:
        alike[problem.column, problem.message].append(problem.line)
    for (column, message), lines in list(alike.items())[:MOST_SHOWN]:
        place = _("line %(line)s") % {"line": lines[0]}
        more = ngettext(" and %(number)s more line", " and %(number)s more lines", len(lines) - 1)
        others = more % {"number": f"{len(lines) - 1:,}"} if len(lines) > 1 else ""
        to.write(f"{place}{others}{', ' if column else ''}{column}: {message}")
    hidden = sum(len(lines) for lines in list(alike.values())[MOST_SHOWN:])
    if hidden:
        more = ngettext(
            "… and %(number)s more error. See them all with --errors PATH.",
            "… and %(number)s more errors. See them all with --errors PATH.",
            hidden,
        )
        to.write(more % {"number": f"{hidden:,}"})
    if errors is not None:
        with errors.open("w", encoding="utf-8-sig", newline="") as file:
            csv.writer(file).writerow(["line", "column", "message"])
            csv.writer(file).writerows((problem.line, problem.column, problem.message) for problem in problems)


def counted_notices(notices: Sequence[str]) -> str:
    return ngettext("%(number)d notice", "%(number)d notices", len(notices)) % {"number": len(notices)}


def close(to: OutputWrapper, *, problems: Sequence[Problem], dry_run: bool) -> None:
    """The last word. Raises CommandError (exit code 1) where rows have to be corrected first."""
    if problems:
        raise CommandError(_("Nothing was written. Correct these rows and import again."))
    if dry_run:
        to.write(_("Nothing was written: this was a dry run."))


def add_progress_argument(parser: ArgumentParser) -> None:
    help = "show a progress bar; without a word, only on a terminal"
    parser.add_argument("--progress", action=BooleanOptionalAction, default=None, help=help)


@contextmanager
def progress_bar(wanted: bool | None) -> Iterator[Progress]:
    """A bar on standard error. A log file gets none unless it asks for one."""
    shown = sys.stderr.isatty() if wanted is None else wanted
    with tqdm(
        file=sys.stderr, unit=" rows", unit_scale=False, disable=not shown, leave=False, dynamic_ncols=True
    ) as bar:

        def progress(what: str, done: int, rows: int) -> None:
            bar.total = rows
            bar.set_description(what, refresh=False)
            bar.update(done - bar.n)
            bar.refresh()

        yield progress
