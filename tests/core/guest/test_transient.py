"""Transient execution: real footprints, nothing else; equal in the fast, the watched and the single-step run."""

import hashlib
import random

import pytest

from tdxviz.core import events as e
from tdxviz.core.arch import msrs
from tdxviz.core.faults import Architectural
from tdxviz.core.guest import block, execute, transient
from tdxviz.core.guest.context import follow_nothing
from tdxviz.core.hw import path, physical
from tdxviz.core.hw.cpu import RAX, RBX, RSP
from tdxviz.core.units import LINE
from tests.core.guest.kit import BASE, CODE, DATA, PAGES, STACK, Guest
from tests.core.hw.kit import RAM

WRONG, RIGHT = 0x200, 0x100
BRANCH = CODE + 5


def poked(parts: dict[int, str], size: int = 0x400) -> bytes:
    code = bytearray(size)
    for at, text in parts.items():
        piece = bytes.fromhex(text)
        code[at : at + len(piece)] = piece
    return bytes(code)


def word(value: int, size: int = 4) -> str:
    return value.to_bytes(size, "little").hex()


def misled(there: str, *, trace: bool = True, trainer: str = "host") -> Guest:
    """JMP RAX goes to RIGHT; the predictor says WRONG, where the code ``there`` stands. RBX = DATA."""
    code = poked({0: "b8" + word(CODE + RIGHT) + "ffe0", RIGHT: "9090ebfe", WRONG: there})
    guest = Guest(code, trace=trace)
    guest.cpu.gprs[RBX] = DATA
    for hpa in range(RAM, RAM + PAGES * 4096, LINE):
        physical.evict(guest.p, hpa, 0, "test")
    guest.lp.predictor.train(BRANCH, CODE + WRONG, trainer)
    guest.news.clear()
    return guest


def cached(guest: Guest, gla: int) -> bool:
    return guest.p.cache.lookup(RAM + gla - BASE & -LINE, 0) is not None


def squashed(guest: Guest) -> e.SpeculationSquashed:
    (found,) = [n for n in guest.news if isinstance(n, e.SpeculationSquashed)]
    return found


@pytest.mark.parametrize("trace", [False, True])
def test_a_wrong_prediction_leaves_a_cache_line_and_nothing_else(trace):
    guest = misled("488b8300010000" + "0faee8", trace=trace)  # mov rax, [rbx+0x100]; lfence
    guest.run(3)
    assert cached(guest, DATA + 0x100) and cached(guest, CODE + WRONG)
    assert (guest.cpu.gprs[RAX], guest.cpu.rip) == (CODE + RIGHT, CODE + RIGHT + 1)
    assert guest.lp.predictor.predict(BRANCH, "vm-a").target == CODE + RIGHT  # it has learned better


def test_events_say_who_trained_and_which_lines_are_left():
    guest = misled("488b8300010000" + "0faee8")
    guest.run(3)
    (began,) = [n for n in guest.news if isinstance(n, e.SpeculationBegan)]
    assert (began.branch, began.predicted, began.actual) == (BRANCH, CODE + WRONG, CODE + RIGHT)
    assert (began.trainer, began.actor) == ("host", "vm-a")
    end = squashed(guest)
    assert (end.executed, end.lines) == (1, (RAM + WRONG, RAM + DATA - BASE + 0x100))
    loads = [n for n in guest.news if isinstance(n, e.MemoryLoaded) and n.kind == "speculative load"]
    assert [n.gla for n in loads] == [DATA + 0x100]
    assert not [n for n in guest.news if isinstance(n, e.MemoryLoaded) and n.kind == "load"]
    retired = [n.rip for n in guest.news if isinstance(n, e.InstructionRetired)]
    assert retired == [CODE, BRANCH, CODE + RIGHT]


def test_a_right_prediction_and_none_at_all_are_silent():
    for target in (CODE + RIGHT, None):
        guest = misled("488b8300010000")
        guest.lp.predictor.barrier()
        if target is not None:
            guest.lp.predictor.train(BRANCH, target, "host")
        guest.run(3)
        assert not [n for n in guest.news if isinstance(n, e.SpeculationBegan)]
        assert not cached(guest, DATA + 0x100)


def test_stores_are_seen_by_later_loads_inside_and_by_nobody_else():
    # mov byte [rbx], 5; movzx eax, byte [rbx]; shl eax, 6; mov eax, [rbx+rax]; lfence
    guest = misled("c60305" + "0fb603" + "c1e006" + "8b0403" + "0faee8")
    guest.run(3)
    assert cached(guest, DATA + 5 * LINE) and not cached(guest, DATA + 6 * LINE)
    assert guest.read(DATA, 1) == b"\x00"
    assert not [n for n in guest.news if isinstance(n, e.MemoryStored)]


@pytest.mark.parametrize(
    ("there", "executed", "why"),
    [
        ("90" + "0faee8", 1, "LFENCE"), ("0fa2", 0, "CPUID"), ("0f22d8", 0, "MOV"), ("0f01f8", 0, "SWAPGS"),
        ("0f0138", 0, "INVLPG"), ("0fae3b", 0, "CLFLUSH"), ("0fc7f0", 0, "RDRAND"), ("f00fb10b", 0, "CMPXCHG"),
        ("f0ff03", 0, "INC"), ("cc", 0, "INT3"), ("8ed8", 0, "MOV"), ("06", 0, "no instruction"),
        ("90" + "8b0425" + "00000000", 1, "EptViolation"), ("31c9" + "f7f1", 1, "GuestFault"), ("0f0b", 0, "UD2"),
        ("ebfe", transient.WINDOW, "resolved"), ("ff2b", 0, "JMP"), ("ff1b", 0, "CALL"),
    ],
)  # fmt: skip
def test_what_ends_it(there, executed, why):
    guest = misled(there)
    guest.run(3)
    assert squashed(guest).executed == executed and why in squashed(guest).why
    assert guest.cpu.rip == CODE + RIGHT + 1
    assert guest.p.drbg.drawn == Guest().p.drbg.drawn


def test_inside_nothing_is_learned_and_nothing_returns_for_real():
    # call +5 (to a RET); then JMP RBX to data
    guest = misled("e802000000" + "ffe3" + "c3")
    guest.lp.predictor.push_return(0x1234, "vm-a")
    guest.run(2)
    twin = misled("0faee8")
    twin.lp.predictor.push_return(0x1234, "vm-a")
    twin.run(2)
    assert digest(guest) == digest(twin)


def test_a_poisoned_line_is_not_consumed():
    guest = misled("488b8300010000")
    guest.p.memctl.poison(RAM + DATA - BASE + 0x100, 0)
    guest.run(3)
    assert "MachineCheck" in squashed(guest).why
    assert not [n for n in guest.news if isinstance(n, e.MachineCheckRaised)]


# --- RET ------------------------------------------------------------------------------------------


def returning(*, trace: bool) -> Guest:
    """CALL f; f puts another return address on the stack, RET: the return stack knows only the CALL."""
    code = {0: "e8" + word(0x80 - 5) + "488b8300010000" + "0faee8", 0xC0: "9090ebfe"}
    code[0x80] = "b8" + word(CODE + 0xC0) + "48890424" + "c3"
    guest = Guest(poked(code), trace=trace)
    guest.cpu.gprs[RBX] = DATA
    guest.news.clear()
    physical.evict(guest.p, RAM + DATA - BASE + 0x100, 0, "test")
    return guest


@pytest.mark.parametrize("trace", [False, True])
def test_a_return_elsewhere_executes_what_stands_behind_the_call(trace):
    guest = returning(trace=trace)
    guest.run(5)
    assert cached(guest, DATA + 0x100)
    assert (guest.cpu.rip, guest.cpu.gprs[RSP], guest.cpu.gprs[RAX]) == (CODE + 0xC1, STACK, CODE + 0xC0)
    assert not guest.lp.predictor.returns


def test_calls_leave_their_return_address_and_reading_rip_does_not():
    guest = Guest(bytes.fromhex("e800000000" + "e800000000" + "e801000000" + "90" + "ebfe"))
    guest.run(3)
    assert list(guest.lp.predictor.returns) == [(CODE + 15, "vm-a")]


def test_a_return_with_an_empty_stack_is_not_predicted():
    guest = returning(trace=True)
    guest.run(1)
    guest.lp.predictor.barrier()
    guest.run(4)
    assert not [n for n in guest.news if isinstance(n, e.SpeculationBegan)]


# --- CET ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("there", "executed"), [("90", 0), ("f30f1efa" + "0faee8", 1)])
def test_with_branch_tracking_only_endbranch_is_executed(there, executed):
    guest = misled(there)
    guest.write(CODE + RIGHT, bytes.fromhex("f30f1efa"))
    guest.cpu.cr0, guest.cpu.cr4 = guest.cpu.cr0 | 1 << 16, guest.cpu.cr4 | 1 << 23
    guest.cpu.msrs[msrs.S_CET] = 4
    guest.cpu.refresh_cet()
    guest.run(3)
    assert squashed(guest).executed == executed


def test_with_a_shadow_stack_it_ends_at_a_call():
    guest = misled("90" + "e800010000")
    guest.cpu.cr0, guest.cpu.cr4 = guest.cpu.cr0 | 1 << 16, guest.cpu.cr4 | 1 << 23
    guest.cpu.msrs[msrs.S_CET], guest.cpu.ssp = 1, DATA + 0x800
    guest.cpu.refresh_cet()
    guest.run(3)
    assert squashed(guest).why.startswith("CALL waits")


# --- the three tiers, and the property -------------------------------------------------------------


def digest(guest: Guest) -> str:
    h = hashlib.sha256()
    guest.lp.predictor.digest(h)
    return h.hexdigest()


PIECES = [
    "01d9", "8b13", "89530a", "0fb603c1e0058b1403", "0fb603", "ff03", "51", "5a", "0faee8", "31c0", "90", "83c308",
]  # fmt: skip
SLOTS = 12
"""Pieces of code at multiples of 64; each ends with CALL, RET, JMP or CALL through RCX to another."""


def maze(seed: int) -> bytes:
    c = random.Random(seed)
    parts: dict[int, str] = {}
    for slot in range(SLOTS):
        text = "bc" + word(STACK - 8 * c.randrange(20, 60)) if c.random() < 0.4 else ""
        text += (
            "".join(c.choice(PIECES) for _ in range(c.randrange(4)))
            + "bb"
            + word(DATA + c.randrange(0, 0xF00, 8))
        )
        goal = CODE + 64 * c.randrange(SLOTS)
        here = CODE + 64 * slot + len(text) // 2
        match c.randrange(4):
            case 0:
                text += "e8" + word(goal - here - 5 & 0xFFFF_FFFF)
            case 1:
                text += "c3"
            case 2:  # mov ecx, goal; sometimes another goal by the parity of eax
                text += (
                    "b9" + word(goal) + "a801" + "7405" + "b9" + word(CODE + 64 * c.randrange(SLOTS)) + "ffe1"
                )
            case _:
                text += "b9" + word(goal) + "ffd1"
        behind = CODE + 64 * slot + len(text) // 2 + 5
        parts[64 * slot] = text + "e9" + word(CODE + 64 * c.randrange(SLOTS) - behind & 0xFFFF_FFFF)
    return poked(parts)


def in_maze(seed: int, *, trace: bool = False) -> Guest:
    c = random.Random(seed)
    guest = Guest(maze(seed))
    guest.write(DATA, c.randbytes(64))
    for n in range(64):  # something to return to
        guest.write(STACK - 512 + 8 * n, (CODE + 64 * c.randrange(SLOTS)).to_bytes(8, "little"))
    guest.cpu.gprs[:] = [c.getrandbits(16) for _ in range(16)]
    guest.cpu.gprs[RBX], guest.cpu.gprs[RSP] = DATA, STACK - 256
    for slot in range(0, SLOTS, 2):
        guest.lp.predictor.push_return(CODE + 64 * c.randrange(SLOTS), "host")
        for at in range(64):
            guest.lp.predictor.train(CODE + 64 * slot + at, CODE + 64 * c.randrange(SLOTS), "host")
    guest.news.clear()
    guest.p.trace = trace
    return guest


def ended(guest: Guest, steps: int, *, one: bool = False) -> tuple:
    done = 0
    try:
        while done < steps:
            done += guest.run(1 if one else steps - done)
    except Architectural as outcome:
        return type(outcome), outcome.args, done + outcome.executed
    return None, (), done


def whole(guest: Guest) -> tuple:
    return guest.cpu, guest.lp.tlb.entries(), guest.p.cache.lines, guest.p.cache._sets, digest(guest)


@pytest.mark.parametrize("seed", range(40))
def test_fast_watched_and_single_steps_end_the_same_footprints_included(seed):
    fast, watched, steps = in_maze(seed), in_maze(seed, trace=True), in_maze(seed)
    ends = [ended(fast, 600), ended(watched, 600), ended(steps, 600, one=True)]
    assert ends[0] == ends[1] == ends[2]
    assert whole(fast) == whole(watched) == whole(steps)


@pytest.mark.parametrize("seed", range(40))
def test_architectural_state_is_that_of_a_machine_without_prediction(seed, monkeypatch):
    guest = in_maze(seed, trace=True)
    end = ended(guest, 600)
    monkeypatch.setattr(execute.transient, "run", follow_nothing)
    plain = in_maze(seed, trace=True)
    assert ended(plain, 600) == end
    assert guest.cpu == plain.cpu
    guest.p.trace = plain.p.trace = False
    for page in range(0, PAGES * 4096, LINE):
        ours, theirs = (path.load(g.p, g.lp, g.ctx, BASE + page, LINE) for g in (guest, plain))
        assert ours == theirs
    real = [n for n in guest.news if isinstance(n, e.InstructionRetired | e.MemoryStored)]
    assert real == [n for n in plain.news if isinstance(n, e.InstructionRetired | e.MemoryStored)]


def test_the_mazes_really_go_astray():
    found = 0
    for seed in range(40):
        guest = in_maze(seed, trace=True)
        ended(guest, 600)
        found += sum(isinstance(n, e.SpeculationSquashed) and n.executed > 2 for n in guest.news)
    assert found > 100


def test_flags_that_a_block_has_not_written_yet_are_those_of_the_branch():
    # loop: call f; (ahead: setc dl; movzx edx, dl; shl edx, 6; mov edx, [rbx+rdx]; lfence)
    # f: return to "back" instead; cmp ecx, 1 (sets CF); ret      back: clc; pushf; popf; jmp loop
    parts = {0: "e83b000000" + "0f92c2" + "0fb6d2" + "c1e206" + "8b1413" + "0faee8"}
    parts[0x40] = "b8" + word(CODE + 0x80) + "48890424" + "83f901" + "c3"
    parts[0x80] = "f8" + "9c" + "9d" + "e9" + word(-0x88 & 0xFFFF_FFFF)
    guest = Guest(poked(parts))
    guest.cpu.gprs[RBX] = DATA
    guest.run(60 * 9)
    assert block.site(CODE + 0x40, 64, guest.p.cache.lookup(RAM + 0x40, 0).data, b"").block is not None
    for n in range(2):
        path.evict(guest.p, RAM + DATA - BASE + n * LINE, 0, "test")
    guest.run(9)
    assert cached(guest, DATA + LINE) and not cached(guest, DATA)


def test_a_run_notices_that_lines_came_and_went():
    guest = misled("488b8300010000" + "0faee8", trace=False)
    x = guest.context()
    x.stray = transient.run
    x.steered(BRANCH, CODE + RIGHT)
    assert x.stale
    assert cached(guest, DATA + 0x100)


def test_hot_calls_and_returns_are_translated():
    # loop: call f; jmp loop; f: ret
    guest = Guest(bytes.fromhex("e802000000" + "ebf9" + "c3"))
    guest.run(600)
    line = guest.p.cache.lookup(RAM, 0).data
    assert block.site(CODE, 64, line, b"").block is not None
    assert not guest.lp.predictor.returns
    guest.run(1)
    assert list(guest.lp.predictor.returns) == [(CODE + 5, "vm-a")]
