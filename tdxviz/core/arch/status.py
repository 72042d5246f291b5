"""Completion status: building it, reading it, naming it. Source: tdx-architecture 6."""

from tdxviz.core.arch.status_table import OPERANDS, STATUS

HIGH = 0xFFFF_FFFF_0000_0000
_NAMES = {value & HIGH: name for name, value in STATUS.items()}
_OPERAND_NAMES = {number: name for name, number in OPERANDS.items()}

SUCCESS = STATUS["TDX_SUCCESS"]
ERROR = 1 << 63
NON_RECOVERABLE = 1 << 62
FATAL = 1 << 61
TDMR_CLASS = 0x0A
"""Class (bits 47:40) whose low half is the index of a TDMR, not an operand."""


def with_operand(status: str, operand: str | None) -> int:
    """A status value with its operand id, MSR index or leaf in the low half."""
    if operand is None:
        return STATUS[status]
    return STATUS[status] | (int(operand, 16) if operand.startswith("0x") else OPERANDS[operand])


def name_of(rax: int) -> str:
    """Name of a status; the low half is ignored. Unknown values are shown in hex."""
    return _NAMES.get(rax & HIGH, f"{rax:#018x}")


def operand_of(rax: int) -> str | None:
    """The operand that an error is about, by name; None for successes and TD exits."""
    if not rax & ERROR or rax >> 40 & 0xFF == TDMR_CLASS:
        return None
    if not rax & 0xFFFF_FFFF and name_of(rax) != "TDX_OPERAND_INVALID":
        return None
    low = rax & 0xFFFF_FFFF
    return _OPERAND_NAMES.get(low, f"{low:#x}")
