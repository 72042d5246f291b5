"""What one line costs: fetched, decrypted and checked, against the bare cryptography it stands for.

The yardstick is one AES-XTS call of the `cryptography` package on 64 bytes plus one SHA3-256 over the
MAC's input, made and finished as one has to. Aim: at most 0.6 of it.

Run: python benchmarks/bench_line.py [LINES]
"""

import hashlib
import sys
import time
from collections.abc import Callable

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from tdxviz.core.hw.mee import encrypt_line
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import LINE, World

KEYID, AT, ROUNDS = 33, 0x10_0000, 7


def seconds(work: Callable[[], object], count: int) -> float:
    """Best of a few rounds, for one piece of work."""
    times = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        for _ in range(count):
            work()
        times.append((time.perf_counter() - start) / count)
    return min(times)


def yardstick() -> Callable[[], object]:
    key, text = bytes(range(32)), bytes(LINE)

    def work() -> None:
        tweak = AT.to_bytes(16, "little")
        Cipher(algorithms.AES(key), modes.XTS(tweak)).decryptor().update(text)
        hashlib.sha3_256(key[:16] + text + tweak + b"\x01").digest()

    return work


def reader(world: World) -> Callable[[], object]:
    platform = Platform.fresh(world, 7)
    platform.keys.program(KEYID, platform.drbg)
    platform.memctl.write_line(AT, KEYID, bytes(LINE))
    return lambda: platform.memctl.read_line(AT, KEYID)


def writer(world: World) -> Callable[[], object]:
    platform = Platform.fresh(world, 7)
    platform.keys.program(KEYID, platform.drbg)
    return lambda: platform.memctl.write_line(AT, KEYID, bytes(LINE))


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    platform = Platform.fresh("ci", 7)
    platform.keys.program(KEYID, platform.drbg)
    key = platform.keys.key(KEYID)
    assert key is not None
    measured = {
        "yardstick: one XTS call + one SHA3": yardstick(),
        "read a line, ci": reader("ci"),
        "read a line, li": reader("li"),
        "write a line, ci": writer("ci"),
        "encrypt only": lambda: encrypt_line(key, AT, bytes(LINE)),
    }
    times = {name: seconds(work, count // ROUNDS) for name, work in measured.items()}
    base = times["yardstick: one XTS call + one SHA3"]
    for name, each in times.items():
        print(f"{name:38} {each * 1e6:7.2f} us   ratio {each / base:.2f}")
    ratio = times["read a line, ci"] / base
    print(f"one line decrypted and checked ÷ yardstick = {ratio:.2f} (aim <= 0.60)")


if __name__ == "__main__":
    main()
