"""What a case is, and where all of them come from: every ``checks_*.py`` beside this file.

A ``checks_*`` module may hold
``CASES``        (leaf, index of the check) -> how to reach exactly that check;
``VALID``        leaf -> a call that passes every check, for leaves that the honest build never uses;
``UNREACHABLE``  (leaf, index) -> why no machine of ours can ever fail there;
``ELSEWHERE``    (leaf, index) -> the test that reaches it in a way of its own;
``SKIPPED``      leaf -> how many checks of its row an honest call does not come to.
"""

import importlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tdxviz.core.arch import sept
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.host import layout
from tdxviz.core.hw import physical
from tdxviz.core.tdx import dispatch, guest_leaves
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.module import PamtEntry
from tests.core.tdx import kit

Key = tuple[str, int]
HKID_BITS, FAR_AWAY = 1 << 46, 1 << 32
TD_2M = layout.GUEST_BASE + 2 * 1024 * 1024


@dataclass(frozen=True)
class Case:
    """How to reach one check: where, with which registers changed, after what preparation."""

    regs: dict[str, int] = field(default_factory=dict)
    prepare: tuple[kit.Prepare, ...] = ()
    stage: str = ""
    """The leaf before which the machine stands; empty for the leaf itself (guests: ``running``)."""
    status: str = ""
    """Where the row names several."""
    operand: str = ""
    """Where the row names several."""
    changes: str = ""
    """Why this refusal leaves something behind."""
    version: int = 0
    detail: int = 0
    """Low half of the status where the row names no operand."""
    outputs: dict[str, int] = field(default_factory=dict)
    """Output registers that tell more."""
    exits: tuple[int, int] | None = None
    """Guest leaves whose row says *no return*: R8 and RDX that the host finds at the TD exit."""


@cache
def modules() -> tuple:
    names = sorted(path.stem for path in Path(__file__).parent.glob("checks_*.py"))
    return tuple(importlib.import_module(f"tests.core.tdx.{name}") for name in names)


def gather(what: str) -> dict:
    """One table of all modules. A key that two of them claim is an error."""
    found: dict = {}
    for module in modules():
        table = getattr(module, what, {})
        assert not set(table) & set(found), f"{what}: claimed twice: {set(table) & set(found)}"
        found.update(table)
    return found


def keys() -> Iterator[Key]:
    """Every check of every modelled leaf, host and guest side."""
    for leaf in (*dispatch.BODIES, *guest_leaves.BODIES):
        for number in range(len(BY_NAME[leaf].checks)):
            yield leaf, number


@cache
def unreachable() -> dict[Key, str]:
    """Checks without a case, each with its reason."""
    return gather("UNREACHABLE")


@cache
def elsewhere() -> dict[Key, str]:
    """Checks that no case reaches but a test of its own: ``module.function``."""
    return gather("ELSEWHERE")


@cache
def covered() -> dict[Key, Case]:
    """(leaf, check) -> its case, given or generic."""
    given, without = gather("CASES"), gather("UNREACHABLE") | elsewhere()
    found: dict[Key, Case] = {}
    for key in keys():
        case = given.get(key) or (None if key in without else generic(*key))
        if case is not None:
            found[key] = case
    return found


def generic(leaf: str, number: int) -> Case | None:
    """Checks that many rows share, bent the same way."""
    if BY_NAME[leaf].side != "host" or not kit.known(leaf):
        return None
    text = BY_NAME[leaf].checks[number].text
    operand = re.match(r"(R[CD]X|R8): ", text)
    reg = operand[1].lower() if operand else ""
    if reg and "address is 4KB aligned" in text:
        return Case({reg: getattr(kit.valid(leaf), reg) | HKID_BITS})
    if reg and "inside a fully initialised 1GB block" in text:
        return Case({reg: FAR_AWAY})
    if reg and "PAMT entry is a 4KB" in text:
        return Case({reg: layout.PAMT_4K})  # PT_RSVD
    if reg and "PAMT entry lock obtained (exclusive)" in text:
        return _taken(leaf, number, reg)
    if text == "TDR.FATAL is clear":
        return Case(prepare=(kit.tdr_field("FATAL", 1),))
    if text.endswith("LIFECYCLE_STATE is TD_KEYS_CONFIGURED"):
        return Case(prepare=(kit.tdr_field("LIFECYCLE_STATE", 0),))
    if text == "at least 6 TDCX pages were added":
        return Case(prepare=(kit.tdr_field("NUM_TDCX", 5),))
    if text == "TDCS.OP_STATE is in this leaf's allowed set":
        return Case(prepare=(kit.tdcs_field("OP_STATE", _forbidden(leaf)),))
    return None


def _taken(leaf: str, number: int, reg: str) -> Case:
    """An exclusive lock that somebody has: a running vCPU, or the same call for its first operand."""
    first = not any("PAMT entry lock" in check.text for check in BY_NAME[leaf].checks[:number])
    if first:
        return Case({"lp": 1, **({"rcx": layout.TDR} if leaf == "TDH.MNG.CREATE" else {})}, stage="running")
    vcpu = leaf == "TDH.VP.ADDCX"
    return Case({reg: layout.TDVPR if vcpu else layout.TDR})


def _forbidden(leaf: str) -> int:
    """An OP_STATE that the leaf is not allowed in."""
    from tdxviz.core.arch.state_table import OP_STATES

    allowed = BY_NAME[leaf].op_states
    return next(value for name, value in reversed(OP_STATES.items()) if name not in allowed)


def sept_entry(gpa: int, state: str) -> kit.Prepare:
    """Overwrite one level-0 entry of the Secure EPT with another state, as an export would."""

    def prepare(machine) -> None:
        td = kit.td(machine)
        call = Call(machine.platform, machine.module, 0, BY_NAME["TDH.MR.EXTEND"], {})
        place, reached = call.entry_at(td, gpa, 0)
        assert reached
        call.set_entry(td, place, state, sept.frame(place.value))

    return prepare


ALWAYS: dict[str, tuple[str, ...]] = {
    "TDH.SYS.INIT": ("RCX", "RDX", "R8", "R9", "R10"), "TDH.SYS.LP.INIT": ("RCX", "RDX", "R8"),
    "TDH.SYS.TDMR.INIT": ("RDX",), "TDH.MNG.INIT": ("RCX",),
    "TDG.VP.RD": ("RDX", "R8"), "TDG.VM.RD": ("R8",), "TDG.SYS.RD": ("RDX", "R8"),
}  # fmt: skip
"""Leaf -> registers that every exit of it writes."""
L2_ROOTS = (0x0070_0000, 0x0070_1000, 0x0070_2000)
"""Free pages that the scenario never uses."""


def partitioned(count: int) -> kit.Prepare:
    """As if the TD had been made for so many L2 VMs: each has the root of a Secure EPT."""

    def prepare(machine) -> None:
        td = kit.td(machine)
        for vm, page in enumerate(L2_ROOTS[:count]):
            physical.write_page_direct(machine.platform, page, td.hkid, bytes(4096))
            machine.module.set_page(page, PamtEntry("PT_TDCX", layout.TDR))
            td.tdr[f"TDCX_PA{6 + vm}"] = page
        td.tdr["NUM_TDCX"] = 6 + count
        td.tdcs["NUM_L2_VMS"] = count
        td.add_children(count)

    return prepare


NO_ENTROPY = (kit.config(entropy=False),)
BLOCKED_KEYS = (kit.config(pconfig_free=False),)
LARGE_LEAF = kit.first("TDH.MEM.PAGE.AUG", rcx=TD_2M | 1, rdx=layout.TDR, r8=kit.FREE_PAGE)
