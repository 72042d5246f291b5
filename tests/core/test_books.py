"""What the host knows of its guest: names and pages, for people."""

import pytest

from tdxviz.core.books import NONE, Books
from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout


def test_names_and_pages_of_a_guest():
    books = Books("x", {"secret": 0x5008}, {0x5000: 0x9000})
    assert books.hpa_of(books.symbol("secret")) == 0x9008
    with pytest.raises(TdxvizError, match="did you mean 'secret'"):
        books.symbol("secrets")
    with pytest.raises(TdxvizError, match="not used"):
        books.hpa_of(0x6000)
    with pytest.raises(TdxvizError):
        NONE.symbol("anything")


def test_the_vaults_books_say_what_its_layout_says():
    books = layout.books()
    for gpa in (layout.symbol("password"), layout.RESET_GPA, layout.GUEST_BASE + 0xF123):
        assert books.hpa_of(gpa) == layout.hpa_of(gpa)


def test_they_go_with_copies_and_are_no_state(ready):
    machine = ready("ci")
    before = machine.fingerprint()
    assert machine.copy().books is machine.books
    machine.books = NONE
    assert machine.fingerprint() == before
