"""The guest's instructions against this computer's own processor, form by form.

The first cases of a form run closure by closure, the later ones as a translated block. Flags that the
architecture leaves undefined are not compared. TDXVIZ_ORACLE=full tries 250 cases of each form.
"""

import mmap
import os
import platform
import random

import pytest

from tdxviz.core.faults import GuestFault
from tdxviz.core.guest import block
from tdxviz.core.guest.compiler import compile_at
from tests.core.guest.forms import ALL, DF, FAMILIES, RBX, RSP, SIZES, Form, encode
from tests.core.guest.forms_more import MORE_FAMILIES
from tests.core.guest.kit import CODE, DATA, Guest
from tests.core.guest.native import ROOM, Native, features

FULL = os.environ.get("TDXVIZ_ORACLE") == "full"
CASES = 250 if FULL else block.HOT + 6
OSFXSR = 1 << 9
INTERESTING = (0, 1, 2, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 1 << 31, (1 << 31) - 1, (1 << 32) - 1,
               1 << 63, (1 << 63) - 1, (1 << 64) - 1)  # fmt: skip


@pytest.fixture(scope="module")
def native():
    if platform.machine().lower() not in ("x86_64", "amd64"):
        pytest.skip(f"the oracle is an x86-64 processor; this one is {platform.machine()}")
    if platform.system() != "Linux" or not hasattr(mmap, "PROT_EXEC"):
        pytest.skip("the oracle asks Linux for executable memory below 4 GiB")
    try:
        found = Native()
    except (OSError, ValueError) as error:
        pytest.skip(f"this system gives no executable memory: {error}")
    yield found
    found.close()


def random_registers(c: random.Random) -> list[int]:
    return [c.choice(INTERESTING) if c.random() < 0.3 else c.getrandbits(64) >> c.choice((0, 0, 0, 32, 48, 56))
            for _ in range(16)]  # fmt: skip


def random_flags(c: random.Random, form: Form) -> int:
    """Strings go both ways."""
    return c.getrandbits(12) & (ALL | DF if form.places else ALL) | 0x202


def divisible(c: random.Random, size: int, regs: list[int]) -> None:
    """Half of the time make the high half small, so that the quotient fits."""
    if c.random() < 0.6:
        high = c.choice((0, 0, 1, (1 << size * 8) - 1))
        if size == 1:
            regs[0] = regs[0] & ~0xFF00 | high << 8
        else:
            regs[2] = high


def at_start(form: Form, c: random.Random) -> list[int]:
    """Registers as the guest has them."""
    regs = random_registers(c)
    regs[RSP] = 0
    if form.divides:
        divisible(c, form.divides, regs)
    for register, limit in form.counts:
        regs[register] = c.randrange(limit + 1)
    if form.memory:
        for register, offset in ((RBX, 0), *form.places):
            regs[register] = DATA + offset
    return regs


class Bench:
    """A guest and the processor, with the same form loaded."""

    def __init__(self, native: Native) -> None:
        self.native, self.guest = native, Guest()
        self.guest.cpu.cr4 |= OSFXSR

    def there(self, form: Form, regs: list[int]) -> list[int]:
        """The guest's registers for the processor: pointers move to its buffer."""
        moved = list(regs)
        for register in {RBX, *(register for register, _ in form.places)} if form.memory else set():
            if DATA - 1024 <= regs[register] < DATA + 1024:
                moved[register] += self.native.address - DATA
        return moved

    def case(self, form: Form, c: random.Random) -> str | None:
        """One case; what is wrong with it, or None. Raises GuestFault for a #DE on our side."""
        regs, flags = at_start(form, c), random_flags(c, form)
        defined, memory = form.defined(regs), c.randbytes(ROOM)
        cpu = self.guest.cpu
        if form.memory:
            self.guest.write(DATA, memory)
            self.native.put(memory)
        cpu.gprs[:], cpu.rflags, cpu.rip = regs, flags, CODE
        end = CODE + len(form.code)
        self.guest.run(64, until=end)
        theirs, their_flags = self.native.run(self.there(form, regs), flags)
        mine = self.there(form, cpu.gprs)
        same = mine == theirs and (cpu.rflags ^ their_flags) & defined == 0 and cpu.rip == end
        if form.memory:
            same = same and self.guest.read(DATA, ROOM) == self.native.get()
        if same:
            return None
        return (
            f"{form.name} {form.code.hex()} regs {[hex(r) for r in regs]} flags {flags:#x}: rip {cpu.rip - CODE},"
            f" ours {[hex(r) for r in mine]} {cpu.rflags & defined:#x},"
            f" native {[hex(r) for r in theirs]} {their_flags & defined:#x}"
        )

    def form(self, form: Form, c: random.Random) -> tuple[int, int, list[str]]:
        """Cases, cases that are #DE, and mismatches in words."""
        self.guest.write(CODE, form.code.ljust(64, b"\x90"))
        self.native.load(form.code)
        wrong: list[str] = []
        faults = 0
        for _ in range(CASES):
            try:
                found = self.case(form, c)
            except GuestFault as fault:
                faults += 1
                assert fault.vector == 0, form
                assert form.divides, form
                continue
            wrong += [found] if found else []
        return CASES - faults, faults, wrong


@pytest.mark.parametrize("family", [*FAMILIES, *MORE_FAMILIES], ids=lambda f: f.__name__)
def test_every_form_equals_the_processor(family, native, record_property):
    c, has = random.Random(f"oracle {family.__name__}"), features()
    bench, cases, faults, wrong, forms = Bench(native), 0, 0, [], 0
    for form in family(c):
        if form.needs and form.needs not in has:
            continue
        done, refused, found = bench.form(form, c)
        forms, cases, faults, wrong = forms + 1, cases + done, faults + refused, wrong + found
    print(f"{family.__name__}: {forms} forms, {cases} cases, {faults} #DE, {len(wrong)} mismatches")  # noqa: T201  # the figures are the point
    assert not wrong, "\n".join(wrong[:5])
    assert cases >= forms * CASES // 2


def native_divides(size: int, signed: bool, regs: list[int], divisor: int) -> bool:
    """Whether DIV or IDIV succeeds, by arithmetic alone (a native #DE would end the test run)."""
    bits = size * 8
    whole = regs[0] & 0xFFFF if size == 1 else (regs[2] & (1 << bits) - 1) << bits | regs[0] & (1 << bits) - 1
    if signed:
        whole -= (whole >> 2 * bits - 1) << 2 * bits
        divisor -= (divisor >> bits - 1) << bits
    if divisor == 0:
        return False
    quotient = int(whole / divisor) if abs(whole) < 2**52 else (abs(whole) // abs(divisor)) * (
        1 if (whole < 0) == (divisor < 0) else -1
    )  # fmt: skip
    low, high = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return low <= quotient <= high


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("signed", [False, True])
def test_divide_errors_come_exactly_when_the_quotient_does_not_fit(size, signed):
    c = random.Random(size)
    guest = Guest()
    compiled = compile_at(
        encode(bytes([0xF6 + (size > 1)]), size, 7 if signed else 6, 6).ljust(15, b"\x90"), CODE, 64
    )
    x = guest.context()
    for _ in range(500):
        regs = random_registers(c)
        divisible(c, size, regs)
        guest.cpu.gprs[:] = regs
        fits = native_divides(size, signed, regs, regs[6] & (1 << size * 8) - 1)
        try:
            compiled.op(x)
        except GuestFault:
            assert not fits
            assert guest.cpu.gprs == regs
        else:
            assert fits
