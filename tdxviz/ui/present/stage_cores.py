"""The boxes of the stage that hold registers and translations: both cores, TLB, TDX module."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tdxviz.core import events as e
from tdxviz.core.arch import status
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.units import Hpa
from tdxviz.ui.present.ask import Ask
from tdxviz.ui.present.film_parts import RULES, SHORT_RULES, Film
from tdxviz.ui.present.hexes import actor_title, bare, hex_bytes, readable
from tdxviz.ui.present.stage_parts import Box, CodeLine, Core, Register, Words

if TYPE_CHECKING:  # because the core is heavy
    from tdxviz.core.peek import PageInfo, VcpuInfo

FAVOURITES = (0, 7, 6, 3, 1, 2, 4)
"""Registers shown when nothing changed and the instruction names none: RAX, RDI, RSI, RBX, ..."""
SHOWN_REGISTERS = 3
CODE_LINES = 9


def letter(actor: str) -> str:
    """``A`` of ``td-a``."""
    return actor[-1:].upper()


# --- core 0 ---------------------------------------------------------------------------------------


def guest_core(ask: Ask, before: tuple[int, ...]) -> Core:
    """Core 0: the guest's own instructions and registers while it runs, who holds them if not."""
    if not ask.powered:
        return _dark_core()
    vcpu = ask.vcpu()
    who = actor_title(vcpu.actor)
    tone = "legacy" if ask.world == "legacy" else "td_a"
    if vcpu.running_on is None:
        return _left_core(ask, vcpu, who)
    code = tuple(CodeLine(rip, text, now) for rip, _, text, now in ask.disassembly(CODE_LINES))
    if not code:
        code = (CodeLine(vcpu.rip, "(code not readable)", True),)
    return Core(
        id="core0",
        title=f"Core {vcpu.running_on} · running {who} vCPU 0",
        shorts=(
            f"Core {vcpu.running_on} · {who} vCPU 0",
            f"Core {vcpu.running_on} · {who}",
            f"Core {vcpu.running_on}",
        ),
        lines=(
            Words(
                "registers are plaintext here, and only here",
                "secondary",
                short="plaintext here, and only here",
                brief="plaintext here",
            ),
        )
        if ask.world != "legacy"
        else (Words("registers and memory are open to the host", "bad"),),
        tone=tone,
        view="vcpu",
        tip="The guest's instructions and registers. Enter: all registers",
        code=code,
        registers=_registers(vcpu, before, _current(code)),
    )


def _left_core(ask: Ask, vcpu: "VcpuInfo", who: str) -> Core:
    legacy = ask.world == "legacy"
    words = "bad" if legacy else "good"
    note = "the host can read them all" if legacy else "encrypted: the host finds zeros"
    return Core(
        id="core0",
        title="Core 0 · running the host",
        shorts=("Core 0 · host", "Core 0"),
        lines=(
            Words(f"{who} vCPU 0 is not in a core"),
            Words(f"registers: {vcpu.where}"),
            Words(note, words),
        ),
        tone="host",
        view="vcpu",
        tip="Where the guest's registers are now. Enter: all registers",
    )


def _dark_core() -> Core:
    lines = (Words("no power: registers are gone"), Words("caches and keys are gone too", "secondary"))
    return Core("core0", "Core 0 · switched off", lines, "host", view="vcpu")


def _current(code: tuple[CodeLine, ...]) -> str:
    return next((line.text for line in code if line.current), "")


def _registers(vcpu: "VcpuInfo", before: tuple[int, ...], text: str) -> tuple[Register, ...]:
    changed = [n for n, value in enumerate(vcpu.gprs) if len(before) > n and before[n] != value]
    named = [n for n, name in enumerate(GPR_NAMES) if name[1:].lower() in text.lower()]
    order = list(dict.fromkeys([*changed, *named, *FAVOURITES]))
    picked = [*sorted(order[:SHOWN_REGISTERS]), *sorted(order[SHOWN_REGISTERS:])]
    rows = [Register(GPR_NAMES[n], _value(vcpu.gprs[n]), n in changed) for n in picked]
    moved = len(before) > 16 and before[16] != vcpu.rip
    rows.insert(SHOWN_REGISTERS, Register("RIP", f"{vcpu.rip:x}", moved))
    return tuple(rows)


def _value(value: int) -> str:
    text = readable(value.to_bytes(8, "little"), 8)
    if len(text) >= 6:
        return text
    return f"{value:x}"


# --- core 1 ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class HostAct:
    """What host software last did: instruction, words, bytes in its pill, refused or not."""

    code: str
    hpa: str
    words: str
    token: str = ""
    role: str = "text"
    rule: str = ""
    brief: str = ""


def host_core(past: Sequence[e.Event], pending: e.Event | None = None) -> Core:
    """Core 1: what the host's last read, write or fault was, or what it is waiting for."""
    asked = _host_act(pending) if pending is not None else None
    if asked is not None:
        asked = HostAct(asked.code, asked.hpa, "waits for the line …")
    act = asked or next((found for event in reversed(past) if (found := _host_act(event))), None)
    foot = Words(
        "software attacks start from this core", "secondary", short="attacks start here", brief="attacker"
    )
    if act is None:
        lines: tuple[Words, ...] = (
            Words("has touched nothing yet", "secondary", short="no attack yet"),
            foot,
        )
    else:
        lines = (
            Words(f"{act.code}[{act.hpa}]" if act.hpa else act.code, mono=True, brief=act.hpa or act.code),
            Words(act.words, act.role, short=act.brief),
        )
        short = SHORT_RULES.get(act.rule, "")
        brief = short.partition(": ")[2]
        lines += (Words(act.rule, "secondary", short=short, brief=brief),) if act.rule else ()
        lines += (foot,)
    return Core(
        id="core1",
        title="Core 1 · host VMM (the attacker)",
        shorts=("Core 1 · host VMM", "Core 1 · host", "Core 1"),
        lines=lines,
        tone="host",
        view="attacks",
        tip="Host software: inside the package, but without the key. Enter: the attacks",
        token=act.token if act else "",
    )


def _host_act(event: e.Event) -> HostAct | None:
    match event:
        case e.HostLoaded():
            return HostAct(
                "mov al,", bare(event.hpa), f"KeyID {event.keyid:#x} reads",
                hex_bytes(event.data, 4).removesuffix(" …"), rule=RULES.get(event.rule, event.rule), brief="reads",
            )  # fmt: skip
        case e.HostStored():
            name = "movdir64b" if event.how == "full-line" else "mov"
            return HostAct(f"{name} ", bare(event.hpa), f"KeyID {event.keyid:#x} wrote",
                           hex_bytes(event.data, 4).removesuffix(" …"), rule="writes are never checked", brief="wrote")  # fmt: skip
        case e.HostFaulted():
            return HostAct(f"KeyID {event.keyid:#x} ", bare(event.hpa),
                           f"{event.fault} {event.detail}", role="bad")  # fmt: skip
        case e.HostRegistersRead():
            live = sum(1 for value in event.gprs if value)
            return HostAct("look at RAX … R15", "", f"{live} of 16 are not zero")
        case e.SeamcallFailed():
            return HostAct("seamcall", "", event.how, role="bad")
        case _:
            return None


# --- TLB ------------------------------------------------------------------------------------------


def tlb(ask: Ask, film: Film | None, still: int) -> Box:
    """The translation that this access uses, or the newest one."""
    rows = [row for row in ask.tlb(0) if row.valid]
    wanted = film.gla >> 12 if film and film.gla is not None else None
    row = next((r for r in rows if wanted is not None and r.gla >> 12 == wanted), None)
    if row is None and wanted is None and rows:
        row = rows[-1]
    if row is None:
        words = f"{len(rows)} other entries" if rows else "empty"
        missing = f"no entry for {wanted:05x}" if wanted is not None else "no entry"
        lines = (Words(missing, mono=True, brief="no entry"), Words(words, "secondary"))
        return Box("tlb", "TLB", lines, view="tlb", tip="Cached translations. Enter: all entries")
    state = _tlb_words(film, still)
    pair = f"{row.gla >> 12:05x}→{row.hpa >> 12:05x}"
    stale = "" if row.state == "ok" else f", {row.state}"
    return Box(
        id="tlb",
        title="TLB",
        lines=(
            Words(f"{letter(row.actor)}/{row.vcpu} {pair}", mono=True, short=pair, brief=pair[5:]),
            Words(f"{state}epoch {row.epoch}{stale}", "bad" if stale else "secondary"),
        ),
        view="tlb",
        chip=letter(row.actor),
        tip=f"{row.perms}, KeyID {row.keyid:#x}. Enter: all entries",
    )


def _tlb_words(film: Film | None, still: int) -> str:
    phases = [s.phase for s in film.stills[: still + 1]] if film else []
    if "walk" in phases:
        return "miss, walked, "
    return "hit, " if "cache" in phases else ""


# --- the TDX module -------------------------------------------------------------------------------


def module(ask: Ask, hpa: Hpa, past: Sequence[e.Event]) -> Box:
    """Secure EPT walk and PAMT owner of the page, and the last leaf."""
    if ask.world == "legacy":
        lines = (Words("the host's EPT maps the guest", "secondary"),)
        return Box("module", "No TDX module", lines, active=False, view="sept")
    page = ask.page(hpa)
    lines = _sept_lines(ask, page)
    leaf = next((x for x in reversed(past) if isinstance(x, e.LeafReturned)), None)
    if leaf:
        bad = bool(leaf.status & status.ERROR)
        words = f"{leaf.name} {'refused' if bad else 'returned'}"
        lines += (Words(words, "bad" if bad else "secondary"),)
    return Box("module", "TDX module", lines, "module", view="sept", shorts=("Module",),
               tip="Walks the Secure EPT and keeps the owner of every page. Enter: the walk")  # fmt: skip


def _sept_lines(ask: Ask, page: "PageInfo") -> tuple[Words, ...]:
    owner = Words(f"PAMT {page.kind or 'no type'}, owner {page.letter or 'none'}")
    if page.gpa is None:
        return (owner,)
    walk = ask.walk(page.gpa)
    state = walk.steps[-1].state if walk.steps else page.sept_state
    good = walk.hpa is not None
    mark = "✔" if walk.owner_ok else "✕"
    return (
        Words(
            f"SEPT walk {'✔' if good else '✕'} {state}",
            "text" if good else "bad",
            short=f"SEPT {state}",
            brief=state,
        ),
        Words(
            f"PAMT owner {page.letter or 'none'} {mark}",
            "text" if walk.owner_ok else "bad",
            short=f"owner {page.letter or 'none'} {mark}",
            brief=f"{page.letter or 'none'} {mark}",
        ),
    )
