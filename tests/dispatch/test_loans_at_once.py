"""Several people lend at the same moment, each on a connection of their own."""

import threading
from functools import partial

import pytest
from django.db import connections

from dispatch import flow, ledger, loans, refusals
from dispatch.models import Event, Loan
from skills.models import Role, Worker
from tests import office
from tests.dispatch.test_loans import HOUR, lend
from tests.office import NOW


def at_once(*acts):
    """What each of them gave, or the fact that stood in its way."""
    start, outcomes = threading.Barrier(len(acts), timeout=30), [None] * len(acts)

    def run(number, act):
        start.wait()
        try:
            outcomes[number] = act()
        except refusals.Refused as fact:
            outcomes[number] = type(fact)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=each) for each in enumerate(acts)]
    for each in threads:
        each.start()
    for each in threads:
        each.join(60)
    return outcomes


@pytest.mark.django_db(transaction=True)
def test_managers_who_lend_one_person_at_once_lend_them_once():
    home, mia = office.team("Home"), office.person("Mia", Role.MANAGER)
    hosts = [office.team(name) for name in ("One", "Two", "Three", "Four")]
    for number in range(5):
        ada = office.worker(f"Ada {number}", home)
        outcomes = at_once(*[partial(lend, ada, host, by=mia) for host in hosts])
        assert sorted(map(str, outcomes)).count(str(loans.Overlapping)) == 3
        [loan] = Loan.objects.filter(worker=ada)
        assert Worker.objects.get(pk=ada.pk).works_in == loan.to_team
        assert Event.objects.filter(kind="lent", worker=ada).count() == 2  # one for each team
    assert ledger.balance().differences == ()


@pytest.mark.django_db(transaction=True)
def test_a_loan_that_both_sides_end_at_once_ends_once_while_its_person_goes_on_working():
    home, host, mia = office.team("Home"), office.team("Host"), office.person("Mia", Role.MANAGER)
    office.log(office.file_type("Payment", home), 20)
    office.log(office.file_type("Claim", host), 20)
    ada = office.worker("Ada", home)
    for each in range(5):
        now = NOW + each * 6 * HOUR
        loan = lend(ada, host, by=mia, ends_at=now + 4 * HOUR, now=now)
        position = office.next_position(ada)
        flow.start(ada, position, by=ada, now=now)
        outcomes = at_once(
            partial(loans.end, loan, by=mia, now=now),
            partial(loans.end, loan, by=mia, now=now),
            partial(loans.run_due, now=now + 5 * HOUR),
            partial(flow.mark_done, ada, position, by=ada, now=now),
        )
        assert outcomes.count(loans.LoanEnded) in (1, 2)
        assert outcomes[3] is None
        assert Worker.objects.get(pk=ada.pk).works_in == home
        assert Event.objects.filter(kind="home", receipt__loan=loan.pk).count() == 2
    assert all(office.in_bin(ada))
    assert ledger.balance().differences == ()
