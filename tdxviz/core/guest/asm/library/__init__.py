"""What a source may ``.include``: a few subroutines that every small guest wants. No other file is read."""

from functools import cache
from importlib.resources import files


@cache
def library() -> dict[str, bytes]:
    """Sources by name, as ``.include`` writes them."""
    here = files("tdxviz.core.guest.asm.library")
    return {entry.name: entry.read_bytes() for entry in here.iterdir() if entry.name.endswith(".s")}
