"""This computer's own processor as the reference: code between instructions that load and save everything."""

import ctypes
import mmap
from pathlib import Path

from tests.core.guest.forms import RDI, USABLE

LOW_ADDRESSES = 0x40
"""Linux: MAP_32BIT."""
ROOM = 256


class Native:
    """One executable page, reused for each form, and a buffer below 4 GiB."""

    def __init__(self) -> None:
        self.page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | LOW_ADDRESSES
        self.data = mmap.mmap(-1, 4096, flags=flags)
        self.keep = ctypes.c_char.from_buffer(self.page), ctypes.c_char.from_buffer(self.data)
        self.address = ctypes.addressof(self.keep[1]) + 1024
        if self.address >> 32:
            raise OSError("no memory below 4 GiB")
        self.state = (ctypes.c_uint64 * 17)()
        self.call = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(ctypes.addressof(self.keep[0]))

    def load(self, code: bytes) -> None:
        def move(opcode: int, n: int) -> bytes:
            return bytes([0x48 | (n > 7) << 2, opcode, 0x47 | (n & 7) << 3, n * 8])

        others = [n for n in USABLE if n != RDI]
        whole = bytes.fromhex("5355415441554156415757ffb7800000009d")
        whole += b"".join(move(0x8B, n) for n in (*others, RDI)) + code
        whole += bytes.fromhex("57488b7c2408") + b"".join(move(0x89, n) for n in others)
        whole += bytes.fromhex("8f47389c8f8780000000fc5f415f415e415d415c5d5bc3")
        self.page.seek(0)
        self.page.write(whole)

    def run(self, regs: list[int], flags: int) -> tuple[list[int], int]:
        self.state[:16] = regs
        self.state[16] = flags
        self.call(ctypes.addressof(self.state))
        return list(self.state[:16]), self.state[16]

    def put(self, data: bytes) -> None:
        self.data[1024 : 1024 + len(data)] = data

    def get(self) -> bytes:
        return self.data[1024 : 1024 + ROOM]

    def close(self) -> None:
        del self.call, self.keep
        self.page.close()
        self.data.close()


def features() -> set[str]:
    """What the processor has, by the kernel's words."""
    for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
        if line.startswith("flags"):
            return set(line.split())
    return set()
