"""Assemble the guest programs with GNU as and ld, and draw the picture that the vault keeps.

Usage: python tools/assemble_guests.py [--check]   (--check: fail if a stored result differs)
"""

import argparse
import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent.parent / "tdxviz/core/guest/programs"
PAGE = 4096
SECTIONS = {".text": 0x8000_0000, ".fixed": 0x8000_1000, ".tables": 0x8000_6000, ".reset": 0xFFFF_F000}
"""Of the vault."""
LIKE_THE_VAULT = ("vault", "clerk")
"""Programs with the same pages, variables at the same places."""
RUNTIME = SECTIONS | {".tables": 0x8000_2000}
VARIABLES = {
    "password": 0x8000_3540, "picture": 0x8000_4000, "balance": 0x8000_5000, "cell": 0x8000_5040,
    "demand": 0x8000_A000, "table_0": 0x8000_4800, "table_1": 0x8000_5800,
}  # fmt: skip
PLAIN = {".text": 0x8000_0000, "stack": 0x8000_2000, "secret": 0x8000_3000, "picture": 0x8000_4000,
         "balance": 0x8000_5000}  # fmt: skip


def padlock() -> bytes:
    """64 x 64 pixels of a padlock, two pixels a byte."""
    pixels = [[pixel(x, y) for x in range(64)] for y in range(64)]
    flat = [value for row in pixels for value in row]
    return bytes(a | b << 4 for a, b in zip(flat[::2], flat[1::2], strict=True))


def pixel(x: int, y: int) -> int:
    cx, cy = x - 31.5, y - 24.0
    ring = (cx * cx + cy * cy) ** 0.5
    if y < 30 and (9.5 <= ring < 16.5 if y < 24 else 9.5 <= abs(cx) < 16.5):
        edge = min(abs((ring if y < 24 else abs(cx)) - 9.5), abs((ring if y < 24 else abs(cx)) - 16.5))
        return 7 if edge < 1 else 8 if cx < 0 else 6
    if 9 <= x <= 54 and 28 <= y <= 58:
        corner = x in (9, 54) and y in (28, 58)
        if corner:
            return 0
        if x in (9, 54) or y in (28, 58):
            return 1
        hole = ((x - 31.5) ** 2 + (y - 39) ** 2) ** 0.5
        if hole < 4.6 or (abs(x - 31.5) < 2 and 39 <= y <= 51):
            return 10
        if hole < 5.8 or (abs(x - 31.5) < 3.2 and 39 <= y <= 52):
            return 2
        return 5 if y < 31 or x < 12 else 3 if y > 54 or x > 51 else 4
    return 0


def assemble(name: str) -> dict:
    source = HERE / f"{name}.s"
    vault = name in LIKE_THE_VAULT
    sections = SECTIONS if vault else RUNTIME
    with tempfile.TemporaryDirectory() as folder:
        at = Path(folder)
        (at / "padlock.bin").write_bytes(padlock())
        listing, obj, elf = at / "list", at / "out.o", at / "out.elf"
        run("as", "--64", f"-I{folder}", f"-aln={listing}", "-o", obj, source, cwd=folder)
        places = [f"--section-start={n}={a:#x}" for n, a in sections.items()]
        run("ld", "-e", "reset", "--no-warn-rwx-segments", *places, "-o", elf, obj, cwd=folder)
        pages: dict[int, bytes] = {a: bytes(PAGE) for a in PLAIN.values()} if vault else {}
        for section, address in sections.items():
            raw = at / "section"
            run("objcopy", "-O", "binary", "-j", section, elf, raw, cwd=folder)
            data = raw.read_bytes()
            for n in range(0, len(data), PAGE):
                pages[address + n] = data[n : n + PAGE].ljust(PAGE, b"\x00")
        symbols = symbol_table(elf, folder) | (VARIABLES if vault else {})
        lines = line_table(listing.read_text())
    return {
        "pages": {hex(a): [d[n : n + 64].hex() for n in range(0, PAGE, 64)] for a, d in sorted(pages.items())},
        "symbols": {n: hex(a) for n, a in sorted(symbols.items(), key=lambda i: i[1])},
        "lines": lines,
    }  # fmt: skip


def run(*command: object, cwd: str) -> str:
    done = subprocess.run([str(c) for c in command], cwd=cwd, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]} failed:\n{done.stderr}")
    return done.stdout


def symbol_table(elf: Path, folder: str) -> dict[str, int]:
    rows = (line.split() for line in run("nm", elf, cwd=folder).splitlines())
    return {
        row[2]: int(row[0], 16)
        for row in rows
        if len(row) == 3 and row[1] in "TtDd" and not row[2].startswith("_")
    }


def line_table(listing: str) -> list[list]:
    """[address, source line, text] of every line of .text that made code."""
    rows: list[list] = []
    section = ""
    for line in listing.splitlines():
        if found := re.match(r"\s*\d+\s+(?:[0-9a-f]{4} [0-9A-F]+\s+)?\.section (\.\w+)", line):
            section = found[1]
        found = re.match(r"\s*(\d+) ([0-9a-f]{4}) [0-9A-F]{2,}\s*(.*)", line)
        if found and section == ".text" and found[3]:
            rows.append(
                [hex(SECTIONS[".text"] + int(found[2], 16)), int(found[1]), found[3].split("#")[0].strip()]
            )
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    for source in sorted(HERE.glob("*.s")):
        text = json.dumps(assemble(source.stem), indent=1) + "\n"
        stored = source.with_suffix(".json")
        if args.check:
            if stored.read_text() != text:
                sys.exit(
                    f"{stored.name} is not what {source.name} assembles to; run tools/assemble_guests.py"
                )
        else:
            stored.write_text(text)


if __name__ == "__main__":
    main()
