"""Completion status: values, names, operands."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tdxviz.core.arch import status as s

STATUSES = st.sampled_from(sorted(name for name, value in s.STATUS.items() if not value & 0xFFFF_FFFF))
"""All but UNINITIALIZE_ERROR, which is all ones and takes no operand."""
OPERANDS = st.sampled_from(sorted(s.OPERANDS))


def test_values_of_the_reference(reference):
    table = reference("status_codes.json")
    assert {row["name"]: int(row["value"], 16) for row in table["codes"]} == s.STATUS
    assert {row["name"]: row["id"] for row in table["operand_ids"]} == s.OPERANDS
    for row in table["codes"]:
        assert bool(s.STATUS[row["name"]] & s.ERROR) == row["error"], row["name"]


@given(STATUSES, OPERANDS)
def test_a_status_with_an_operand_is_still_named(status, operand):
    value = s.with_operand(status, operand)
    assert s.name_of(value) == status
    assert value & 0xFFFF_FFFF == s.OPERANDS[operand]


@given(st.integers(0, (1 << 64) - 1))
def test_any_64_bits_can_be_told(rax):
    assert s.name_of(rax)
    assert s.operand_of(rax) is None or s.operand_of(rax)


@pytest.mark.parametrize(
    ("status", "operand", "told"),
    [
        ("TDX_OPERAND_INVALID", "RAX", "RAX"),
        ("TDX_OPERAND_BUSY", "OP_STATE", "OP_STATE"),
        ("TDX_INCONSISTENT_MSR", "0x3B", "0x3b"),
        ("TDX_TD_FATAL", None, None),
        ("TDX_INVALID_TDMR", "RDX", None),  # the low half is the number of the TDMR
        ("TDX_SUCCESS", "RCX", None),  # an exit reason
    ],
)
def test_the_operand_that_an_error_is_about(status, operand, told):
    assert s.operand_of(s.with_operand(status, operand)) == told
