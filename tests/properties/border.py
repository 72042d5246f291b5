"""Random guest programs, and a host that interrupts, looks, blocks, moves and reschedules at random."""

from dataclasses import dataclass, field
from random import Random

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.arch import metadata
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.guest.asm.assembler import assemble
from tdxviz.core.host import layout
from tdxviz.core.hw import path
from tdxviz.core.machine import Machine
from tdxviz.core.tdx import guest_memory
from tdxviz.core.units import PAGE
from tests.core.tdx import kit

CODE, DATA = layout.GUEST_BASE + 0x2000, layout.GUEST_BASE + 0x5000
ROOM, STACK = 0x7C0, 0x1000
HKID = layout.HKIDS[0]
FREE = range(0x00E0_0000, 0x00E4_0000, PAGE)
"""Pages that the data page is moved to, one after the other."""
SECRET = 0x5EC4_0000_0000_0000
BIG = ["rax", "rbx", "rdx", "rsi", "rdi", "rbp", "r8", "r9", "r10", "r11", "r12", "r13", "r14"]
PUBLIC = ["r10", "r11", "r12"]
"""Registers that a program without secrets in them may hand to the host."""
SIZES = {8: BIG, 4: ["eax", "ebx", "edx", "esi", "edi", "ebp", *(f"r{n}d" for n in range(8, 15))]}
ANSWERS = {name: 0x0A00 + n for n, name in enumerate(("rbx", "rdx", "rbp", "rsi", "rdi", *BIG[6:]))}
CALL = "xor eax, eax\n mov ecx, {mask:#x}\n tdcall"


# --- programs -------------------------------------------------------------------------------------


def instruction(rng: Random, registers: dict[int, list[str]], label: int) -> str:
    """One to a few instructions that end where they fall through."""
    size = rng.choice((4, 8))
    a, b = rng.choice(registers[size]), rng.choice(registers[size])
    wide = rng.choice(registers[8])
    at = f"[r15+{rng.randrange(ROOM):#x}]"
    xmm, other = rng.randrange(16), rng.randrange(16)
    jump = rng.choice(("jz", "jc", "js", "jo", "jl", "ja", "jp"))
    return rng.choice((
        f"{rng.choice(('add', 'sub', 'xor', 'or', 'and', 'adc', 'sbb', 'cmp', 'test', 'mov', 'xchg', 'imul'))} {a}, {b}",
        f"{rng.choice(('rol', 'ror', 'shl', 'shr', 'sar', 'rcl'))} {a}, {rng.randrange(1, 32)}",
        f"{rng.choice(('neg', 'not', 'inc', 'dec', 'bswap'))} {a}",
        f"{rng.choice(('bts', 'btr', 'btc', 'bt'))} {a}, {rng.randrange(32)}",
        f"lea {wide}, [{wide}+{rng.choice(registers[8])}*{rng.choice((1, 2, 4, 8))}+{rng.randrange(-99, 99)}]",
        f"cmov{jump[1:]} {a}, {b}",
        f"mov {at}, {a}", f"mov {a}, {at}", f"add {at}, {a}", f"lock xadd {at}, {a}",
        f"lock cmpxchg {at}, {a}" if "rax" in registers[8] else "nop",
        f"push {wide}\n pop {rng.choice(registers[8])}",
        f"movups {at}, xmm{xmm}", f"movups xmm{xmm}, {at}", f"pxor xmm{xmm}, xmm{other}", f"movq xmm{xmm}, {wide}",
        f"mov ecx, {rng.randrange(1, 9)}\n {label}: add {a}, {b}\n dec ecx\n jnz {label}b",
        f"{jump} {label}f\n not {a}\n {label}: nop",
        f"push rdi\n lea rdi, {at}\n mov ecx, {rng.randrange(1, 40)}\n rep stosb\n pop rdi",
        f"call {label}f\n jmp {label + 1}f\n {label}: xor {a}, {b}\n ret\n {label + 1}: nop",
        f"mov dr{rng.randrange(4)}, {wide}", f"pushfq\n pop {wide}",
    ))  # fmt: skip


def random_program(rng: Random, length: int) -> str:
    """Any registers anywhere; TDVMCALLs hand over random ones."""
    lines: list[str] = []
    for n in range(length):
        kind = rng.randrange(12)
        if kind == 0:
            mask = sum(1 << number for number in range(2, 15) if number != 4 and rng.random() < 0.4)
            lines += [
                "xor r10d, r10d",
                "mov r11d, 0x10005",
                CALL.format(mask=mask | rng.choice((0, 1 << 17 | 1 << 30))),
            ]
        elif kind == 1:
            lines.append(f"mov eax, {rng.choice((0, 1, 7, 0x8000_0008)):#x}\n xor ecx, ecx\n cpuid")
        else:
            lines.append(instruction(rng, SIZES, 10 * n + 1))
    return "\n".join(lines)


def discreet_program(rng: Random, length: int) -> str:
    """Secrets only ever meet secrets, decide no branch and no address, and stay out of TDVMCALLs."""
    secret = {8: [r for r in BIG if r not in (*PUBLIC, "rdi")]}
    secret[4] = [SIZES[4][BIG.index(r)] for r in secret[8]]
    public = {8: PUBLIC, 4: [f"{r}d" for r in PUBLIC]}
    lines: list[str] = []
    while len(lines) < length:
        if rng.randrange(9) == 0:
            mask = sum(1 << number for number in (10, 11, 12) if rng.random() < 0.7)
            lines += [f"push rax\n {CALL.format(mask=mask)}\n pop rax"]
            continue
        if rng.randrange(5) == 0:
            one, other = rng.choice(PUBLIC), rng.choice(PUBLIC)
            lines.append(f"{rng.choice(('add', 'xor', 'sub', 'mov'))} {one}, {other}")
            continue
        text = instruction(rng, secret if rng.random() < 0.8 else public, 10 * len(lines) + 1)
        moves_data = any(word in text for word in ("[r15", "xmm", "pop"))
        branches = text[0] == "j" or "cmov" in text or "xadd" in text or "cmpxchg" in text
        if not branches and not (moves_data and any(r in text for r in PUBLIC)):
            lines.append(text)
    return "\n".join(lines)


# --- a guest and its host -------------------------------------------------------------------------


@dataclass
class Border:
    """One machine on its way: where the vCPU is, what the host saw, what it was given."""

    machine: Machine
    end: int
    lp: int = 0
    at_home: bool = True
    """The vCPU is associated with ``lp``."""
    data: int = layout.hpa_of(DATA)
    called: bool = False
    """The newest exit was a TDVMCALL: the next entry answers it, on the same processor."""
    moves: int = 0
    seen: list[e.Event] = field(default_factory=list)
    given: set[int] = field(default_factory=set)
    private: set[int] = field(default_factory=set)
    """Values of 33 bits and more that the guest's registers had at an exit."""

    @property
    def inside(self) -> bool:
        return self.machine.platform.lps[self.lp].mode == "td"

    def do(self, command: c.Command) -> tuple[e.Event, ...]:
        """The host acts; what it can see of that is kept."""
        news = self.machine.do(command)
        self.seen += [n for n in news if isinstance(n, VISIBLE)]
        return news

    def call(self, leaf: str, lp: int = 3, **regs: int) -> int:
        return kit.answer(self.do(c.Seamcall(rax=BY_NAME[leaf].number, lp=lp, **regs))).status

    def enter(self) -> None:
        """After a TDVMCALL the answers are given, after any other exit they mean nothing."""
        self.at_home = True
        self.do(c.Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, lp=self.lp, rcx=layout.TDVPR, **ANSWERS))

    def run(self, steps: int) -> None:
        for event in self.do(c.RunGuest(lp=self.lp, steps=steps, until=self.end, trace=False)):
            if isinstance(event, e.TdExited):
                self.called = event.reason == 77
                if self.called:
                    self._hand_over()
        if not self.inside:
            self._remember()
            self.do(c.ReadHostRegisters(lp=self.lp))

    def _hand_over(self) -> None:
        """What the guest selected is the host's from now on."""
        vps = kit.vcpu(self.machine).vps
        mask = vps["RCX"]
        self.given |= {vps[name] for n, name in enumerate(GPR_NAMES) if mask >> n & 1}
        self.given |= {vps[f"XMM{n}"] for n in range(16) if mask >> 16 + n & 1}

    def finish(self) -> None:
        """To the end, undisturbed."""
        for _ in range(200):
            if not self.inside:
                self.enter()
            self.run(2000)
            if self.inside:
                return
        raise AssertionError("the program does not end")

    def state(self) -> tuple[object, list[bytes]]:
        """Registers and data of the guest, which must be in."""
        p, lp = self.machine.platform, self.machine.platform.lps[self.lp]
        assert self.machine.module is not None
        ctx = guest_memory.translation(p, self.machine.module, self.lp)
        return lp.cpu.copy(), [path.load(p, lp, ctx, DATA + 64 * n, 64) for n in range(64)]

    def _remember(self) -> None:
        """The guest's registers as its pages hold them now: nobody else's, unless handed over."""
        vps = kit.vcpu(self.machine).vps
        names = [*GPR_NAMES, *(f"XMM{n}" for n in range(16)), "DR0", "DR1", "DR2", "DR3", "CR2"]
        self.private |= {vps[name] for name in names if vps[name] >> 32}

    def shown(self) -> set[int]:
        """Every number that the host found, in a register or in bytes that it loaded."""
        found: set[int] = set()
        for event in self.seen:
            match event:
                case e.HostRegistersRead():
                    found |= {*event.gprs, *event.xmm, *event.others.values()}
                case e.LeafReturned():
                    found |= set(event.outputs.values()) if event.side == "host" else set()
                case e.HostLoaded() | e.DmaLoaded():
                    found |= {
                        int.from_bytes(event.data[n : n + 8], "little") for n in range(len(event.data) - 7)
                    }
        return found


VISIBLE = (e.HostRegistersRead, e.LeafReturned, e.HostLoaded, e.DmaLoaded, e.TdExited, e.MachineCheckRaised)


def prepared(text: str, secret: int = SECRET) -> Border:
    """The vault's TD with a program of its own and a secret in every register that is not public."""
    machine = kit.before("running")
    p, lp = machine.platform, machine.platform.lps[0]
    code = assemble(text).sections[0][2] + b"\xeb\xfe"
    assert len(code) < PAGE
    assert machine.module is not None
    ctx = guest_memory.translation(p, machine.module, 0)
    for n in range(0, len(code), 32):
        path.store(p, lp, ctx, CODE + n, code[n : n + 32])
    cpu = lp.cpu
    cpu.cr4 |= 1 << 9
    cpu.gprs[:] = [secret + (n + 1) * 0x0101_0101 for n in range(16)]
    for n in (10, 11, 12):
        cpu.gprs[n] = 0x0BEE_0000 + n
    cpu.gprs[1], cpu.gprs[4], cpu.gprs[15], cpu.rip = 0, DATA + STACK - 0x20, DATA, CODE
    cpu.xmm[:] = [secret * 3 + n for n in range(16)]
    cpu.dr[:], cpu.cr2 = [secret + 0x10 + n for n in range(4)], secret + 0x20
    return Border(machine, CODE + len(code) - 2)


# --- what a host may do while the vCPU is out ---------------------------------------------------------


def look(world: Border, rng: Random) -> None:
    where = rng.choice((world.data, layout.TDVPR, layout.TDR, layout.hpa_of(CODE))) + 64 * rng.randrange(64)
    world.do(c.HostRead(hpa=where, lp=2))


def look_by_device(world: Border, rng: Random) -> None:
    world.do(c.DmaMap(iova=0, hpa=rng.choice((world.data, layout.TDVPR))))
    world.do(c.DmaRead(iova=64 * rng.randrange(64), size=64))


def ask_for_a_register(world: Border, rng: Random) -> None:
    name = rng.choice((*GPR_NAMES, "Guest RIP", "Guest RSP", "DR0", "CR2", "IA32_LSTAR"))
    field = next((row for row in metadata.TABLES[metadata.VP] if row.name == name), metadata.named("RBX"))
    world.call("TDH.VP.RD", lp=world.lp, rcx=layout.TDVPR, rdx=field.element_id(0))
    world.at_home = True  # the leaf associates the vCPU with the processor that asks


def press(world: Border, rng: Random) -> None:
    world.do(c.EvictLine(hpa=world.data + 64 * rng.randrange(64), keyid=HKID))
    world.do(c.EvictLine(hpa=layout.TDVPR + 64 * rng.randrange(64), keyid=HKID))


def write_back(world: Border, rng: Random) -> None:
    world.do(c.HostExec(insn="WBINVD", lp=1))


def own_work(world: Border, rng: Random) -> None:
    world.do(c.HostWrite(hpa=layout.SOURCE_PAGES, data=rng.randbytes(64), lp=2, trace=False))


def elsewhere(world: Border, rng: Random) -> None:
    """The vCPU leaves its processor for another."""
    if not world.at_home:
        return
    world.at_home = False
    assert world.call("TDH.VP.FLUSH", lp=world.lp, rcx=layout.TDVPR) == 0
    world.lp = (world.lp + rng.randrange(1, 4)) % 4


def blocked(world: Border, rng: Random) -> None:
    """The data page is taken away for a while: the guest leaves at its first use and goes on later."""
    page = {"rcx": DATA, "rdx": layout.TDR}
    assert world.call("TDH.MEM.RANGE.BLOCK", **page) == 0
    assert world.call("TDH.MEM.TRACK", rcx=layout.TDR) == 0
    world.enter()
    world.run(rng.randrange(1, 30))
    if world.inside:
        interrupt(world, rng)
    assert world.call("TDH.MEM.RANGE.UNBLOCK", **page) == 0


def moved(world: Border, rng: Random) -> None:
    page = {"rcx": DATA, "rdx": layout.TDR}
    target = FREE[world.moves]
    assert world.call("TDH.MEM.RANGE.BLOCK", **page) == 0
    assert world.call("TDH.MEM.TRACK", rcx=layout.TDR) == 0
    assert world.call("TDH.MEM.PAGE.RELOCATE", **page, r8=target) == 0
    world.data, world.moves = target, world.moves + 1


CALM = (look, look_by_device, ask_for_a_register, press, write_back, own_work)
ROUGH = (elsewhere, blocked, moved)


def interrupt(world: Border, rng: Random) -> None:
    """Out of the guest, by whatever comes; the stepping filter may add instructions first."""
    kind = rng.choice(("interrupt", "interrupt", "nmi", "init", "smi"))
    world.do(c.RaiseInterrupt(lp=world.lp, vector=rng.randrange(0x20, 0x100), kind=kind))
    world.run(1)


def disturb(world: Border, rng: Random, rounds: int) -> None:
    """Enter, run a little, interrupt, do things; the vCPU is out or at its end afterwards."""
    for _ in range(rounds):
        if not world.inside:
            world.enter()
        world.run(rng.choice((1, 1, 2, rng.randrange(1, 60))))
        if world.inside:
            interrupt(world, rng)
        for _ in range(rng.randrange(3)):
            rng.choice(CALM if world.called else (*CALM, *ROUGH, *ROUGH))(world, rng)
