"""Translated blocks end like the same instructions one by one: registers, flags, memory, TLB, caches."""

import random

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import msrs
from tdxviz.core.faults import Architectural
from tdxviz.core.guest import block, execute
from tdxviz.core.hw import physical
from tests.core.guest.forms import FAMILIES
from tests.core.guest.kit import CODE, DATA, STACK, Guest
from tests.core.hw.kit import RAM

FORMS = [form.code for family in FAMILIES for form in family(random.Random("block")) if not form.divides]
OTHERS = [bytes.fromhex(code) for code in (
    "488b4308", "8b4b0c", "8a5310", "668b7302", "488903", "894b24", "885301", "66897b3e", "48890b",
    "50", "58", "4153", "415b", "ff33", "9c", "9d", "4883c43f", "e800000000", "c9", "7400", "7c00",
    "7700", "7a00", "71ff", "488b433c", "4889433d", "f7e1", "48f7eb", "48a5", "aa", "87cb", "fc",
    "488d1d00200000", "48c1e003", "d3e0", "48d3c8", "0fb603", "480fbe03", "488b8380000000",
    "ff83c0000000", "0f013df9ffffff", "0f0138",
)]  # fmt: skip
"""Loads, stores, stack, conditions, and instructions that have no text of their own."""
USEFUL = ["bb00200080", "bb3c200080", "bb00f00180", "bc00400080"]  # mov ebx, DATA...; mov esp, STACK


def program(c: random.Random) -> bytes:
    """Some instructions in a loop; addresses are mostly, not always, good ones."""
    code = bytes.fromhex("bb00200080") if c.random() < 0.5 else bytes.fromhex("4881c37f020000")
    code += bytes.fromhex("bc00400080") * (c.random() < 0.7)
    for _ in range(c.randrange(1, 30)):
        kind = c.random()
        code += (
            c.choice(FORMS)
            if kind < 0.7
            else c.choice(OTHERS)
            if kind < 0.9
            else bytes.fromhex(c.choice(USEFUL))
        )
    back = -(len(code) + 5)
    return code + b"\xe9" + back.to_bytes(4, "little", signed=True)


def prepared(code: bytes, seed: int, *, trace: bool = False, mode: str = "64") -> Guest:
    c = random.Random(seed)
    guest = Guest(code, 32 if mode == "32" else 64)
    guest.write(DATA, c.randbytes(64))
    guest.cpu.gprs[:] = [c.getrandbits(c.choice((64, 32, 8))) for _ in range(16)]
    if mode == "32":
        guest.cpu.gprs[:] = [value & 0xFFFF_FFFF for value in guest.cpu.gprs]
    if mode == "cet":
        guest.cpu.cr0, guest.cpu.cr4 = guest.cpu.cr0 | 1 << 16, guest.cpu.cr4 | 1 << 23
        guest.cpu.msrs[msrs.S_CET], guest.cpu.ssp = 1, DATA + 0x800
        guest.cpu.refresh_cet()
    guest.cpu.gprs[3], guest.cpu.gprs[4] = DATA, STACK
    guest.news.clear()
    guest.p.trace = trace
    return guest


def go(guest: Guest, parts: list[int]) -> tuple:
    """Run in parts until something is raised; how it ended."""
    done = 0
    for steps in parts:
        try:
            end = done + steps
            while done < end:  # a run ends early where the step loop has to look at something
                done += guest.run(end - done)
        except Architectural as outcome:
            return type(outcome), outcome.args, done + outcome.executed
    return None, (), done


def whole(guest: Guest) -> tuple:
    learned = guest.lp.predictor
    known = learned.targets, learned.history, learned.returns
    return guest.cpu, guest.lp.tlb.entries(), guest.p.cache.lines, guest.p.cache._sets, known


@pytest.mark.parametrize("seed", range(60))
def test_blocks_equal_single_steps(seed):
    c = random.Random(seed)
    code = program(c)
    parts = [c.randrange(1, 400) for _ in range(4)]
    fast, slow = prepared(code, seed), prepared(code, seed)
    ends = go(fast, parts), go(slow, [1] * sum(parts))
    assert ends[0] == ends[1], code.hex()
    assert whole(fast) == whole(slow), code.hex()
    assert fast.news == slow.news


@pytest.mark.parametrize("mode", ["64", "32", "cet"])
@pytest.mark.parametrize("seed", range(100, 112))
def test_a_watched_run_ends_the_same_and_its_pieces_tell_the_same(seed, mode):
    c = random.Random(seed)
    code = program(c)
    parts = [c.randrange(1, 100) for _ in range(3)]
    fast = prepared(code, seed, mode=mode)
    watched, steps = (prepared(code, seed, trace=True, mode=mode) for _ in range(2))
    ends = go(fast, parts), go(watched, parts), go(steps, [1] * sum(parts))
    assert ends[0] == ends[1] == ends[2], code.hex()
    assert whole(fast) == whole(watched) == whole(steps), code.hex()
    assert watched.news == steps.news
    assert sum(isinstance(n, e.InstructionRetired) for n in watched.news) == ends[0][2]


def hot(code: str, **registers: int) -> Guest:
    """A guest that is in the middle of a loop which is translated."""
    guest = Guest(bytes.fromhex(code))
    for name, value in registers.items():
        guest.cpu.gprs[int(name[1:])] = value
    guest.run(400)
    return guest


def test_hot_code_is_translated_and_ends_at_its_jump():
    hot("48ffc04801c3ebf8")  # inc rax; add rbx, rax; jmp back
    found = block.site(CODE, 64, bytes.fromhex("48ffc04801c3ebf8").ljust(64, b"\x00"), b"").block
    assert found is not None
    assert found.rips == [CODE, CODE + 3, CODE + 6, CODE + 8]


def test_a_fault_in_the_middle_of_a_block_is_precise():
    # loop: add rbx, 8; cmp rax, rcx; mov rdx, [rbx]; inc rsi; jmp loop
    guest = Guest(bytes.fromhex("4883c3084839c8488b1348ffc6ebf1"))
    guest.cpu.gprs[0], guest.cpu.gprs[1], guest.cpu.gprs[3] = 1, 2, DATA
    with pytest.raises(Architectural) as caught:
        guest.run(100_000)
    turns = guest.cpu.gprs[6]
    assert turns > 100
    assert caught.value.executed == turns * 5 + 2
    assert guest.cpu.rip == CODE + 7
    assert guest.cpu.rflags & 0x8D5 == 0x95  # 1 - 2: CF PF AF SF
    assert guest.cpu.gprs[3] == DATA + (turns + 1) * 8


def test_a_store_into_the_running_block_ends_it():
    # loop: mov byte [loop + 10], bl; inc ebx... the immediate of "add eax, imm8" behind it changes each turn
    guest = Guest(bytes.fromhex("881d07000000ffc390909083c000ebf0"))
    assert guest.run(7 * 200) == 7 * 200
    assert guest.cpu.gprs[0] == sum((n & 0xFF) - (256 if n & 0x80 else 0) for n in range(200)) & 0xFFFF_FFFF


def meddled(guest: Guest, c: random.Random) -> None:
    """What may happen to a guest's code and translations while somebody attends to it."""
    at = RAM + c.randrange(0, 96)
    match c.choice(("nothing", "nothing", "write", "flush", "evict", "page")):
        case "write":
            physical.write_physical(guest.p, at, 0, bytes([c.choice((0x90, 0xF8, 0x50))]))
        case "flush":
            guest.lp.tlb.flush()
        case "evict":
            physical.evict(guest.p, at & -64, 0, "test")
        case "page":
            content = physical.read_physical(guest.p, RAM, 0, 4096)
            physical.write_page_direct(guest.p, RAM, 0, content)


@pytest.mark.parametrize("trace", [False, True])
@pytest.mark.parametrize("seed", range(300, 330))
def test_several_runs_of_one_runner_are_runs_that_remember_nothing(seed, trace):
    c = random.Random(seed)
    code = program(c)
    ours, plain = (prepared(code, seed, trace=trace) for _ in range(2))
    runner = execute.Runner()
    for part in range(40):
        until = CODE + c.randrange(len(code)) if c.random() < 0.3 else None
        steps, ends = c.randrange(1, 120), []
        for guest, run in ((ours, runner.run), (plain, execute.run)):
            try:
                ends.append(run(guest.p, guest.lp, guest.ctx, guest.cpu, steps, until))
            except Architectural as outcome:
                ends.append((type(outcome), outcome.args, outcome.executed))
                guest.cpu.rip = CODE
            meddled(guest, random.Random(seed * 100 + part))
        assert ends[0] == ends[1], (part, code.hex())
        assert whole(ours) == whole(plain), (part, code.hex())
    assert ours.news == plain.news
