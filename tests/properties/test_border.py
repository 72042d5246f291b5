"""The border between guest and host, at random: what the host sees, and what interruption leaves behind."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tdxviz.core import events as e
from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.arch.registers import GPR_NAMES
from tdxviz.core.commands import HostRead, HostWrite, RaiseInterrupt, ReadHostRegisters, RunGuest, Seamcall
from tdxviz.core.host import layout
from tdxviz.core.hw import path
from tdxviz.core.tdx import guest_memory
from tests.core.tdx import kit

CODE, DATA = layout.GUEST_BASE + 0x2000, layout.GUEST_BASE + 0x9000
SECRET = 0x5EC4_0000_0000_0000
LENGTH, ROUNDS = 24, 6
MASK = 1 << 10 | 1 << 11 | 1 << 12
"""R10, R11, R12: what the guest gives to the host by TDVMCALL."""
ANSWER = {"r10": 0, "r11": 0x0A11, "r12": 0x0A12}

PIECES = {
    "add rax, rbx": "4801d8", "xor rdx, rsi": "4831f2", "rol r8, 5": "49c1c005", "imul r9, rdi": "4c0fafcf",
    "mov [r15], rax": "498907", "mov r13, [r15+8]": "4d8b6f08", "add [r15+8], r9": "4d014f08",
    "push rax; pop rbp": "505d", "xchg r12, r14": "4d87f4", "adc r10, r11": "4d11da", "neg rsi": "48f7de",
    "lea rbx, [rax+rdx*4]": "488d1c90", "bswap r14": "490fce", "cmovc r11, r9": "4d0f42d9",
    "tdvmcall": "31c0b9001c0000660f01cc",
}  # fmt: skip


def prepared(program: list[str]):
    """The vault's TD with a program of our own, a secret in every register, and nothing else to do."""
    machine = kit.before("running")
    p, lp = machine.platform, machine.platform.lps[0]
    code = b"".join(bytes.fromhex(PIECES[name]) for name in program) + b"\xeb\xfe"
    ctx = guest_memory.translation(p, machine.module, 0)
    for n in range(0, len(code), 32):
        path.store(p, lp, ctx, CODE + n, code[n : n + 32])
    cpu = lp.cpu
    cpu.gprs[:] = [SECRET + (n + 1) * 0x0101_0101 for n in range(16)]
    cpu.gprs[4], cpu.gprs[15], cpu.rip = DATA + 0x800, DATA, CODE
    cpu.xmm[:] = [SECRET + n for n in range(16)]
    cpu.dr[:], cpu.cr2 = [SECRET + 0x10 + n for n in range(4)], SECRET + 0x20
    return machine, CODE + len(code) - 2


def serve(machine) -> None:
    """Enter again; a TDVMCALL is answered, after any other exit the same registers mean nothing."""
    machine.do(Seamcall(rax=BY_NAME["TDH.VP.ENTER"].number, rcx=layout.TDVPR, rdx=7, rbx=9, **ANSWER))


def finish(machine, end: int) -> None:
    """Run to the end without interruption."""
    for _ in range(100):
        if machine.platform.lps[0].mode == "host":
            serve(machine)
        machine.do(RunGuest(lp=0, steps=500, until=end, trace=False))
        if machine.platform.lps[0].mode == "td":
            return
    raise AssertionError("the program does not end")


def state(machine) -> tuple:
    cpu = machine.platform.lps[0].cpu.copy()
    cpu.quiet_at = -1
    ctx = guest_memory.translation(machine.platform, machine.module, 0)
    read = [path.load(machine.platform, machine.platform.lps[0], ctx, DATA + 64 * n, 64) for n in range(64)]
    return cpu, read


def leaked(machine, events) -> set[str]:
    """Guest registers whose value the host finds somewhere without having been given it."""
    exits = [n for n in events if isinstance(n, e.TdExited)]
    assert exits
    saved = kit.vcpu(machine).vps
    (read,) = machine.do(ReadHostRegisters(lp=0))
    seen = {*read.gprs, *read.xmm, *read.others.values()}
    given = {"R10", "R11", "R12"} if exits[-1].reason == 77 else set()
    names = [*GPR_NAMES, *(f"XMM{n}" for n in range(16)), "DR0", "DR1", "DR2", "DR3", "CR2"]
    allowed = {saved[name] for name in given}
    return {name for name in names if saved[name] >> 32 and saved[name] in seen - allowed}


ACTIONS = st.tuples(
    st.integers(1, 40),
    st.sampled_from(["interrupt", "nmi", "init", "smi"]),
    st.sampled_from(["", "read", "write"]),
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.sampled_from(sorted(PIECES)), min_size=LENGTH, max_size=LENGTH),
    st.lists(ACTIONS, min_size=1, max_size=ROUNDS),
)
def test_the_host_sees_nothing_and_the_guest_notices_nothing(program, rounds):
    machine, end = prepared(program)
    calm = machine.copy()
    finish(calm, end)
    lp = machine.platform.lps[0]
    for steps, kind, action in rounds:
        if lp.mode == "host":
            serve(machine)
        events = machine.do(RunGuest(lp=0, steps=steps, until=end, trace=False))
        if lp.mode == "td":
            machine.do(RaiseInterrupt(lp=0, vector=0x31, kind=kind))
            events = machine.do(RunGuest(lp=0, steps=1, trace=False))
        assert lp.mode == "host"
        assert leaked(machine, events) == set()
        if action:
            where = layout.SOURCE_PAGES + 0x40
            machine.do(HostRead(hpa=where) if action == "read" else HostWrite(hpa=where, data=bytes(64)))
    finish(machine, end)
    assert state(machine) == state(calm)
