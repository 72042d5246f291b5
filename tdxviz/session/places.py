"""Names for addresses: the guest's symbols with an offset, or plain numbers."""

from tdxviz.core.faults import TdxvizError
from tdxviz.core.host import layout
from tdxviz.core.machine import Machine
from tdxviz.core.observe import guest_keyid
from tdxviz.core.peek_walk import page_now
from tdxviz.core.units import PAGE, Gla, Gpa, Hkid, Hpa, page_of


def hpa(machine: Machine, at: int | str) -> Hpa:
    """Host-physical address of ``0x413540``, ``password`` or ``picture+0x140``: where the guest's tables
    lead now; where the host put it if they lead nowhere.

    Raises:
        TdxvizError: no such name, or not a number, with the nearest name.
    """
    number = _number(at)
    if number is not None:
        return number
    gla = _symbol(machine, str(at))
    page = page_now(machine, page_of(gla), layout.TDR)
    return machine.books.hpa_of(gla) if page is None else page + gla % PAGE


def label(machine: Machine, at: int | str) -> Gla:
    """Linear address of a label of the guest program."""
    number = _number(at)
    return number if number is not None else _symbol(machine, str(at))


def gpa(machine: Machine, at: int | str) -> Gpa:
    """Page of a guest-physical address, or of a symbol: the guest maps itself one to one."""
    return page_of(label(machine, at))


def keyid(machine: Machine, wanted: int | str) -> Hkid:
    """``guest``: the KeyID of the guest's private memory, 0 in the legacy world."""
    if wanted == "guest":
        return guest_keyid(machine)
    number = _number(wanted)
    if number is None:
        raise TdxvizError(f"{wanted!r} is no KeyID; write a number or 'guest'")
    return number


def _number(at: int | str) -> int | None:
    if isinstance(at, int):
        return at
    try:
        return int(at.replace("_", "").replace(" ", ""), 0)
    except ValueError:
        return None


def _symbol(machine: Machine, text: str) -> int:
    name, plus, offset = text.partition("+")
    start = machine.books.symbol(name.strip())
    extra = _number(offset.strip()) if plus else 0
    if extra is None:
        raise TdxvizError(f"{offset.strip()!r} in {text!r} is no number")
    return start + extra
