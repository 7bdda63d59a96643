"""The benchmarks: `make bench`, or `python bench/run.py [--quick]`. Prints a table and writes it to bench.json in THREESLOT_VAR.

The machine is taken for moody: whatever can be is a ratio to the raw floor (see floor.py) or between two sizes, measured in turn
within the same seconds, and shown as the median of several rounds with the lowest and the highest. All happens in databases
of its own.
"""

import argparse
import json
import os
import platform
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parent.parent)

from django.db import connection  # noqa: E402
from django.utils import timezone  # noqa: E402

from backoffice import embedded  # noqa: E402
from bench import (  # noqa: E402
    RESULTS,
    arrivals,
    engine,
    floor,
    hammer,
    history,
    lookups,
    matrix,
    office,
    pages,
    places,
    rows,
    taken_away,
    tour,
)
from bench.measured import Line, Round, line, milliseconds, ratios, table  # noqa: E402
from dispatch import boards, ledger, tokens  # noqa: E402
from dispatch.models import Scope  # noqa: E402
from dispatch.refill import refill  # noqa: E402
from skills.models import Role, Worker  # noqa: E402

SMALL, LARGE, QUICK = 1_000, 1_000_000, 100_000
EVENTS_A_FILE = 10  # for each file that waits, in what is behind them
FEW, MANY = 3, 300  # teams
HAMMERED = 8_000  # files done; with all the rest more than 10,000 acts


def main() -> None:
    parser = argparse.ArgumentParser(description="The benchmarks of Threeslot.")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK:,} files instead of {LARGE:,}, fewer rounds")
    quick: bool = parser.parse_args().quick
    began = time.monotonic()
    with places.own_servers():
        bench = Bench(large=QUICK if quick else LARGE, rounds=5 if quick else 15)
        lines = bench.run()
        report = {
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": {"small": SMALL, "large": bench.large},
            "machine": {"processors": os.cpu_count(), "python": platform.python_version(), "postgresql": _version()},
            "seconds": round(time.monotonic() - began),
            "lines": [asdict(each) | {"is_met": each.is_met} for each in lines],
        }
        RESULTS.write_text(json.dumps(report, indent=1) + "\n")
        print(f"\n{table(lines)}\n\n{report['seconds']} s; written to {RESULTS}")


def _version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        return str(cursor.fetchone()[0])


class Bench:
    """What is measured, in order."""

    def __init__(self, *, large: int, rounds: int) -> None:
        self.large, self.rounds = large, rounds
        self.offices: dict[str, office.Office] = {}
        self.scenes: dict[str, tour.Scene] = {}

    def run(self) -> list[Line]:
        self._prepare()
        lines = self._done_and_refill()
        lines += self._mixed_weights()
        lines += self._blocked_head()
        lines += self._steady()
        lines += self._over_http()
        self._history()
        lines += self._boards()
        lines += self._board_page()
        lines += self._first_bytes()
        lines += self._searches()
        lines += self._exports()
        lines += self._cold_fill()
        lines += self._office()
        lines += self._matrix()
        lines += self._import()
        lines += self._hammer()
        self._check_books()
        return lines

    def _prepare(self) -> None:
        """Small, large and empty databases, each with its raw tables beside."""
        places.prepare()
        for name, waiting in ((places.SMALL, SMALL), (places.LARGE, self.large)):
            _say(f"{waiting:,} files")
            places.copy_bare(name)
            now = timezone.now()
            made = self.offices[name] = office.make("office", people=30, now=now)
            office.add_files(made, waiting + 3 * len(made.workers), now=now)
            floor.make(waiting)
            office.settle()
            refill(made.team.pk, cause="bench")
        places.write_everything()

    def _done_and_refill(self) -> list[Line]:
        floors: dict[tuple[str, str], list[Round]] = {}
        engines: dict[str, list[Round]] = {}
        for number in range(self.rounds):
            _say(f"Done and refill, round {number + 1} of {self.rounds}")
            for name in (places.SMALL, places.LARGE):
                places.use(name)
                for mode in ("prepared", "simple"):
                    floors.setdefault((name, mode), []).append(floor.measure(places.url(name), acts=150, mode=mode))
                engines.setdefault(name, []).append(engine.done_and_refill(self.offices[name], acts=90))
        lines = []
        for name, waiting in ((places.SMALL, SMALL), (places.LARGE, self.large)):
            lines += [
                line(f"Raw floor, {waiting:,} waiting", "a second", [each.rate for each in floors[name, "prepared"]]),
                milliseconds(f"Raw floor, {waiting:,} waiting", floors[name, "prepared"]),
                milliseconds(f"Raw floor by the simple protocol, {waiting:,} waiting", floors[name, "simple"]),
                line(f"Done and refill, {waiting:,} waiting", "a second", [each.rate for each in engines[name]]),
                milliseconds(f"Done and refill, {waiting:,} waiting", engines[name]),
                line(
                    f"Done and refill, of the floor's speed, {waiting:,} waiting",
                    "ratio",
                    ratios(floors[name, "prepared"], engines[name]),
                    at_least=0.25,
                ),
            ]
        flat = ratios(engines[places.LARGE], engines[places.SMALL])
        worker = self.offices[places.LARGE].workers[0]
        held = engine.start_one(worker)
        number = engine.statements(lambda: engine.finish(held, worker))
        return [
            *lines,
            line(f"Done and refill, {self.large:,} : {SMALL:,}", "ratio", flat, at_most=1.3),
            line("Done and refill", "statements", [number]),
        ]

    def _blocked_head(self) -> list[Line]:
        """A team whose queue starts with a hundred thousand files that nobody present can do."""
        _say("A head of the queue that nobody can do")
        places.use(places.LARGE)
        now = timezone.now()
        blocked = office.make("blocked", people=30, now=now)
        head, rest = self.large // 10, self.large // 100
        office.add_files(blocked, head, now=now - timedelta(days=60), types=(blocked.foreign_type,))
        office.add_files(blocked, rest, now=now)
        office.settle()
        refill(blocked.team.pk, cause="bench")
        places.write_everything()
        free, behind = [], []
        for _ in range(self.rounds):
            free.append(engine.done_and_refill(self.offices[places.LARGE], acts=60))
            behind.append(engine.done_and_refill(blocked, acts=60))
        name = f"Done and refill behind {head:,} that nobody can do : without them"
        return [line(name, "ratio", ratios(behind, free), at_most=1.3)]

    def _mixed_weights(self) -> list[Line]:
        """Where a fifth of the files is hard, each refill that meets one weighs everybody's lot (R7)."""
        _say("A fifth of the files is hard")
        places.use(places.LARGE)
        now, waiting = timezone.now(), self.large // 10
        mixed = office.make("mixed", people=30, now=now, one_hard_in=5)
        office.add_files(mixed, waiting + 3 * len(mixed.workers), now=now)
        office.settle()
        refill(mixed.team.pk, cause="bench")
        places.write_everything()
        raw, engines = [], []
        for _ in range(self.rounds):
            raw.append(floor.measure(places.url(places.LARGE), acts=150, mode="prepared"))
            engines.append(engine.done_and_refill(mixed, acts=90))
        name = f"Done and refill, a fifth is hard, {waiting:,} waiting"
        return [
            milliseconds(name, engines),
            line(f"{name}, of the floor's speed", "ratio", ratios(raw, engines), at_least=0.25),
        ]

    def _steady(self) -> list[Line]:
        """Minutes lie between the first and the last of many, so each is held against the floor of its own moment."""
        acts = 5000 if self.large > QUICK else 1000
        _say(f"{acts:,} times done and refill in a row")
        places.use(places.LARGE)
        url = places.url(places.LARGE)
        before = floor.measure(url, acts=400, mode="prepared")
        first, last = engine.steady(self.offices[places.LARGE], acts=acts)
        after = floor.measure(url, acts=400, mode="prepared")
        grown = (last.p50 / after.p50) / (first.p50 / before.p50)
        return [line(f"{acts:,} in a row, in floors: the last tenth : the first", "ratio", [grown])]

    def _over_http(self) -> list[Line]:
        lines = []
        for name, waiting in ((places.SMALL, SMALL), (places.LARGE, self.large)):
            places.use(name)
            of = self.offices[name]
            raw, empty, htmx, form = [], [], [], []
            with pages.web(name, of.workers[0]) as browser:
                for number in range(min(self.rounds, 9)):
                    _say(f"Over HTTP, {waiting:,} waiting, round {number + 1}")
                    raw.append(floor.measure(places.url(name), acts=150, mode="prepared"))
                    empty.append(pages.empty_page(browser, times=40))
                    htmx.append(pages.done(browser, of, of.workers[0], times=20, htmx=True))
                    form.append(pages.done(browser, of, of.workers[0], times=15, htmx=False))
            allowed = [Round(p50=each.p50 * 10 + page.p50, rate=0) for each, page in zip(raw, empty, strict=True)]
            lines += [
                milliseconds(f"The framework's empty page, {waiting:,} waiting", empty),
                milliseconds(f"Done over HTTP, answered with the fresh bin, {waiting:,} waiting", htmx),
                milliseconds(f"Done over HTTP, plain form, {waiting:,} waiting", form),
                line(f"Done over HTTP, plain form, in floors, {waiting:,} waiting", "floors", ratios(form, raw)),
                line(f"Done over HTTP, plain form, in empty pages, {waiting:,} waiting", "pages", ratios(form, empty)),
                line(
                    f"Done over HTTP, plain form : ten floors and an empty page, {waiting:,} waiting",
                    "ratio",
                    ratios(form, allowed),
                    at_most=1,
                ),
            ]
        return lines

    def _boards(self) -> list[Line]:
        _say("Boards")
        found: dict[str, list[Round]] = {places.SMALL: [], places.LARGE: []}
        for _ in range(self.rounds):
            for name, rounds in found.items():
                places.use(name)
                rounds.append(engine.board(self.offices[name], times=15))
        team = self.offices[places.LARGE].team
        number = engine.statements(lambda: boards.team_board(team, now=timezone.now()))
        return [
            milliseconds(f"Board of 30 people, {SMALL:,} waiting", found[places.SMALL]),
            milliseconds(f"Board of 30 people, {self.large:,} waiting", found[places.LARGE]),
            line(
                f"Board, {self.large:,} : {SMALL:,}",
                "ratio",
                ratios(found[places.LARGE], found[places.SMALL]),
                at_most=1.3,
            ),
            line("Board", "statements", [number]),
        ]

    def _history(self) -> None:
        """From here on there are ten events for each file that waits, its own "logged" among them."""
        for name, waiting in ((places.SMALL, SMALL), (places.LARGE, self.large)):
            _say(f"{EVENTS_A_FILE * waiting:,} events")
            places.use(name)
            history.add(self.offices[name], (EVENTS_A_FILE - 1) * waiting, now=timezone.now())
            office.settle()
        places.write_everything()

    def _board_page(self) -> list[Line]:
        """The whole page over HTTP, for its leader, both sizes in turn."""
        _say("Boards as pages")
        found: dict[str, list[Round]] = {places.SMALL: [], places.LARGE: []}
        numbers = {}
        with ExitStack() as both:
            browsers = {}
            for name in found:
                places.use(name)
                self.scenes[name] = tour.set_scene(self.offices[name], now=timezone.now())
                browsers[name] = both.enter_context(pages.web(name, self.scenes[name].person))
                numbers[name] = tour.statements(self.scenes[name], "board")
            for _ in range(self.rounds):
                for name, rounds in found.items():
                    rounds.append(tour.board(self.scenes[name], browsers[name], times=10))
        small, large = found[places.SMALL], found[places.LARGE]
        events = EVENTS_A_FILE * self.large
        return [
            milliseconds(f"Board as a page, {SMALL:,} waiting", small),
            milliseconds(f"Board as a page, {self.large:,} waiting, {events:,} events", large),
            line(f"Board as a page, {self.large:,} : {SMALL:,}", "ratio", ratios(large, small), at_most=1.5),
            line("Board as a page", "statements", [numbers[places.LARGE]]),
            line(
                "Board as a page, more than with few files",
                "statements",
                [numbers[places.LARGE] - numbers[places.SMALL]],
                at_most=0,
            ),
        ]

    def _first_bytes(self) -> list[Line]:
        _say("Every page")
        places.use(places.LARGE)
        scene = self.scenes[places.LARGE]
        with pages.web(places.LARGE, scene.person) as browser:
            return [*tour.measure(scene, browser, rounds=5, times=3), self._squares()]

    def _squares(self) -> Line:
        """The pages of cover sheets above were seen before: their squares are kept. This is what the first time takes longer."""
        seconds = [tour.first_squares(number) for number in range(self.rounds)]
        return line(f"Squares of {tour.SHEETS} cover sheets, the first time", "ms", [each * 1000 for each in seconds])

    def _searches(self) -> list[Line]:
        _say("Search")
        waiting = {places.SMALL: SMALL, places.LARGE: self.large}
        return lookups.measure(self.offices, waiting=waiting, rounds=self.rounds, times=5)

    def _exports(self) -> list[Line]:
        _say("Exports")
        places.use(places.LARGE)
        return taken_away.measure(rounds=3)

    def _cold_fill(self) -> list[Line]:
        _say("200 people come in")
        places.use(places.LARGE)
        cold = office.make("cold", people=200, now=timezone.now())
        office.add_files(cold, self.large // 10, now=timezone.now())
        office.settle()
        seconds = [engine.cold_fill(cold) for _ in range(3)]
        return [line("600 empty slots of 200 people filled", "s", seconds, at_most=2)]

    def _office(self) -> list[Line]:
        """One team moves between two looks, as when people work while somebody watches; where only Redis knows the others; and what
        a web process asks before it takes its first request, where Redis knows nothing either."""
        found: dict[tuple[str, rows.Look], list[Round]] = {}
        for name, teams in ((places.FEW_TEAMS, FEW), (places.MANY_TEAMS, MANY)):
            _say(f"An office of {teams} teams")
            places.copy_bare(name)
            rows.make(teams, now=timezone.now())
            office.settle()
        for number in range(self.rounds):
            _say(f"The office board, round {number + 1} of {self.rounds}")
            for name in (places.FEW_TEAMS, places.MANY_TEAMS):
                places.use(name)
                rows.keep_up()
                for look in rows.Look:
                    found.setdefault((name, look), []).append(
                        rows.looks(look, times=1 if look is rows.Look.ALONE else 7)
                    )
        what = f"Office board of {MANY} teams, {MANY * rows.PEOPLE:,} people"
        lines = []
        for look in rows.Look:
            few, many = (found[name, look] for name in (places.FEW_TEAMS, places.MANY_TEAMS))
            limit = None if look is rows.Look.ALONE else 5
            lines += [
                milliseconds(f"Office board of {FEW} teams{look.value}", few),
                milliseconds(f"{what}{look.value}", many),
                line(f"{what} : {FEW} teams{look.value}", "ratio", ratios(many, few), at_most=limit),
            ]
        return [*lines, line("Office board", "statements", [engine.statements(rows.look)])]

    def _matrix(self) -> list[Line]:
        """Nobody waits for a cell: it is saved, looked at for orphans and drawn anew in twice the time that a page may take."""
        empty, changes = [], []
        with matrix.opened(places.MATRIX) as (shown, browser):
            for number in range(self.rounds):
                _say(f"The skills matrix, round {number + 1} of {self.rounds}")
                empty.append(pages.empty_page(browser, times=20))
                changes.append(shown.changes(browser, times=9))
            statements = shown.statements()
        allowed = [Round(p50=2 * (2 * each.p50 + tour.ALLOWED_MILLISECONDS / 1000), rate=0) for each in empty]
        what = f"A level changed in a matrix of {matrix.PEOPLE} by {matrix.SKILLS}"
        return [
            milliseconds(what, changes),
            line(f"{what}, in empty pages", "pages", ratios(changes, empty)),
            line(f"{what} : two pages of the slowest allowed", "ratio", ratios(changes, allowed), at_most=1),
            line(f"{what}, at most", "statements", [statements], at_most=22),
        ]

    def _import(self) -> list[Line]:
        places.copy_bare(places.IMPORT)
        into = office.make("import", people=30, now=timezone.now())
        found = []
        for number in range(3):
            _say(f"Import, round {number + 1} of 3")
            found.append(arrivals.import_and_copy(into, rows=25_000, round_number=number))
        return [
            line("Import", "rows/s", [imported for imported, _ in found]),
            line("Plain COPY of the same rows", "rows/s", [copied for _, copied in found]),
            line("Import, of COPY's speed", "ratio", [imported / copied for imported, copied in found]),
            *self._bulk(into),
        ]

    def _bulk(self, into: office.Office) -> list[Line]:
        """As a program sends them in, five thousand a call."""
        hub = into.workers[0]
        Worker.objects.filter(pk=hub.pk).update(roles=[Role.WORKER, Role.ASSISTANT])
        secret = tokens.make(hub, name="bench", scopes=Scope.values, days=1, by=None, now=timezone.now())[1]
        found = []
        for number in range(6):
            _say(f"Bulk, round {number + 1} of 6")
            found.append(arrivals.bulk_and_copy(into, secret, round_number=number))
        return [
            line("Bulk of the API, 5,000 files a call", "files/s", [bulk for bulk, _ in found], at_least=5_000),
            line("Bulk of the API, of COPY's speed", "ratio", [bulk / copied for bulk, copied in found]),
        ]

    def _hammer(self) -> list[Line]:
        _say("Eight processes over every write path")
        places.copy_bare(places.HAMMER)
        return hammer.lines(done=HAMMERED if self.large > QUICK else HAMMERED // 5)

    def _check_books(self) -> None:
        """What was measured was the real thing only if the books balance afterwards."""
        for name in (places.SMALL, places.LARGE, places.IMPORT):
            _say("Checking the books")
            places.use(name)
            differences = ledger.balance().differences
            assert not differences, "\n".join(map(str, differences))


def _say(what: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\033[K{what} …", end="", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except embedded.ServerProblem as problem:
        sys.exit(str(problem))
