"""TDMR_INFO: which fault of several decides, and what the status tells of it."""

import struct

import pytest

from tdxviz.core.arch import status as s
from tdxviz.core.host import boot, layout
from tdxviz.core.units import GIB, PAGE
from tests.core.tdx import kit

SECOND = layout.TDMR_INFO + 512
ONE_G, TWO_M, FOUR_K = 2 << 8, 1 << 8, 0 << 8
ELSEWHERE = 8 * GIB
"""Convertible memory of the second TDMR."""


def words(**changes: int) -> bytes:
    found = list(struct.unpack("<64Q", boot.tdmr_info()))
    for name, value in changes.items():
        found[int(name[1:])] = value & (1 << 64) - 1
    return struct.pack("<64Q", *found)


def configure(first: bytes, second: bytes = b""):
    """TDH.SYS.CONFIG with one or two TDMRs: name and low half of the status."""
    machine = kit.before("TDH.SYS.CONFIG")
    config = machine.module.config
    machine.module.config = config._replace(cmrs=(*config.cmrs, (ELSEWHERE, GIB)))
    kit.host_bytes(layout.TDMR_INFO, first + second)(machine)
    kit.host_bytes(layout.TDMR_LIST + 8, SECOND.to_bytes(8, "little"))(machine)
    call = kit.valid("TDH.SYS.CONFIG")
    count = 2 if second else 1
    returned = kit.answer(kit.seamcall(machine, "TDH.SYS.CONFIG", **kit.registers(call) | {"rdx": count}))
    return s.name_of(returned.status), returned.status & 0xFFFF_FFFF


def other(**changes: int) -> bytes:
    """A second TDMR without reserved areas, whose arrays lie in the first one's reserved area."""
    at = layout.RESERVED[0] + 0x80_0000
    honest = {"w0": ELSEWHERE, "w1": GIB, "w8": 0, "w9": 0, "w2": at, "w4": at + PAGE, "w6": at + 0x10_0000}
    return words(**honest | changes)


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"w8": 8, "w10": PAGE, "w11": PAGE}, "TDX_INVALID_RESERVED_IN_TDMR", 0),
        ({"w10": PAGE + 8, "w11": PAGE}, "TDX_NON_ORDERED_RESERVED_IN_TDMR", 1 << 8),
        ({"w9": -PAGE, "w10": PAGE, "w11": PAGE}, "TDX_INVALID_RESERVED_IN_TDMR", 0),
        ({"w8": 0, "w9": 0, "w10": PAGE, "w11": PAGE}, "TDX_NON_ORDERED_RESERVED_IN_TDMR", 0),
        ({"w5": PAGE}, "TDX_INVALID_PAMT", TWO_M),
        ({"w6": 8}, "TDX_INVALID_PAMT", FOUR_K),
        ({"w2": 1 << 52}, "TDX_INVALID_PAMT", ONE_G),
        ({"w2": layout.PAMTS[1][0]}, "TDX_PAMT_OVERLAP", TWO_M),
    ],
)
def test_the_first_fault_decides_and_the_status_names_its_place(changes, name, detail):
    assert configure(words(**changes)) == (name, detail)


def test_two_tdmrs_that_keep_apart_are_accepted():
    assert configure(words(), other()) == ("TDX_SUCCESS", 0)


@pytest.mark.parametrize(
    ("changes", "name", "detail"),
    [
        ({"w3": PAGE - 8}, "TDX_INVALID_PAMT", 1 | ONE_G),
        ({"w4": layout.PAMTS[0][0]}, "TDX_PAMT_OVERLAP", 1 | TWO_M),
        ({"w2": 0x0100_0000}, "TDX_PAMT_OVERLAP", 1 | ONE_G),
        ({"w2": ELSEWHERE}, "TDX_PAMT_OVERLAP", 1 | ONE_G | 1 << 16),
        ({"w2": ELSEWHERE + 2 * GIB}, "TDX_PAMT_OUTSIDE_CMRS", 1 | ONE_G),
        ({"w0": GIB * 2}, "TDX_TDMR_OUTSIDE_CMRS", 1),
    ],
)
def test_the_second_tdmr_is_named_and_whom_it_meets(changes, name, detail):
    assert configure(words(), other(**changes)) == (name, detail)


def test_regions_of_convertible_memory_that_meet_count_as_one():
    machine = kit.before("TDH.SYS.CONFIG")
    (region,) = machine.module.config.cmrs
    half = layout.PAMTS[2][0] + PAGE
    machine.module.config = machine.module.config._replace(
        cmrs=((region[0], half), (region[0] + half, region[1] - half))
    )
    assert kit.answer(machine.do(kit.valid("TDH.SYS.CONFIG"))).status == 0
