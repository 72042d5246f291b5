"""Who wrote last, and what a step touched, from events alone."""

import numpy as np

from tdxviz.core import events as e
from tdxviz.ui.present import map_events as m

EVENTS = [
    e.HostStored(hpa=0x1000, keyid=0, data=bytes(64), how="full-line"),
    e.MemoryStored(actor="td-a", gla=0, gpa=0, hpa=0x1FFC, keyid=33, data=bytes(8)),
    e.SeptEntryChanged(td="td-a", gpa=0, level=0, before="FREE", after="PENDING", hpa=0x5000),
    e.SeptEntryChanged(td="td-a", gpa=0, level=0, before="PENDING", after="MAPPED", hpa=0x5000),
    e.SeptEntryChanged(td="td-a", gpa=0, level=0, before="BLOCKED", after="MAPPED", hpa=0x6000),
    e.DmaStored(device="nic", iova=0, hpa=0x1000, keyid=0, data=b"x"),
    e.BitFlipped(hpa=0x2000, field="mac", bit=1),
]


def painted(events: list, index: int) -> list[int]:
    codes = np.zeros(16, np.uint8)
    made = m.Written()
    made.grow(events)
    made.paint(codes, index)
    return codes.tolist()


def test_the_last_writer_of_a_page_follows_time() -> None:
    assert painted(EVENTS, 0) == [0] * 16
    assert painted(EVENTS, 1)[1] == m.HOST
    assert painted(EVENTS, 2)[1:3] == [m.TD_A, m.TD_A]
    assert painted(EVENTS, 6)[1] == m.DEVICE
    assert painted(EVENTS, 7)[2] == m.PROBE


def test_the_module_fills_an_accepted_page_but_not_one_it_unblocks() -> None:
    assert painted(EVENTS, 3)[5] == 0
    assert painted(EVENTS, 7)[5] == m.MODULE
    assert painted(EVENTS, 7)[6] == 0


def test_growing_equals_starting_anew() -> None:
    codes, made = np.zeros(16, np.uint8), m.Written()
    for n in range(len(EVENTS) + 1):
        made.grow(EVENTS[:n])
    made.paint(codes, len(EVENTS))
    assert codes.tolist() == painted(EVENTS, len(EVENTS))
    made.grow(EVENTS[:1])
    again = np.zeros(16, np.uint8)
    made.paint(again, 1)
    assert again.tolist() == painted(EVENTS, 1)


def test_a_step_marks_the_strongest_thing_it_did() -> None:
    codes = np.zeros(16, np.uint8)
    news = [
        e.HostLoaded(hpa=0x1000, keyid=0, data=bytes(64), rule="plain"),
        e.TableRead(table="sept", level=0, address=0x3008, value=0, gpa=0),
        e.CacheHit(hpa=0x1000, keyid=0),
        EVENTS[1],
        e.HostLoaded(hpa=0x999_0000, keyid=0, data=b"", rule="plain"),
    ]
    m.touched(codes, news)
    assert codes.tolist()[:4] == [0, m.CHANGED, m.CHANGED, m.WALKED]
