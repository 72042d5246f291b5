"""A TD for a user's program: built by an honest host, measured page by page."""

import hashlib

import pytest

from tdxviz.core.drive import drive
from tdxviz.core.events import MeasurementExtended
from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.open import image_of
from tdxviz.core.host import boot, guests
from tdxviz.core.machine import Machine
from tdxviz.core.tdx.measurement import block


def test_mrtd_is_that_of_the_pages_with_content():
    pages = guests.plan(image_of(b"ret\n.bss\n.zero 5000\n", "t.s"))
    machine = Machine("ci")
    drive(machine, boot.bring_up())
    story, _ = drive(machine, guests.build_td(pages))
    digest = hashlib.sha384()
    for gpa, content in sorted(pages.content.items()):
        digest.update(block("MEM.PAGE.ADD", gpa))
        for at in range(0, 4096, 256):
            digest.update(block("MR.EXTEND", gpa + at) + content[at : at + 256])
    for gpa in sorted(pages.zero):
        digest.update(block("MEM.PAGE.ADD", gpa))
    final = [event.digest for event in story if isinstance(event, MeasurementExtended)][-1]
    assert final == digest.digest()


def test_a_page_that_is_not_the_guests():
    with pytest.raises(TdxvizError, match="no page at 0x1000"):
        guests.plan(image_of(b"ret", "t.s")).hpa_of(0x1000)
