"""256 MiB of private memory: built page by page, accepted page by page, torn down again. Seconds are
processor seconds of this one process, so that a busy machine disturbs them less.

The yardstick, measured in the same run: what the cryptography of those pages alone costs with one call
of the `cryptography` package (AES-XTS) and of SHA3-256 a line, for a sample of pages. Aim on a quiet
machine: 65,536 pages within 10 s each way, at most 400 MB of peak memory.

Run: python benchmarks/bench_build.py [PAGES]
"""

import hashlib
import resource
import sys
import time
from collections.abc import Iterator

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tdxviz.core.arch.leaves import BY_NAME
from tdxviz.core.commands import Command, HostWrite, RaiseInterrupt, RunGuest, Seamcall
from tdxviz.core.drive import drive
from tdxviz.core.events import LeafReturned
from tdxviz.core.guest import programs
from tdxviz.core.guest.programs import Program
from tdxviz.core.host import boot, layout
from tdxviz.core.machine import Machine
from tdxviz.core.units import GIB, LINE, MIB, PAGE

SIZE = 2 * GIB
FIRST = 4 * GIB
"""GPA of the first of the pages."""
CODE = layout.GUEST_BASE
SOURCES = 16
"""The host copies pages in from so many different ones; private memory keeps each copy by itself."""
SAMPLE = 256
AIM_SECONDS, AIM_MB = 10.0, 400.0


def yardstick(pages: int) -> float:
    """Seconds for encrypting and authenticating that many pages line by line, and no more."""
    key, text = bytes(range(32)), bytes(LINE)
    start = time.process_time()
    for at in range(0, SAMPLE * PAGE, LINE):
        tweak = at.to_bytes(16, "little")
        cipher = Cipher(algorithms.AES(key), modes.XTS(tweak)).encryptor().update(text)
        hashlib.sha3_256(key[:16] + cipher + tweak + b"\x01").digest()
    return (time.process_time() - start) * pages / SAMPLE


def call(name: str, **regs: int) -> Seamcall:
    return Seamcall(rax=BY_NAME[name].number, **regs)


def carry_out(machine: Machine, commands: Iterator[Command]) -> float:
    """Seconds. Every leaf must succeed."""
    start = time.process_time()
    for command in commands:
        for event in machine.do(command):
            if isinstance(event, LeafReturned) and event.status >> 62:
                raise SystemExit(f"{event.name} answered {event.status:#x}: {event.reason}")
    return time.process_time() - start


def content(number: int) -> bytes:
    return number.to_bytes(8, "little") * (PAGE // 8)


def add_pages(pages: int) -> Iterator[Command]:
    for n in range(SOURCES):
        source = layout.SOURCE_PAGES + n * PAGE
        yield HostWrite(hpa=source, data=content(n), how="full-line", lp=0, trace=False)
    for n in range(pages):
        yield call(
            "TDH.MEM.PAGE.ADD", rcx=FIRST + n * PAGE, rdx=layout.TDR, r8=layout.MORE_PRIVATE + n * PAGE,
            r9=layout.SOURCE_PAGES + n % SOURCES * PAGE,
        )  # fmt: skip


def aug_pages(pages: int) -> Iterator[Command]:
    for n in range(pages):
        hpa = layout.MORE_PRIVATE + n * PAGE
        yield call("TDH.MEM.PAGE.AUG", rcx=FIRST + n * PAGE, rdx=layout.TDR, r8=hpa)


def acceptor(pages: int) -> tuple[Program, int]:
    """The scenario's guest, whose ``main`` accepts all pages one after the other; and where it ends."""
    vault = programs.load("vault")
    main = vault.symbols["main"]
    code = bytes.fromhex("48B9") + FIRST.to_bytes(8, "little")  # mov rcx, FIRST
    code += b"\xbb" + pages.to_bytes(4, "little")  # mov ebx, pages
    loop = bytes.fromhex("B806000000 660F01CC 4881C100100000 FFCB")  # accept, next page, one less
    code += loop + b"\x75" + (-len(loop) - 2 & 0xFF).to_bytes(1, "little")  # jnz
    end = main + len(code)
    page, at = bytearray(vault.pages[CODE]), main - CODE
    page[at : at + len(code) + 2] = code + b"\xeb\xfe"  # and then for ever
    return Program("acceptor", vault.pages | {CODE: bytes(page)}, vault.symbols, {}), end


def accept_pages(pages: int, end: int) -> Iterator[Command]:
    yield call("TDH.VP.ENTER", rcx=layout.TDVPR)
    yield RunGuest(lp=0, steps=8 * pages, until=end, trace=False)
    yield RaiseInterrupt(lp=0)
    yield RunGuest(lp=0, steps=1)


def tear_down(machine: Machine) -> Iterator[Command]:
    assert machine.module is not None
    yield call("TDH.VP.FLUSH", rcx=layout.TDVPR)
    yield call("TDH.MNG.VPFLUSHDONE", rcx=layout.TDR)
    for lp in boot.FIRST_LP_OF_PACKAGE:
        yield call("TDH.PHYMEM.CACHE.WB", lp=lp)
    yield call("TDH.MNG.KEY.FREEID", rcx=layout.TDR)
    children = [page for page, entry in machine.module.pamt.items() if entry.owner == layout.TDR]
    for page in (*children, layout.TDR):
        yield call("TDH.PHYMEM.PAGE.RECLAIM", rcx=page)


def fresh(program: Program) -> Machine:
    """A TD with everything but the pages; not finished, so that pages can be added."""
    machine = Machine("ci", size=SIZE)
    drive(machine, boot.bring_up(SIZE))
    drive(machine, boot.fill_td(program, more=tuple(FIRST + n for n in range(0, GIB // 4, 2 * MIB))))
    return machine


def measure(pages: int) -> dict[str, float]:
    program, end = acceptor(pages)
    one = fresh(program)
    finish = call("TDH.MR.FINALIZE", rcx=layout.TDR)
    times = {"PAGE.ADD": carry_out(one, add_pages(pages))}
    one.do(finish)
    times["teardown of these"] = carry_out(one, tear_down(one))
    del one
    two = fresh(program)
    two.do(finish)
    times["PAGE.AUG"] = carry_out(two, aug_pages(pages))
    times["PAGE.ACCEPT by the guest"] = carry_out(two, accept_pages(pages, end))
    times["teardown of those"] = carry_out(two, tear_down(two))
    return times


def main() -> int:
    pages = int(sys.argv[1]) if len(sys.argv) > 1 else 65_536
    before = yardstick(pages)
    times = measure(pages)
    base = (before + yardstick(pages)) / 2
    print(f"{pages} pages; yardstick (the bare cryptography of so many pages) {base:.1f} s")
    for name, seconds in times.items():
        each = seconds / pages * 1e6
        print(f"{name:28} {seconds:6.2f} s {each:7.1f} us a page   ratio {seconds / base:.2f}")
    values = list(times.values())
    added, accepted = sum(values[:2]), sum(values[2:])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    scale = pages / 65_536
    print(f"added and torn down {added:.1f} s, accepted and torn down {accepted:.1f} s "
          f"(aim {AIM_SECONDS * scale:.1f} s each, on a quiet machine); peak {peak:.0f} MB (aim {AIM_MB:.0f})")  # fmt: skip
    return 0 if max(added, accepted) <= AIM_SECONDS * scale and peak <= AIM_MB else 1


if __name__ == "__main__":
    sys.exit(main())
