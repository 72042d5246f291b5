"""Comparisons of a check: ``eq ne lt le gt ge in mask``. No expressions."""

from collections.abc import Mapping

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean

OPERATORS = ("eq", "ne", "lt", "le", "gt", "ge", "in", "mask")
Value = str | int | bool | None
Wanted = Value | list[object] | dict[str, object]


def check_wanted(wanted: object, where: str) -> None:
    """Raises TdxvizError for an unknown operator or a value that cannot be compared."""
    if isinstance(wanted, Mapping):
        for name, value in wanted.items():
            if name not in OPERATORS:
                near = did_you_mean(str(name), OPERATORS)
                raise TdxvizError(f"{where}: no comparison {name!r}; {near}")
            _check_operand(name, value, where)
        if not wanted or (len(wanted) == 1 and "mask" in wanted):
            raise TdxvizError(f"{where}: nothing to compare with")
    elif isinstance(wanted, list):
        raise TdxvizError(f"{where}: a list must be written as {{in: [...]}}")


def _check_operand(name: str, value: object, where: str) -> None:
    if name == "in":
        if not isinstance(value, list) or not value:
            raise TdxvizError(f"{where}: 'in' needs a list of values")
    elif isinstance(value, list | dict):
        raise TdxvizError(f"{where}: {name!r} needs one value")
    elif name in ("lt", "le", "gt", "ge", "mask") and (not isinstance(value, int) or isinstance(value, bool)):
        raise TdxvizError(f"{where}: {name!r} needs a number")


def matches(value: Value, wanted: object) -> bool:
    """``wanted`` is a plain value (eq) or a mapping of operators, all of which must hold."""
    if not isinstance(wanted, Mapping):
        return equal(value, wanted)
    mask = wanted.get("mask")
    if isinstance(mask, int):
        if not isinstance(value, int):
            return False
        value &= mask
    return all(_holds(value, name, other) for name, other in wanted.items() if name != "mask")


def _holds(value: Value, name: str, other: object) -> bool:
    if name == "eq":
        return equal(value, other)
    if name == "ne":
        return not equal(value, other)
    if name == "in":
        return isinstance(other, list) and any(equal(value, one) for one in other)
    if not isinstance(value, int) or not isinstance(other, int):
        return False
    if name in ("lt", "le"):
        return value < other or (name == "le" and value == other)
    return value > other or (name == "ge" and value == other)


def equal(value: Value, other: object) -> bool:
    """Booleans only equal booleans; bytes in hex match a shorter pattern that repeats."""
    if isinstance(value, bool) or isinstance(other, bool):
        return value is other
    if isinstance(value, str) and isinstance(other, str):
        return value == other or _repeats(value.lower(), other.lower())
    return value == other


def _repeats(value: str, pattern: str) -> bool:
    digits = set("0123456789abcdef")
    if not pattern or len(pattern) % 2 or not digits.issuperset(pattern + value):
        return False
    return len(value) % len(pattern) == 0 and value == pattern * (len(value) // len(pattern))
