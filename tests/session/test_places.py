"""A name means the page that the guest has now, not the one that it began with."""

import pytest

from tdxviz.core.drive import drive
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout, memory, teardown
from tdxviz.core.observe import observe
from tdxviz.core.units import page_of
from tdxviz.session import places


def test_a_name_follows_its_page_when_the_host_moves_it(ready):
    machine = ready("ci")
    before = places.hpa(machine, "password")
    assert before == layout.hpa_of(layout.symbol("password"))
    secret = observe(machine, "guest", before, 16).data
    target = memory.spare(machine)

    drive(machine, memory.relocate(machine, page_of(layout.symbol("password")), target))

    now = places.hpa(machine, "password")
    assert now == target + before % 4096
    assert observe(machine, "guest", now, 16).data == secret != bytes(16)
    assert observe(machine, "guest", before, 16).kind == "refused"
    assert places.hpa(machine, "picture+0x40") == layout.hpa_of(layout.symbol("picture")) + 0x40


def test_a_blocked_page_is_still_the_guests(ready):
    machine = ready("li")
    gpa = page_of(layout.symbol("password"))
    drive(machine, memory.relocate(machine, gpa, memory.spare(machine)))
    moved = places.hpa(machine, "password")
    drive(machine, memory.shoot_down(machine, gpa))
    assert places.hpa(machine, "password") == moved


def test_where_no_table_leads_the_books_know(ready):
    machine = ready("ci")
    before = places.hpa(machine, "password")
    drive(machine, memory.remove(machine, page_of(layout.symbol("password"))))
    assert places.hpa(machine, "password") == before
    drive(machine, teardown.tear_down(machine))
    assert places.hpa(machine, "password") == before
    with pytest.raises(TdxvizError, match="did you mean 'password'"):
        places.hpa(machine, "passwort")


def test_an_ordinary_vms_page_is_where_its_table_leads(ready):
    machine = ready("legacy")
    assert places.hpa(machine, "password") == layout.hpa_of(layout.symbol("password"))
