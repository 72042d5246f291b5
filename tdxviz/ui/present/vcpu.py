"""A vCPU's registers: decoded, compared with before, and with what the host finds."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tdxviz.core.units import Hpa
from tdxviz.ui.present.hexes import actor_title, owner_token
from tdxviz.ui.present.questions import Questions

if TYPE_CHECKING:  # the core is heavy and must not be imported before the first paint
    from tdxviz.core.peek import VcpuInfo
    from tdxviz.session.inside import Spot

NAMES = ("RAX", "RCX", "RDX", "RBX", "RSP", "RBP", "RSI", "RDI", *(f"R{n}" for n in range(8, 16)))
"""General registers in encoding order."""
RFLAGS = ((0, "CF"), (2, "PF"), (4, "AF"), (6, "ZF"), (7, "SF"), (8, "TF"), (9, "IF"), (10, "DF"), (11, "OF"))
CR0 = ((0, "PE"), (1, "MP"), (2, "EM"), (3, "TS"), (5, "NE"), (16, "WP"), (18, "AM"), (31, "PG"))
CR4 = (
    (4, "PSE"),
    (5, "PAE"),
    (6, "MCE"),
    (7, "PGE"),
    (9, "OSFXSR"),
    (13, "VMXE"),
    (20, "SMEP"),
    (21, "SMAP"),
)
EFER = ((0, "SCE"), (8, "LME"), (10, "LMA"), (11, "NXE"))
FLAG_TIPS = {
    "RFLAGS": "Status and control flags of the guest.",
    "CR0": "PG: paging on. PE: protected mode. WP: write protection also for the kernel.",
    "CR4": "PAE: 64-bit entries in page tables. MCE: machine checks are taken.",
    "EFER": "LMA: 64-bit mode is active. NXE: pages may forbid execution.",
    "CR3": "Guest-physical address of the guest's own page tables.",
    "RIP": "Address of the next instruction.",
}


@dataclass(frozen=True, slots=True)
class Register:
    """``host`` is what host software finds in this register while it runs; None while a guest does."""

    name: str
    value: int
    old: int | None
    """Value before the step just made, if it changed."""
    points: Hpa | None
    """Where it points, if it is an address of mapped guest memory."""
    symbol: str
    host: int | None
    leak: bool
    """The host finds the guest's own value (and it is not zero)."""
    ghost: int | None = None
    """Value at the newest bookmark, if it is another one."""

    @property
    def text(self) -> str:
        return hex64(self.value)

    @property
    def tooltip(self) -> str:
        words = [f"{self.name} = {self.value:#x} ({self.value})."]
        if self.old is not None:
            words.append(f"It was {self.old:#x} before this step.")
        if self.ghost is not None:
            words.append(f"At the bookmark it is {self.ghost:#x}.")
        if self.points is not None:
            where = f", {self.symbol}" if self.symbol else ""
            words.append(f"An address of the guest{where}: HPA {self.points:#x}. Click: choose that line.")
        if self.host is not None:
            words.append(f"Host software finds {self.host:#x} here.")
        return "\n".join(words)


@dataclass(frozen=True, slots=True)
class Special:
    """A control register with the names of the bits that are set."""

    name: str
    text: str
    flags: str
    changed: bool
    tooltip: str


@dataclass(frozen=True, slots=True)
class Instruction:
    rip: int
    code: str
    text: str
    current: bool
    label: str
    """Name of the guest program at this address; empty if it has none."""


@dataclass(frozen=True, slots=True)
class VcpuPicture:
    title: str
    detail: str
    owner: str
    running: bool
    sealed: bool
    """Saved under the TD's key: the host cannot read them."""
    there: bool
    """There is such a guest."""
    registers: tuple[Register, ...]
    specials: tuple[Special, ...]
    xmm: tuple[tuple[int, str, bool], ...]
    """Number, value, changed: of registers that are not zero or changed."""
    code: tuple[Instruction, ...]
    caption: str
    bad: bool


def hex64(value: int) -> str:
    """``0000 0000 8000 3540``."""
    digits = f"{value:016x}"
    return " ".join(digits[n : n + 4] for n in range(0, 16, 4))


def short(value: int) -> str:
    """Without leading zeros, grouped."""
    digits = f"{value:x}"
    digits = digits.zfill(-(-len(digits) // 4) * 4)
    return " ".join(digits[n : n + 4] for n in range(0, len(digits), 4))


def flag_names(value: int, table: tuple[tuple[int, str], ...]) -> str:
    """Names of the set bits, ``-`` if none of the known ones is."""
    return " ".join(name for bit, name in table if value >> bit & 1) or "-"


def before(session: Any, moment: Any) -> "Spot":
    """The instant to compare with: the start of the step, else the instruction before."""
    from tdxviz.session.inside import Spot, stepped

    if moment.news and moment.depth is None:
        return Spot(max(moment.index - len(moment.news), 0))
    here = Spot(moment.index, moment.depth)
    earlier = stepped(session.timeline, here, -1)
    told = earlier.depth is None and not session.timeline.instructions
    return Spot(max(moment.index - 1, 0)) if told and moment.depth is None else earlier


def progress(moment: Any) -> tuple[str, str]:
    """Where among the instructions of the recording this is: words, and what to say of them."""
    if not moment.instructions:
        return "", ""
    where = f"instruction {moment.instruction:,} of {moment.instructions:,}"
    if moment.depth is None:
        return where, "Instructions that guests executed in this recording, told or not."
    return f"{where}, inside a run", (
        "This run told nothing while it ran. What is shown is computed anew from the copy before it; "
        "it is the state after exactly this instruction."
    )


def picture(
    ask: Questions, old: "VcpuInfo | None", instructions: int = 12, ghost: "VcpuInfo | None" = None
) -> VcpuPicture:
    """Everything the panel shows. ``old``: the vCPU before the step just made; ``ghost``: at the
    newest bookmark."""
    info = ask.vcpu()
    there = info.where != "no such guest"
    running = info.running_on is not None
    lp = info.running_on if running else _last_lp(ask)
    host = None if running or not there else ask.host_registers(lp or 0)
    symbols = ask.symbols() if there else {}
    registers = tuple(_register(ask, info, old, n, host, symbols, ghost) for n in range(16))
    sealed = info.where == "saved in TDVPS"
    leaks = [r.name for r in registers if r.leak]
    return VcpuPicture(
        title=f"vCPU of {actor_title(info.actor)}" if there else "vCPU",
        detail=_detail(info, there),
        owner=owner_token(info.actor),
        running=running,
        sealed=sealed,
        there=there,
        registers=registers,
        specials=_specials(info, old, symbols),
        xmm=_xmm(info, old),
        code=_code(ask, instructions, symbols) if there else (),
        caption=_caption(running, sealed, there, leaks, registers),
        bad=bool(leaks),
    )


def _last_lp(ask: Questions) -> int:
    """The processor on which the guest ran last, as far as anybody can tell: the first with its entries."""
    return next((lp for lp in range(len(ask.modes())) if ask.tlb(lp)), 0)


def _detail(info: "VcpuInfo", there: bool) -> str:
    if not there:
        return "there is no guest yet"
    bits = f"{info.mode_bits}-bit mode"
    if info.running_on is not None:
        return f"running on LP{info.running_on} · {bits}"
    return f"not running · {info.where} · {bits}"


def _register(
    ask: Questions, info: "VcpuInfo", old: "VcpuInfo | None", number: int,
    host: tuple[int, ...] | None, symbols: dict[str, int], ghost: "VcpuInfo | None" = None,
) -> Register:  # fmt: skip
    value = info.gprs[number]
    before = old.gprs[number] if old is not None and old.gprs[number] != value else None
    near = symbol(value, symbols) if _address_like(value) else ""
    found = host[number] if host is not None else None
    return Register(
        NAMES[number], value, before, ask.translate(value) if _address_like(value) else None, near,
        found, found is not None and found == value and value > 0xFFF,
        ghost.gprs[number] if ghost is not None and ghost.gprs[number] != value else None,
    )  # fmt: skip


def _address_like(value: int) -> bool:
    """Worth a page walk: below the non-canonical hole and not a small number."""
    return 0x1000 <= value < 1 << 47


def symbol(address: int, symbols: dict[str, int]) -> str:
    """``password``, ``loop+0x1e``: the nearest name at most a page before; else empty."""
    best = max((at for at in symbols.values() if at <= address), default=None)
    if best is None or address - best >= 0x1000:
        return ""
    name = next(name for name, at in symbols.items() if at == best)
    return name if best == address else f"{name}+{address - best:#x}"


def _specials(info: "VcpuInfo", old: "VcpuInfo | None", symbols: dict[str, int]) -> tuple[Special, ...]:
    rows = (
        ("RIP", info.rip, symbol(info.rip, symbols)),
        ("RFLAGS", info.rflags, flag_names(info.rflags, RFLAGS)),
        ("CR0", info.cr0, flag_names(info.cr0, CR0)),
        ("CR3", info.cr3, "guest's page tables" if info.cr3 else "-"),
        ("CR4", info.cr4, flag_names(info.cr4, CR4)),
        ("EFER", info.efer, flag_names(info.efer, EFER)),
    )
    return tuple(
        Special(
            name,
            short(value),
            flags,
            _changed(old, name.lower(), value),
            f"{name} = {value:#x}: {flags}\n{FLAG_TIPS[name]}",
        )
        for name, value, flags in rows
    )


def _changed(old: "VcpuInfo | None", name: str, value: int) -> bool:
    return old is not None and getattr(old, name) != value


def _xmm(info: "VcpuInfo", old: "VcpuInfo | None") -> tuple[tuple[int, str, bool], ...]:
    found: list[tuple[int, str, bool]] = []
    for number, value in enumerate(info.xmm):
        changed = old is not None and old.xmm[number] != value
        if value or changed:
            found.append((number, f"{value:032x}", changed))
    return tuple(found)


def _code(ask: Questions, count: int, symbols: dict[str, int]) -> tuple[Instruction, ...]:
    names = {at: name for name, at in symbols.items()}
    return tuple(
        Instruction(rip, code.hex(" "), text, current, names.get(rip, ""))
        for rip, code, text, current in ask.disassembly(count)
    )


def _caption(
    running: bool, sealed: bool, there: bool, leaks: list[str], registers: tuple[Register, ...]
) -> str:
    if not there:
        return "There is no guest on this machine yet: nothing has been built, or the machine lost power."
    if running:
        return "Registers are plain text inside the core, and only the guest reaches them now."
    if leaks:
        some = ", ".join(leaks[:6]) + (" …" if len(leaks) > 6 else "")
        return f"The host finds the guest's own values in {some}."
    if sealed:
        kept = [r.name for r in registers if r.host]
        some = f"; {', '.join(kept[:6])} tell why the TD stopped" if kept else ""
        return f"Sealed in encrypted pages. The module scrubbed what the host finds{some}."
    return "The guest does not run; its registers are kept by the hypervisor."


def describe(shown: VcpuPicture) -> str:
    """Where the registers are, what changed, what comes next."""
    changed = [f"{r.name} from {r.old:#x} to {r.value:#x}" for r in shown.registers if r.old is not None]
    next_one = next((i.text for i in shown.code if i.current), "")
    rip = next(s for s in shown.specials if s.name == "RIP")
    return (
        f"{shown.title}, {shown.detail}. RIP {rip.text} {rip.flags}. "
        + (f"Next instruction: {next_one}. " if next_one else "")
        + (f"Changed: {', '.join(changed)}. " if changed else "")
        + shown.caption
    )
