"""Search: what is found by which words, in which order, by whom, and that neither its cost nor its answers grow out of hand."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from dispatch import andon, flow, search, shelf, slips
from dispatch.asked import Asked
from dispatch.models import Customer, Event, File, FileText
from dispatch.search import find
from tests import office
from tests.desk import HTMX, text
from tests.office import NOW

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("an_hour_later")]

LATER = NOW + timedelta(hours=1)


@pytest.fixture
def reader(team):
    return office.person("Rea Dare", "assistant")


@pytest.fixture
def page(client, reader):
    client.force_login(reader)
    return client


def log(file_type, reference, title="", customer="", received_at=None):
    made = (
        Customer.objects.get_or_create(name=customer, slug=customer.lower().replace(" ", "-"))[0] if customer else None
    )
    return flow.log(
        reference=reference,
        file_type=file_type,
        title=title,
        customer=made,
        received_at=received_at,
        by=None,
        now=NOW,
    )[0]


def found(text="", **asked):
    return [row.reference for row in find(Asked(text=text, **asked), now=LATER).rows]


# --- File types


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        ("hull", [("Hull damage", ""), ("Hull survey", "")]),
        ("hull survey", [("Hull survey", ""), ("Hull damage", "survey")]),
        ("Smith huul damaeg", [("Hull damage", "Smith"), ("Hull survey", "Smith damaeg")]),
        ("degat", [("Dégât des eaux", "")]),
        ("cliam", [("Claim", "")]),
        ("cl", []),
        ("CL-204", []),
        ("Meridian", []),
    ],
)
def test_a_file_type_that_is_typed_is_offered_as_a_filter(page, team, claim, typed, offered):
    for name in ("Hull damage", "Hull survey", "Dégât des eaux"):
        office.file_type(name, team)
    answer = page.get("/search/", {"q": typed, "state": "waiting"})
    told = [(kind.name, QueryDict(address.partition("?")[2])) for kind, address in answer.context["types_in"]]
    assert [(name, given["q"]) for name, given in told] == offered
    assert all(given["state"] == "waiting" for _name, given in told), "the other filters stay"


def test_the_filter_that_is_offered_finds_the_files_of_the_type(page, team, claim):
    log(claim, "CL-1", customer="Smith")
    log(office.file_type("Hull", team), "HU-1", customer="Smith")
    [(_kind, address)] = page.get("/search/", {"q": "smith hull"}, headers=HTMX).context["types_in"]
    filtered = page.get(address)
    assert [row.reference for row in filtered.context["found"].rows] == ["HU-1"]
    assert filtered.context["types_in"] == []
    assert 'value="smith"' in filtered.content.decode()


def test_types_of_another_team_are_not_offered_beside_the_filter_by_team(page, team, claim):
    office.file_type("Claim", office.team("Motor"))
    assert len(page.get("/search/", {"q": "claim"}).context["types_in"]) == 2
    [(kind, _address)] = page.get("/search/", {"q": "claim", "team": "motor"}).context["types_in"]
    assert kind.team.name == "Motor"


# --- What is found


def test_exact_reference_first_then_its_beginning_then_words(claim):
    for reference, title in (("CL-2041", ""), ("CL-204", ""), ("CL-2049", ""), ("X-1", "see CL-204")):
        log(claim, reference, title)
    assert found("cl-204") == ["CL-204", "CL-2049", "CL-2041", "X-1"]


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        ("CL-20417", "reference"),
        ("cl-204", "its beginning, in any letter case"),
        ("20417", "within the reference"),
        ("burst pipe", "title"),
        ("pipe BURST", "words in any order"),
        ("Harbour", "customer"),
        ("mutual pipe", "words of customer and title together"),
        ("CL-20471", "digits that changed places"),
        ("brust pipe", "a typing error in the title"),
        ("harbor mutal", "typing errors in the customer"),
        ("burrst kitchn", "typing errors in words that stand apart"),
    ],
)
def test_found_by(claim, typed, why):
    log(claim, "CL-20417", "Burst pipe in the kitchen", "Harbour Mutual")
    log(claim, "ZZ-9", "Nothing of the kind", "Meridian")
    assert found(typed) == ["CL-20417"], why


def test_found_by_what_was_written_about_it(team, claim):
    ada = office.worker("Ada", team, present=False)
    ada.leads.add(team)
    for number, act in enumerate(("stuck", "shelve", "pass back", "withdraw"), 1):
        log(claim, f"F-{number}")
        flow.back(ada, by=ada, now=NOW)
        told = {"by": ada, "now": NOW}
        if act == "stuck":
            flow.start(ada, 1, **told)
            call = andon.stuck(ada, 1, reason="counterparty unknown", **told)
            andon.end(call, cause="ledger was stale", **told)
        elif act == "shelve":
            shelf.shelve(ada, 2, reason="broker must sign", wake_at=LATER + timedelta(days=1), **told)
        elif act == "pass back":
            flow.pass_back(ada, 2, reason="cousin of the claimant", **told)
        else:
            flow.withdraw(File.objects.get(reference="F-4"), reason="logged by mistake twice", **told)
    rows = {
        typed: [(row.reference, row.said) for row in find(Asked(text=typed), now=LATER).rows]
        for typed in ("counterparty", "ledger stale", "broker", "cousin", "mistake twice", "brokre must sign")
    }
    assert rows == {
        "counterparty": [("F-1", "counterparty unknown")],
        "ledger stale": [("F-1", "ledger was stale")],
        "broker": [("F-2", "broker must sign")],
        "cousin": [("F-3", "cousin of the claimant")],
        "mistake twice": [("F-4", "logged by mistake twice")],
        "brokre must sign": [("F-2", "broker must sign")],
    }


def test_what_the_product_wrote_itself_is_not_found(team, claim):
    log(claim, "F-1")
    ada = office.worker("Ada", team)
    flow.away(ada, by=ada, now=NOW)
    assert Event.objects.filter(cause="away").exists()
    assert found("away") == []


def test_one_or_two_characters_are_the_beginning_of_a_reference_alone(claim):
    log(claim, "AB-1")
    log(claim, "X-2", "About AB", "AB Partners")
    assert found("a") == found("ab") == ["AB-1"]


@pytest.mark.parametrize(
    "typed", ["%", "_", "\\", "%%%", "___", "'", "a%b", "---", "日本語", "x" * 100, "a b c d e f g h"]
)
def test_no_character_means_anything_but_itself(claim, typed):
    log(claim, "F-1", "plain title")
    assert found(typed) == []


def test_every_way_of_logging_and_a_new_title_can_be_found(claim):
    file = log(claim, "F-1", "first title")
    File.objects.filter(pk=file.pk).update(title="second thoughts")
    assert (found("thoughts"), found("first title")) == (["F-1"], [])
    File.objects.bulk_create(
        [
            File(
                reference="F-2",
                team=claim.team,
                file_type=claim,
                title="thoughts in bulk",
                received_at=NOW,
                logged_at=NOW,
                due_at=NOW,
                calendar_version=file.calendar_version,
            )
        ]
    )
    assert found("thoughts") == ["F-2", "F-1"]
    assert FileText.objects.count() == 2


# --- Filters


def test_filters(team, claim):
    other = office.team("Marine")
    hull = office.file_type("Hull", other)
    first, second = log(claim, "A-1", "storm"), log(claim, "A-2", "storm")
    log(hull, "B-1", "storm")
    ada = office.worker("Ada Lund", team)  # takes both
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert sorted(found("storm")) == ["A-1", "A-2", "B-1"]
    assert found("storm", state="done") == [first.reference]
    assert found("storm", state="in_slot") == [second.reference]
    assert found("storm", state="waiting") == found("storm", team_id=other.pk) == ["B-1"]
    assert found("storm", file_type_id=hull.pk) == ["B-1"]
    assert found("storm", due_before=NOW) == []
    assert len(found("storm", due_from=NOW)) == 3


def test_open_files_come_before_what_has_ended(team, claim):
    log(claim, "A-1", "storm")
    done = log(claim, "A-2", "storm")
    flow.withdraw(done, reason="mistake", by=office.person("Lea", "leader"), now=NOW)
    assert found("storm") == ["A-1", "A-2"]


def test_a_filter_alone_lists_what_is_open_by_promise(team, claim):
    for days in (1, 3, 2):
        log(claim, f"A-{days}", received_at=NOW - timedelta(weeks=days))
    ada = office.worker("Ada", team)
    log(claim, "A-0")
    assert found(team_id=team.pk) == ["A-3", "A-2", "A-1", "A-0"]
    assert found(state="waiting") == ["A-0"]
    flow.start(ada, 1, by=ada, now=NOW)
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert find(Asked(state="done"), now=LATER).rows == ()
    assert Asked(state="done").needs_words


@pytest.mark.parametrize(
    ("address", "are_found"),
    [
        ("promise=overdue", {"D-1"}),
        ("promise=today", {"D0"}),
        ("promise=week", {"D-1", "D0", "D3"}),
        ("promise=range&from=2026-03-06&to=2026-03-10", {"D3", "D7"}),
        ("promise=range&from=2026-03-10", {"D7"}),
        ("promise=range", {"D-1", "D0", "D3", "D7"}),
    ],
)
def test_promises(page, claim, address, are_found):
    for days in (-1, 0, 3, 7):
        file = log(claim, f"D{days}", "storm")
        File.objects.filter(pk=file.pk).update(due_at=LATER + timedelta(days=days, minutes=1 if days == 0 else 0))
    answer = page.get(f"/search/?q=storm&{address}&team=settlements")
    assert {row.reference for row in answer.context["found"].rows} == are_found


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("state=lost", "There is no state “lost”"),
        ("team=nowhere", "There is no team “nowhere”"),
        ("type=<b>x", "There is no file type “&lt;b&gt;x”"),
        ("promise=soon", "no such choice of promises"),
        ("promise=range&from=yesterday", "“yesterday” is no day"),
        ("promise=range&from=9999-12-31", "is no day"),
        ("promise=range&from=2026-03-10&to=2026-03-09", "end before they begin"),
        ("q=" + "x" * 300, "Only the first 100 characters"),
        ("q=%00", "Find any file"),
        ("state=done", "What has ended is found by words"),
        ("q=ab", "only at the beginning of references"),
        ("q=nothing+of+that+name", "Use fewer words, or check the spelling"),
        ("q=nothing&state=waiting", "Take a filter away"),
    ],
)
def test_what_means_nothing_is_told_and_left_aside(page, claim, address, told):
    answer = page.get(f"/search/?{address}")
    assert answer.status_code == 200
    assert told in answer.content.decode()


# --- What is shown, and to whom


def test_strangers_are_sent_to_sign_in(client):
    assert client.get("/search/").status_code == 302


@pytest.mark.parametrize("role", ["assistant", "worker", "leader", "manager", "administrator"])
def test_everybody_who_works_here_may_search(client, role):
    client.force_login(office.person("Somebody", role))
    assert client.get("/search/").status_code == 200
    assert client.post("/search/").status_code == 405


def test_section_6_nobody_is_found_by_name_and_done_files_name_nobody(page, team, claim):
    log(claim, "F-1", "storm")
    log(claim, "F-2", "storm")
    ada = office.worker("Ada Lund", team)
    flow.start(ada, 1, by=ada, now=NOW)
    assert "In a slot of Ada L." in text(page.get("/search/?q=storm"))
    for typed in ("Ada", "Ada Lund", "Ada L.", "ada-lund"):
        assert found(typed) == []
    for name in ("worker", "by", "done_by", "holder"):
        assert len(page.get(f"/search/?q=storm&{name}={ada.pk}").context["found"].rows) == 2
    flow.mark_done(ada, 1, by=ada, now=NOW)
    assert "Ada" not in text(page.get("/search/?q=F-1&state=done"))


def test_the_address_fills_the_form_and_htmx_gets_the_list_alone(page, claim):
    log(claim, "F-1", "storm")
    address = "/search/?q=storm&state=waiting&team=settlements&type=settlements-claim&promise=range&from=2026-03-01&to=2026-12-31"
    whole = page.get(address).content.decode()
    for each in ('value="storm"', 'value="waiting" selected', 'value="settlements" selected', 'value="range" selected'):
        assert each in whole
    assert 'value="settlements-claim" selected' in whole
    assert 'value="2026-12-31"' in whole
    part = page.get(address, headers=HTMX)
    assert part.content.decode().startswith('<section id="found"')
    assert reverse("file", args=["F-1"]) in part.content.decode()
    assert "HX-Request" in part.headers["Vary"]


def test_guesses_are_said_to_be_guesses(page, claim):
    log(claim, "F-1", "Burst pipe")
    assert "Nothing is written just so." in text(page.get("/search/?q=brust+pipe"))
    log(claim, "F-2", "brust pipe")
    assert "Similar to what you typed" in text(page.get("/search/?q=brust+pipe"))


def test_who_typed_a_whole_reference_made_no_slip(page, claim):
    log(claim, "CL-20417", "storm")
    log(claim, "CL-20418", "storm")
    assert [row.reference for row in page.get("/search/?q=cl-20417").context["found"].rows] == ["CL-20417"]
    assert len(page.get("/search/?q=cl-20411").context["found"].rows) == 2


def test_every_page_has_the_field_or_the_link(page):
    answer = page.get("/office/").content.decode()
    assert 'action="/search/"' in answer
    assert '<a href="/search/">' in answer


def test_a_slip_in_either_half_or_in_both_is_forgiven(claim):
    log(claim, "F-1", "Windscreen, Wasserschadenregulierung")
    for typed in (
        "windscren",
        "widnscreen",
        "wndscreen",
        "windskreen",
        "waserschadenregulerung",
        "windscren waserschaden",
    ):
        assert found(typed) == ["F-1"], typed


def test_many_that_share_half_a_word_hide_nothing_that_is_like_it(claim):
    for number in range(search.FEW + 1):
        log(claim, f"F-{number}", "Winding stairs")
    log(claim, "F-99", "Windscreen")
    assert found("windscren") == ["F-99"]


# --- Bounds


def test_no_more_than_fifty_and_it_says_so(page, claim):
    office.log(claim, 51)
    File.objects.update(title="storm")
    for address in ("q=storm", "q=F-", "team=settlements"):
        answer = page.get(f"/search/?{address}")
        assert len(answer.context["found"].rows) == 50
        assert "The first 50 files" in text(answer)


def test_of_what_is_only_similar_twenty_are_enough(page, claim):
    office.log(claim, 21)
    File.objects.update(title="windscreen")
    answer = page.get("/search/?q=windscren")
    assert len(answer.context["guesses"]) == 20
    assert "The first 20 files" in text(answer)


def test_a_look_that_stopped_at_its_bound_says_that_something_may_be_missing(page, claim, monkeypatch):
    monkeypatch.setattr(search, "TAKEN", 3)
    monkeypatch.setattr(search, "NEWEST", 3)
    old = log(claim, "F-1", "storm")
    for number in range(2, 7):
        log(claim, f"F-{number}", "storm")
    File.objects.exclude(pk=old.pk).update(due_at=NOW - timedelta(days=9))
    answer = page.get("/search/?q=storm&promise=range&from=2026-03-03")
    assert answer.context["found"].rows == ()
    assert "only the newest of them were looked at" in text(answer)


def test_of_what_is_written_everywhere_the_latest_is_found(page, team, claim, monkeypatch):
    """By whatever the index of words would have stopped at."""
    monkeypatch.setattr(search, "MATCHES", 5)
    monkeypatch.setattr(search, "TAKEN", 5)
    office.log(claim, 60)
    Event.objects.bulk_create(
        Event(team=team, file=file, kind="stuck", cause="surveyor on leave", at=NOW)
        for file in File.objects.order_by("pk")
    )
    rows = page.get("/search/?q=surveyor").context["found"].rows
    assert [row.reference for row in rows] == list(
        File.objects.order_by("-pk").values_list("reference", flat=True)[:50]
    )


def test_a_look_that_takes_too_long_is_given_up_and_said(page, claim, monkeypatch):
    log(claim, "CL-20417", "storm")
    monkeypatch.setattr(slips, "BY_LIKENESS", slips.BY_LIKENESS + "UNION ALL SELECT pg_sleep(3)::text, 0, 0, 4, 0, ''")
    monkeypatch.setattr(search, "PATIENCE", 100)
    answer = page.get("/search/?q=CL-2041")
    assert [row.reference for row in answer.context["found"].rows] == ["CL-20417"]
    assert "took too long" in text(answer)


def test_as_many_statements_for_any_number_of_files(page, team, claim):
    office.worker("Ada", team)

    def statements(address):
        with CaptureQueriesContext(connection) as captured:
            page.get(f"/search/?{address}", headers=HTMX)
        return len(captured)

    File.objects.filter(pk=office.log(claim)[0].pk).update(title="storm")
    addresses = ("q=storm", "q=F-", "q=strom", "team=settlements", "q=storm&state=waiting&promise=today")
    few = {address: statements(address) for address in addresses}
    office.log(claim, 60)
    File.objects.update(title="storm")
    many = {address: statements(address) for address in addresses}
    assert all(many[address] <= few[address] <= 14 for address in addresses), (few, many)


def test_words_are_looked_for_in_their_indexes(claim):
    file = log(claim, "F-1", "storm")
    asked = Asked(text="storm")
    plans = ""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO dispatch_event (team_id, file_id, kind, cause, from_state, to_state, at) "
            "SELECT %s, %s, (ARRAY['stuck', 'filled', 'started'])[1 + i %% 3], md5(i::text), '', '', now() "
            "FROM generate_series(1, 20000) i",
            [claim.team_id, file.pk],
        )
        cursor.execute("ANALYZE dispatch_event; SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off")
        alike = search._by_slips(asked, slips.alike(asked.words))
        for sql in (search._as_typed(asked), search._as_written(asked), alike):
            with CaptureQueriesContext(connection) as captured:
                search._look(sql, asked)
            cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
            plans += plan
    for index in (
        "found_by_reference",
        "found_by_words",
        "found_by_name",
        "found_by_what_was_written",
        "written_lately",
        "files_of_a_customer",
    ):
        assert index in plans, index
