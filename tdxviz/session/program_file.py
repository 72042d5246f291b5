"""The program that an action ``program`` means: assembly text, an embedded binary, or a file.

A small binary travels in the script (zlib, then base64). A larger one stays where it is: the script names
its path and SHA-256, and is refused when that file is missing or another one.
"""

import base64
import binascii
import zlib
from pathlib import Path

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.image import MOST_FILE, Image
from tdxviz.core.guest.load.open import image_of, source
from tdxviz.session import deeds as d
from tdxviz.session import files

MOST_EMBEDDED = 64 * 1024
"""Bytes of a binary that is put into the script."""
MOST_TEXT = (MOST_EMBEDDED + 1024) * 4 // 3
"""Characters of base64; zlib makes nothing longer by more than a few bytes."""


def read(path: str) -> bytes:
    """A program file. Raises TdxvizError; a file that is too big is refused before it is read."""
    return files.read(path, MOST_FILE, "a program", "Check the spelling")


def arguments(raw: bytes, path: str) -> dict[str, str]:
    """Arguments of ``program`` for these bytes of the file ``path``."""
    if len(raw) <= MOST_EMBEDDED:
        packed = base64.b64encode(zlib.compress(raw, 9)).decode("ascii")
        return {"data": packed, "name": Path(path).name}
    return {"file": str(Path(path).absolute()), "sha256": files.sha256(raw)}


def image(args: d.Program) -> Image:
    """Raises TdxvizError: not exactly one program is given, or it cannot be had or loaded."""
    if sum(map(bool, (args.source, args.data, args.file))) > 1:
        raise TdxvizError("a program is one of source, data and file, not several of them")
    if args.data:
        return image_of(_unpacked(args.data), args.name or "program")
    if not args.file:
        return source(args.source, args.name or "program")
    try:
        raw = read(args.file)
    except TdxvizError as slip:
        wanted = f". The script needs the program with SHA-256 {args.sha256}" if args.sha256 else ""
        raise TdxvizError(f"{slip}{wanted}") from None
    if args.sha256 and files.sha256(raw) != args.sha256.lower():
        raise TdxvizError(
            f"{args.file}: another file than this script was made with; "
            f"the script needs the program with SHA-256 {args.sha256}"
        )
    return image_of(raw, Path(args.file).name)


def _unpacked(text: str) -> bytes:
    """The embedded bytes; never more than ``MOST_EMBEDDED``, whatever the data claims."""
    slip = TdxvizError("data: it is no complete base64 of a zlib stream; was the script edited?")
    if len(text) > MOST_TEXT:
        raise TdxvizError(f"data: {len(text):,} characters; {MOST_TEXT:,} is the most, name a larger file")
    made = zlib.decompressobj()
    try:
        raw = made.decompress(base64.b64decode(text, validate=True), MOST_EMBEDDED + 1)
    except (binascii.Error, ValueError, zlib.error):
        raise slip from None
    if len(raw) > MOST_EMBEDDED:
        raise TdxvizError(f"data: it unpacks to more than {MOST_EMBEDDED:,} bytes; name a file instead")
    if not made.eof:
        raise slip
    return raw
