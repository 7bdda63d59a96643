"""The office board: three teams, and three hundred with five thousand people, each with eight weeks of finished days behind it.

Teams have six file types, half of which need a skill, and everybody is at work with a full bin, as on the busiest of days. It is
noon there, whenever that is.
"""

import time
from datetime import UTC, datetime, timedelta
from enum import Enum

from django.db import connection, transaction
from django.utils import timezone

from bench import measured
from bench.measured import Round
from dispatch import frames, timetables
from dispatch import office as board
from dispatch.templatetags import office_row
from dispatch.timetables import Timetable

PEOPLE = 17  # a team
TYPES = 6
WAITING = 60
WEEKS = 8
EVERY_DAY = [[["08:00", "18:00"]]] * 7

TEAMS = """
WITH made AS (
    INSERT INTO skills_team (name, slug) SELECT 'Team ' || i, 'team-' || i FROM generate_series(1, %(teams)s) i RETURNING id
)
INSERT INTO dispatch_queue (team_id, version, calendar_id, bin_size, default_days, normal_days, clogged_after, expedite_limit,
    shelf_limit, last_minutes, wall_secret)
SELECT id, 0, %(calendar)s, 3, 15, 0.5, 240, 3, 2, 0, 'secret-' || id FROM made
"""
SKILLS = "INSERT INTO skills_skill (name, slug) SELECT 'Skill ' || i, 'skill-' || i FROM generate_series(1, 9) i"
FILE_TYPES = f"""
INSERT INTO dispatch_filetype (team_id, name, slug, purpose, is_open, skill_id, least_level, weight, aged_after)
SELECT t.id, 'Type ' || i, t.slug || '-' || i, '', i %% 2 = 0, CASE WHEN i %% 2 = 1 THEN (
    SELECT min(k.id) + (t.id + i) %% 9 FROM skills_skill k) END, 3, 1, 240
FROM skills_team t, generate_series(1, {TYPES}) i
"""
PEOPLE_MADE = f"""
WITH made AS (
    INSERT INTO skills_worker (password, is_superuser, username, email, is_staff, is_active, date_joined, name, roles, team_id,
        works_in_id, is_present, language, theme, high_contrast, zone)
    SELECT '', FALSE, t.slug || '-' || i, '', FALSE, TRUE, %(now)s, 'Person ' || i || ' of ' || t.name, ARRAY['worker'], t.id,
        t.id, TRUE, '', '', FALSE, '' FROM skills_team t, generate_series(1, {PEOPLE}) i RETURNING id, team_id
), bins AS (INSERT INTO dispatch_bin (worker_id, size) SELECT id, 3 FROM made RETURNING worker_id)
INSERT INTO skills_competence (worker_id, skill_id, level)
SELECT id, (SELECT min(k.id) FROM skills_skill k) + (id + i) %% 9, 2 + (id + i) %% 3 FROM made, generate_series(1, 4) i
"""
FILES = """
INSERT INTO dispatch_file (reference, team_id, file_type_id, title, state, received_at, logged_at, due_at, weight, expedite,
    expedite_reason, calendar_version_id)
SELECT t.slug || '-' || i, t.id, (ARRAY(SELECT k.id FROM dispatch_filetype k WHERE k.team_id = t.id))[1 + i %% 6], '', 'waiting',
    at, at, date_bin('1 day', at, 'epoch') + interval '18 hours' + interval '1 day' * (i %% 12), 1, FALSE, '', %(version)s
FROM skills_team t, generate_series(1, %(files)s) i, LATERAL (SELECT %(now)s - interval '40 minutes' * i AS at) received
"""
SLOTS = """
WITH held AS (
    SELECT id, team_id, row_number() OVER (PARTITION BY team_id ORDER BY id) - 1 AS n FROM dispatch_file
), place AS (
    SELECT w.id AS bin_id, w.team_id, p AS position, row_number() OVER (PARTITION BY w.team_id ORDER BY w.id, p) - 1 AS n
    FROM skills_worker w, generate_series(1, 3) p
), taken AS (
    UPDATE dispatch_file f SET state = 'in_slot' FROM held JOIN place USING (team_id, n) WHERE f.id = held.id RETURNING f.id
)
INSERT INTO dispatch_slot (bin_id, bin_size, position, file_id, filled_at, in_hand, empty_since)
SELECT bin_id, 3, position, held.id, %(now)s - interval '10 minutes' * position, FALSE, NULL
FROM held JOIN place USING (team_id, n) WHERE held.id IN (SELECT id FROM taken)
"""
TALLIES = """
INSERT INTO dispatch_tally (team_id, kind, quarter_at, count)
SELECT t.id, kind, quarter_at, 1 + (t.id + extract(epoch FROM quarter_at)::bigint / 900) %% 3
FROM generate_series(date_bin('15 minutes', %(since)s, 'epoch'), date_bin('15 minutes', %(now)s, 'epoch'), '15 minutes') quarter_at,
    skills_team t, unnest(ARRAY['logged', 'done', 'right']) kind
WHERE extract(hour FROM quarter_at AT TIME ZONE %(zone)s) BETWEEN 8 AND 17
UNION ALL
SELECT team_id, 'waiting', date_bin('15 minutes', due_at, 'epoch'), count(*)
FROM dispatch_file WHERE state = 'waiting' GROUP BY 1, 3
"""


def make(teams: int, *, now: datetime) -> None:
    """In an empty database."""
    calendar = timetables.make("Weekdays", Timetable(_zone_at_noon(now), week=EVERY_DAY), now=now)
    of = {
        "teams": teams, "calendar": calendar.pk, "version": calendar.current_id, "now": now, "since": now - timedelta(weeks=WEEKS),
        "files": 3 * PEOPLE + WAITING, "zone": _zone_at_noon(now),
    }  # fmt: skip
    with transaction.atomic(), connection.cursor() as cursor:
        for sql in (TEAMS, SKILLS, FILE_TYPES, PEOPLE_MADE, FILES, SLOTS, TALLIES):
            cursor.execute(sql, of)


def _zone_at_noon(now: datetime) -> str:
    """Signs are the other way round in such names."""
    return f"Etc/GMT{now.astimezone(UTC).hour - 12:+d}"


class Look(Enum):
    """What is known before a look; in the words of a line. Only a web process that takes no requests yet knows nothing."""

    AGAIN = ""  # this process looked before
    FIRST = ", what Redis knows"
    ALONE = ", nothing known, as before the first request"


def keep_up() -> None:
    """As web processes do every few seconds."""
    board.keep_up(now=timezone.now())


def looks(kind: Look, *, times: int) -> Round:
    """From the database to plain values and to HTML. Before each look one team moves."""
    seconds = []
    for _ in range(times):
        _move_one_team()
        if kind is not Look.AGAIN:
            office_row.forget()
            board.forget_here() if kind is Look.FIRST else board.forget()
        began = time.perf_counter()
        look()
        seconds.append(time.perf_counter() - began)
    return measured.of(seconds)


def look() -> None:
    frames.render(frames.OfficeTopic("en", lends=True), now=timezone.now())


def _move_one_team() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE dispatch_queue SET version = version + 1 WHERE team_id = (SELECT max(team_id) FROM dispatch_queue)"
        )
