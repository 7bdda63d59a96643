"""Files from a table: all of them or none, every bad row named, the same again changes nothing, and each as if logged by itself."""

import csv
import io
import threading
import zipfile
from datetime import UTC, datetime, time, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from dispatch import flow, intake, intake_desk, intake_rows, moves, tables, wake_ups
from dispatch.models import Agreement, Customer, Event, File, FileType, Queue, Tally
from skills.models import Level, Skill, Team
from tests import office
from tests.office import NOW
from tests.workbook import xlsx

HEADER = "reference,file_type,customer,title,received_at,weight,expedite_reason\n"


@pytest.fixture
def team(db) -> Team:
    made = office.team(expedite_limit=2)
    office.file_type("Claim", made)
    return made


def read(content: str | bytes) -> tables.Table:
    content = content.encode() if isinstance(content, str) else content
    return tables.read(io.BytesIO(content), wanted=intake_rows.FIELDS)


def run(content: str | bytes, **options: object) -> intake.Outcome:
    return intake.import_files(read(content), **{"now": NOW, **options})


def everything() -> list[object]:
    """All that an import may write, without the keys that the database gives."""
    return [
        list(
            File.objects.order_by("reference").values_list(
                "reference", "team", "file_type", "customer__name", "title", "state", "received_at", "logged_at", "due_at",
                "weight", "expedite", "expedite_reason",
            )
        ),
        list(
            Event.objects.order_by("file__reference", "pk").values_list(
                "file__reference", "team", "kind", "by", "cause", "from_state", "to_state", "worker", "position", "at"
            )
        ),
        sorted(Tally.objects.values_list("team", "kind", "quarter_at", "count")),
        *(sorted(model.objects.values_list("name", "slug")) for model in (Customer, FileType, Skill)),
    ]  # fmt: skip


def told(outcome: intake.Outcome) -> list[tuple[int, str]]:
    return [(problem.line, problem.column) for problem in outcome.problems]


# --- Bad rows


BAD = {
    "no reference": (",Claim", "reference", "missing"),
    "blank in a reference": ("A 1,Claim", "reference", "no spaces"),
    "reference too long": (f"{'A' * 65},Claim", "reference", "at most 64"),
    "NUL in a reference": ("A\0B,Claim", "reference", "cannot be a reference"),
    "no file type": ("A-1,", "file_type", "missing"),
    "unknown file type": ("A-1,Appeal", "file_type", "no file type Appeal"),
    "NUL in a file type": ("A-1,Cla\0im", "file_type", "NUL"),
    "customer too long": (f"A-1,Claim,{'c' * 121}", "customer", "at most 120"),
    "NUL in a customer": ("A-1,Claim,Hous\0e", "customer", "NUL"),
    "title too long": (f"A-1,Claim,,{'t' * 201}", "title", "at most 200"),
    "not a date": ("A-1,Claim,,,14/03/2026", "received_at", "is not a date"),
    "a day that is none": ("A-1,Claim,,,2026-02-30", "received_at", "is not a date"),
    "in the future": ("A-1,Claim,,,2026-03-03T10:00:01+01:00", "received_at", "future"),
    "in the future, wall time": ("A-1,Claim,,,2026-03-03 10:01", "received_at", "future"),
    "far in the future": ("A-1,Claim,,,9999-12-31", "received_at", "future"),
    "too long ago": ("A-1,Claim,,,0001-01-01T00:00:00+14:00", "received_at", "too long ago"),
    "last century": ("A-1,Claim,,,1999-12-30", "received_at", "1999 is too long ago"),
    "weight of nothing": ("A-1,Claim,,,,0", "weight", "from 1 to 9"),
    "weight of ten": ("A-1,Claim,,,,10", "weight", "from 1 to 9"),
    "weight of a half": ("A-1,Claim,,,,1.5", "weight", "from 1 to 9"),
    "weight in other digits": ("A-1,Claim,,,,٣", "weight", "from 1 to 9"),
    "reason too long": (f"A-1,Claim,,,,,{'r' * 201}", "expedite_reason", "at most 200"),
    "cut off": ("A-1,Claim,,,2026", "", "5 cells, the header has 7"),
    "one cell too many": ("A-1,Claim,,,,,,more", "", "8 cells, the header has 7"),
    "open quotation": ('A-1,"Claim,,,,,', "", "quotation mark"),
    "quotation goes on": ('A-1,"Claim" for,,,,,', "", "quotation mark"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_row_is_named_and_nothing_is_written(team, case):
    row, column, message = BAD[case]
    if case not in ("cut off", "one cell too many"):
        row += "," * (6 - row.count(","))
    before = everything()
    outcome = run(f"{HEADER}GOOD-1,Claim,New house,,,,\n\n{row}\n")
    assert told(outcome) == [(4, column)]
    assert message in outcome.problems[0].message
    assert not outcome.is_written
    assert everything() == before


def test_everything_that_is_wrong_with_a_row_is_told_at_once(team):
    outcome = run(f"{HEADER}A 1,Appeal,,,soon,12,\n")
    assert told(outcome) == [(2, "file_type"), (2, "received_at"), (2, "reference"), (2, "weight")]


def test_an_error_in_the_last_of_many_rows_leaves_all_as_it_was(team):
    office.log(team.file_types.get(), 3)
    before, version = everything(), Queue.objects.get().version
    rows = "".join(f"N-{number},Claim,House {number},,,,\n" for number in range(2000))
    outcome = run(f"{HEADER}{rows}N-2000,Claim,,,tomorrow,,\n")
    assert told(outcome) == [(2002, "received_at")]
    assert everything() == before
    assert Queue.objects.get().version == version, "nobody's board is drawn again for nothing"


# --- The same reference twice


def test_the_same_row_twice_in_a_file_is_one_file(team):
    outcome = run("reference,file_type,title\nA-1,Claim,x\nA-2,Claim,\nA-1,claim,x\nA-1,settlements-claim,x\n")
    assert (outcome.new, outcome.unchanged, outcome.problems) == (2, 2, ())


@pytest.mark.parametrize(
    "other", ["A-1,Claim,Y,,,,", "A-1,Claim,X,t,,,", "A-1,Claim,X,,2026-03-02,,", "A-1,Claim,X,,,2,", "A-1,Claim,X,,,,soon",
              "A-1,Other,X,,,,"]
)  # fmt: skip
def test_a_reference_with_two_contents_in_a_file_names_both_lines(team, other):
    office.file_type("Other", team)
    outcome = run(f"{HEADER}A-0,Claim,,,,,\nA-1,Claim,X,,2026-03-01,,\n{other}\n")
    assert told(outcome) == [(4, "reference")]
    assert "row 3" in outcome.problems[0].message
    assert not File.objects.exists()


@pytest.mark.parametrize(
    "other", ["A-1,Claim,Y,,,,", "A-1,Claim,New,,,,", "A-1,Claim,X,t,,,", "A-1,Claim,X,,2026-03-02,,", "A-1,Claim,X,,,2,",
              "A-1,Claim,X,,,,soon", "A-1,Other,X,,,,"]
)  # fmt: skip
def test_a_reference_that_is_there_with_other_content_is_a_problem(team, other):
    office.file_type("Other", team)
    assert run(f"{HEADER}A-1,Claim,X,,2026-03-01,,\nA-2,Claim,Y,,,,\n").is_written
    before = everything()
    outcome = run(f"{HEADER}A-3,Claim,,,,,\n{other}\n")
    assert told(outcome) == [(3, "reference")]
    assert "logged already" in outcome.problems[0].message
    assert everything() == before


def test_the_same_file_again_changes_nothing(team):
    rows = "".join(
        f"A-{n},Claim,{['ACME', 'Acme', 'acme', ''][n % 4]},t {n},2026-02-0{n % 9 + 1},{n % 9 + 1},\n"
        for n in range(50)
    )
    assert run(HEADER + rows).new == 50
    before, version = everything(), Queue.objects.get().version
    again = run(HEADER + rows, now=NOW + timedelta(days=1))
    assert (again.new, again.unchanged, again.problems) == (0, 50, ())
    assert everything() == before
    assert Queue.objects.get().version == version


def test_what_moved_on_in_the_meantime_is_still_the_same_file(team):
    """Without a receipt in the table, the one that was fixed when it was logged is not compared."""
    run("reference,file_type\nA-1,Claim\nA-2,Claim\n")
    office.worker("Ada", team)
    again = run("reference,file_type\nA-1,Claim\nA-2,Claim\nA-3,Claim\n", now=NOW + timedelta(hours=1))
    assert (again.new, again.unchanged, again.problems) == (1, 2, ())


def test_what_the_office_did_since_makes_it_no_other_file(team):
    """Expedited by its leader, or of a type whose weight was set anew: whoever sends the same again said neither."""
    rows, claim = f"{HEADER}A-1,Claim,X,,,,\nA-2,Claim,X,,,,\nA-3,Claim,X,,,,soon\n", team.file_types.get()
    run(rows)
    flow.expedite(File.objects.get(reference="A-1"), reason="court", by=office.person("Lea", "leader"), now=NOW)
    type(claim).objects.update(weight=4)
    again = run(rows)
    assert (again.new, again.unchanged, again.problems) == (0, 3, ())
    for reference, reason in (("A-1", ""), ("A-2", ""), ("A-3", "soon")):
        customer, claim = File.objects.get(reference=reference).customer, team.file_types.get()
        told_once = {"reference": reference, "file_type": claim, "customer": customer, "by": None, "now": NOW}
        assert not flow.log(**told_once, expedite_reason=reason)[1]
    assert told(run(f"{HEADER}A-3,Claim,X,,,,\n")) == [(2, "reference")], "logged as an expedite it is one"
    assert told(run(f"{HEADER}A-2,Claim,X,,,4,\n")) == [(2, "reference")], "a weight that is said is compared"


# --- As if logged one by one


def test_an_import_is_the_same_as_logging_one_by_one(team):
    other = office.team("Motor")
    glass = office.file_type("Glass", other, needs="glass")
    FileType.objects.filter(pk=glass.pk).update(weight=3)
    glass.refresh_from_db()
    house = Customer.objects.create(name="House", slug="house")
    Agreement.objects.create(
        file_type=team.file_types.get(), customer=house, kind="same_day", cut_offs=[time(12)] * 7, otherwise_by=time(12)
    )
    Agreement.objects.create(file_type=glass, days=2)
    office.log(glass, 2)
    rows = []
    for n in range(60):
        received = NOW - timedelta(minutes=37 * n) if n % 5 else None
        rows.append(
            {
                "reference": f"R-{n}",
                "file_type": glass if n % 3 else team.file_types.get(),
                "customer": ["", "house", "Nova"][n % 3 if n % 2 else 0],
                "title": f"no. {n}, “quoted”\\N" if n % 4 else "",
                "received_at": received,
                "weight": n % 9 + 1 if n % 7 else None,
                "expedite_reason": "urgent" if n in (8, 9) else "",
            }
        )
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(rows[0])
    writer.writerows(
        [[each["file_type"].name if key == "file_type" else value for key, value in each.items()] for each in rows]
    )

    with transaction.atomic():
        assert run(text.getvalue()).new == 60
        imported = everything()
        transaction.set_rollback(True)
    for row in rows:
        name = row.pop("customer")
        flow.log(**row, customer=intake._customer(name) if name else None, by=None, now=NOW)
    assert everything() == imported


def test_times_without_a_zone_are_the_teams_own(team):
    Queue.objects.update(calendar=office.calendar())  # Paris
    run(
        "reference;file_type;received_at\nA;Claim;2026-03-02\nB;Claim;2026-03-02 09:30\nC;Claim;2026-03-02T09:30:00Z\n"
        "D;Claim;2025-10-26T02:30\nE;Claim;\n"
    )
    assert dict(File.objects.values_list("reference", "received_at")) == {
        "A": datetime(2026, 3, 1, 23, 0, tzinfo=UTC),
        "B": datetime(2026, 3, 2, 8, 30, tzinfo=UTC),
        "C": datetime(2026, 3, 2, 9, 30, tzinfo=UTC),
        "D": datetime(2025, 10, 26, 0, 30, tzinfo=UTC),  # the first of two
        "E": NOW,
    }


def test_the_number_of_statements_is_the_same_for_many_rows(team):
    def statements(rows: int, start: str) -> int:
        content = "".join(f"{start}-{n},Claim,House {start} {n},,,,\n" for n in range(rows))
        with CaptureQueriesContext(connection) as captured:
            assert run(HEADER + content).new == rows
        return len(captured)

    assert statements(2, "A") == statements(3000, "B") < 30


def test_teams_that_got_files_are_woken_once_each(team, django_capture_on_commit_callbacks, monkeypatch):
    woken = []
    monkeypatch.setattr(wake_ups, "_enqueue_refill", woken.append)
    other = office.team("Motor")
    office.file_type("Glass", other)
    office.file_type("Unused", office.team("Idle"))
    with django_capture_on_commit_callbacks(execute=True):
        run("reference,file_type\nA,Claim\nB,Glass\nC,Claim\n")
    assert woken == [team.pk, other.pk]


# --- Expedites


def test_expedites_go_up_to_the_limit_of_the_team(team):
    office.log(team.file_types.get(), expedite_reason="flood")
    assert told(run(f"{HEADER}A,Claim,,,,,one\nB,Claim,,,,,\nC,Claim,,,,,two\n")) == [(4, "expedite_reason")]
    assert told(run(f"{HEADER}A,Claim,,,,,one\nC,Claim,,,,,two\n", dry_run=True)) == [(3, "expedite_reason")]
    assert File.objects.count() == 1
    assert run(f"{HEADER}A,Claim,,,,,one\n").is_written
    assert run(f"{HEADER}A,Claim,,,,,one\n").unchanged == 1, "what is there needs no room"


# --- Names


def test_names_and_addresses_in_any_letter_case(team):
    Customer.objects.create(name="Harbour Ltd", slug="harbour-ltd")
    outcome = run(
        "Reference,File-Type,CUSTOMER\nA,CLAIM,harbour LTD\nB,settlements-claim,Harbour-Ltd\nC, claim ,Harbour  Ltd\n"
    )
    assert outcome.problems == ()
    assert set(File.objects.values_list("customer__name", flat=True)) == {"Harbour Ltd"}


def test_a_type_of_two_teams_needs_its_address_or_the_team(team):
    other = office.team("Motor")
    office.file_type("Claim", other)
    outcome = run("reference,file_type\nA,Claim\n")
    assert told(outcome) == [(2, "file_type")]
    assert "motor-claim, settlements-claim" in outcome.problems[0].message
    assert "import for one team" in outcome.problems[0].message
    assert run("reference,file_type\nA,Claim\n", team=other).is_written
    assert run("reference,file_type\nB,settlements-claim\n").is_written
    assert set(File.objects.values_list("reference", "team")) == {("A", other.pk), ("B", team.pk)}
    assert told(run("reference,file_type\nC,settlements-claim\n", team=other)) == [(2, "file_type")]


def test_a_customer_that_could_be_two_is_not_guessed(team):
    for name, slug in (("ACME", "acme"), ("Acme", "acme-2")):
        Customer.objects.create(name=name, slug=slug)
    outcome = run("reference,file_type,customer\nA,Claim,aCME\nB,Claim,Acme\nC,Claim,acme\n")
    assert told(outcome) == [(2, "customer")]
    assert "acme, acme-2" in outcome.problems[0].message
    assert run("reference,file_type,customer\nB,Claim,Acme\nC,Claim,acme\nD,Claim,acme-2\n").is_written
    assert dict(File.objects.values_list("reference", "customer__slug")) == {"B": "acme-2", "C": "acme", "D": "acme-2"}


@settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)  # every example undoes what it did
@given(
    st.lists(
        st.sampled_from(
            ["Été", "été", "ÉTÉ", "ete", "Straße", "STRASSE", "a b", "A-B", "a-b", "北京", "上海", "-", "x" * 120]
        ),
        max_size=12,
    )
)
@example(["Alpha Beta", "ALPHA-BETA", "Alpha-beta", "alpha beta"])
def test_customers_made_by_an_import_are_found_by_the_next(team, names):
    rows = "".join(f"A-{number},Claim,{name}\n" for number, name in enumerate(names))
    with transaction.atomic():
        assert run(f"reference,file_type,customer\n{rows}").problems == ()
        again = run(f"reference,file_type,customer\n{rows}")
        assert (again.new, again.unchanged, again.problems) == (0, len(names), ())
        transaction.set_rollback(True)


def test_a_team_without_a_queue_takes_no_files(team):
    lost = Team.objects.create(name="Lost", slug="lost")
    office.file_type("Found", lost)
    outcome = run("reference,file_type\nA,Found\n")
    assert told(outcome) == [(2, "file_type")]
    assert "no central queue" in outcome.problems[0].message


# --- New file types


def test_new_types_are_closed_to_whoever_has_not_the_skill_of_their_name(team):
    Skill.objects.create(name="Marine", slug="sea")
    outcome = run("reference,file_type\nA,marine\nB,MARINE\nC,Appeal\nD,claim\n", team=team, create_types=True)
    assert outcome.new == 4
    marine, appeal = FileType.objects.filter(name__in=["marine", "Appeal"]).order_by("-name")
    assert (marine.is_open, marine.skill.slug, marine.least_level, marine.team) == (False, "sea", Level.U, team)
    assert (appeal.is_open, appeal.skill.name, appeal.least_level, appeal.team) == (False, "Appeal", Level.U, team)
    assert FileType.objects.count() == 3
    assert "marine, Appeal" in outcome.notices[-1]


def test_a_new_type_with_the_name_of_another_teams_gets_an_address_of_its_own(team):
    FileType.objects.update(slug="claim")
    motor = office.team("Motor")
    assert run("reference,file_type\nA,Claim\n", team=motor, create_types=True).is_written
    assert motor.file_types.get().slug == "motor-claim"


def test_no_types_are_made_by_a_dry_run_or_beside_a_bad_row(team):
    before = everything()
    assert run("reference,file_type\nA,Appeal\n", team=team, create_types=True, dry_run=True).new == 1
    assert run("reference,file_type\nA,Appeal\n,Appeal\n", team=team, create_types=True).problems
    assert everything() == before


def test_types_are_made_for_one_team_and_not_from_a_mistaken_column(team):
    with pytest.raises(intake_desk.TypesNotMade, match="need a team"):
        run("reference,file_type\nA,Appeal\n", create_types=True)
    rows = "".join(f"A-{number},Type {number}\n" for number in range(51))
    with pytest.raises(intake_desk.TypesNotMade, match="51 new file types"):
        run(f"reference,file_type\n{rows}", team=team, create_types=True)
    assert FileType.objects.count() == 1


# --- Somebody else at the same time


@pytest.mark.django_db(transaction=True)
def test_a_reference_that_another_team_logs_meanwhile_undoes_the_import(monkeypatch):
    team, other = office.team(), office.team("Motor")
    claim, glass = office.file_type("Claim", team), office.file_type("Glass", other)
    assert claim

    def log_elsewhere() -> None:
        flow.log(reference="A-1", file_type=glass, by=None, now=NOW)
        connection.close()

    def take(team_id: int) -> moves.Terms:
        elsewhere = threading.Thread(target=log_elsewhere)
        if team_id == team.pk and not File.objects.exists():
            elsewhere.start()
            elsewhere.join()
        return taken(team_id)

    taken = moves.take
    monkeypatch.setattr(moves, "take", take)
    with pytest.raises(intake.Overtaken, match="import again"):
        run("reference,file_type,customer\nA-0,Claim,New\nA-1,Claim,\n")
    assert list(File.objects.values_list("reference", "team")) == [("A-1", other.pk)]
    assert not Customer.objects.exists()


# --- What cannot be read at all


UNREADABLE = {
    "empty": (b"", "empty"),
    "only blank lines": (b"\n\n \n", "no rows"),
    "no header": (b"A-1,Claim\nA-2,Claim\n", "no column reference, file_type.*found: A-1, Claim"),
    "a column missing": (b"reference,type\nA-1,Claim\n", "no column file_type.*found: reference, type"),
    "a column twice": (b"reference,file_type,File type\nA-1,Claim,Claim\n", "Two columns are to be file_type"),
    "neither encoding": (b"reference,file_type\nA-1,\x81\x8d\x90\n", "neither UTF-8 nor Windows-1252"),
    "binary": (b"\x7fELF\0\0\0\n", "NUL"),
    "the mark of UTF-8 and nothing else": (b"\xef\xbb\xbf", "no rows"),
    "the mark of UTF-16 and nothing else": (b"\xff\xfe", "no rows"),
    "a zip that is no workbook": (b"PK\x03\x04 and so on", "workbook cannot be read"),
    "a workbook that was cut off": (xlsx([["reference", "file_type"]])[:-40], "workbook cannot be read"),
    "an old workbook that is none": (b"\xd0\xcf\x11\xe0 and so on", "workbook cannot be read"),
    "an empty workbook": (xlsx([]), "empty"),
    "header not closed": (b'"reference,file_type\nA-1,Claim\n', "first row cannot be read"),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_is_no_table_says_so(db, case):
    content, message = UNREADABLE[case]
    with pytest.raises(tables.Unreadable, match=message):
        run(content)


def test_columns_may_be_named_otherwise(team):
    content = "Dossier;Art;reference\nA-1;Claim;something else\n"
    outcome = run(content, named={"dossier": "reference", "ART": "file_type"})
    assert (outcome.new, outcome.notices) == (1, ("Ignored columns: reference.",))
    with pytest.raises(tables.Unreadable, match="no column Akte"):
        run(content, named={"Akte": "reference"})
    with pytest.raises(tables.Unreadable, match="cannot be colour"):
        run(content, named={"Art": "colour"})


# --- Any delimiter, any encoding, any workbook

CELL = st.text(
    st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from(list(",;|\t\"'\n\r")), max_size=8
)  # fmt: skip
ROWS = st.lists(st.tuples(CELL, CELL, CELL), max_size=6)


@given(
    ROWS,
    st.sampled_from(",;\t|^~:!$&*/@"),
    st.sampled_from(["utf-8", "utf-8-sig", "cp1252", "utf-16"]),
    st.sampled_from(["\n", "\r\n"]),
)
@example([("é", "à", "ü")], ";", "cp1252", "\r\n")
def test_a_csv_of_any_delimiter_and_encoding_says_what_was_written(rows, delimiter, encoding, line_end):
    text = io.StringIO(newline="")
    quoting = csv.QUOTE_ALL if "\r" in "".join(map("".join, rows)) else csv.QUOTE_MINIMAL
    writer = csv.writer(text, delimiter=delimiter, lineterminator=line_end, quoting=quoting)
    writer.writerows([("reference", "File type", "other"), *rows])
    try:
        content = text.getvalue().encode(encoding)
    except UnicodeEncodeError:
        assume(False)
    assume(encoding != "cp1252" or not decodes(content))
    expected = [tuple(cell.strip() for cell in row) for row in rows]
    table = read(content)
    assert table.header == ("reference", "File type", "other")
    assert [tuple(row.cells) for row in table.rows()] == [row for row in expected if any(row)]
    assert not any(row.problem for row in table.rows())
    assert [row.line for row in table.rows()] == lines_of(text.getvalue(), expected, delimiter)


def decodes(content: bytes) -> bool:
    """Bytes that are UTF-8 as well are read as UTF-8, and nothing can tell."""
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return not content.isascii()


def lines_of(text: str, rows: list[tuple[str, ...]], delimiter: str) -> list[int]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    next(reader)
    lines, line = [], reader.line_num + 1
    for row in rows:
        next(reader)
        if any(row):
            lines.append(line)
        line = reader.line_num + 1
    return lines


XML_CELL = st.text(st.characters(exclude_categories=["Cs", "Cc", "Co", "Cn"]), max_size=8)


@given(st.lists(st.tuples(XML_CELL, XML_CELL, XML_CELL), max_size=6))
def test_a_workbook_says_what_was_written(rows):
    table = read(xlsx([("reference", "File type", "other"), *rows]))
    expected = [(line, [cell.strip() for cell in row]) for line, row in enumerate(rows, 2)]
    assert [(row.line, row.cells) for row in table.rows()] == [(line, row) for line, row in expected if any(row)]


def test_a_workbook_with_numbers_dates_and_other_sheets(team):
    sheet = [
        [None, None, None, None],
        ["reference", "file_type", "received_at", "weight"],
        [173688.0, "Claim", datetime(2026, 3, 2, 9, 30), 2.0],  # noqa: DTZ001
        [None, None, None, None],
        ["B-1", "Claim", datetime(2027, 3, 2), 2.5],  # noqa: DTZ001
    ]
    outcome = run(xlsx([["hidden"]], sheet, [["more"]], hidden=[0]))
    assert told(outcome) == [(5, "received_at"), (5, "weight")]
    assert outcome.notices == ("Only the first sheet is read, Sheet 2.",)
    assert run(xlsx([["hidden"]], sheet[:4], [["more"]], hidden=[0])).new == 1
    file = File.objects.get()
    assert (file.reference, file.received_at, file.weight) == ("173688", datetime(2026, 3, 2, 8, 30, tzinfo=UTC), 2)


def test_a_stray_cell_far_out_does_not_take_all_memory(db):
    content = io.BytesIO()
    sheet = xlsx([["reference", "file_type"], ["A", "Claim"]])
    with zipfile.ZipFile(io.BytesIO(sheet)) as package, zipfile.ZipFile(content, "w") as made:
        for name in package.namelist():
            stray = b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>'
            made.writestr(name, package.read(name).replace(b"</sheetData>", stray))
    with pytest.raises(tables.Unreadable, match="as far as column XFD, row 1,048,576"):
        run(content.getvalue())


def test_excels_own_line_about_the_delimiter_is_obeyed():
    table = read("sep=;\nreference;file_type\nA,B;C\n")
    assert [(row.line, row.cells) for row in table.rows()] == [(3, ["A,B", "C"])]


# --- The command


def command(path, *options: str) -> str:
    out, err = io.StringIO(), io.StringIO()
    try:
        call_command("import_files", str(path), *options, stdout=out, stderr=err)
    finally:
        command.errors = err.getvalue()
    return out.getvalue()


def test_the_command_closes_with_one_line(team, tmp_path):
    path = tmp_path / "files.csv"
    path.write_text("reference,file_type,amount,colour\n" + "".join(f"A-{n},Claim,1,red\n" for n in range(1200)))
    assert (
        command(path, "--dry-run")
        == "1,200 new, 0 unchanged, 0 errors; 1 notice\nNothing was written: this was a dry run.\n"
    )
    assert not File.objects.exists()
    assert command(path) == "1,200 new, 0 unchanged, 0 errors; 1 notice\n"
    assert command.errors == "Ignored columns: amount, colour.\n"
    assert command(path, "--team", "settlements") == "0 new, 1,200 unchanged, 0 errors; 1 notice\n"


def test_the_command_shows_errors_in_short_and_writes_them_in_full(team, tmp_path):
    path, errors = tmp_path / "files.csv", tmp_path / "errors.csv"
    rows = [f"A {n},Claim" for n in range(60)] + ["B,Appeal"] * 30
    path.write_text("reference,file_type\n" + "\n".join(rows))
    with pytest.raises(CommandError, match="Nothing was written") as refused:
        command(path, "--errors", str(errors))
    assert refused.value.returncode == 1
    shown = command.errors.splitlines()
    assert len(shown) == 52
    assert shown[0].startswith("line 2, reference: 'A 0' cannot be a reference.")
    assert shown[50] == "… and 40 more errors. See them all with --errors PATH."
    assert "--team" in shown[51]
    assert "--create-types" in shown[51]
    written = list(csv.reader(errors.open(encoding="utf-8-sig", newline="")))
    assert len(written) == 91
    assert written[0] == ["line", "column", "message"]
    assert written[-1][:2] == ["91", "file_type"]


def test_the_command_says_what_it_cannot_find(team, tmp_path):
    with pytest.raises(CommandError, match=r"nothing\.csv"):
        command(tmp_path / "nothing.csv")
    path = tmp_path / "files.csv"
    path.write_text("reference,file_type\nA,Claim\n")
    with pytest.raises(CommandError, match="Known: settlements"):
        command(path, "--team", "elsewhere")


def test_a_progress_bar_only_where_it_is_wanted(team, tmp_path, capfd):
    path = tmp_path / "files.csv"
    path.write_text("reference,file_type\nA,Claim\n")
    call_command("import_files", str(path), "--dry-run")
    assert "%" not in capfd.readouterr().err
    call_command("import_files", str(path), "--dry-run", "--progress")
    assert "1/1" in capfd.readouterr().err
