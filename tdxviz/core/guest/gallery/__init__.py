"""Small guest programs to start from: sources that the app's own assembler turns into code.

The first line of each source is its comment ``# name: what it is good for``.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from tdxviz.core.faults import TdxvizError
from tdxviz.core.guest.load.image import Image
from tdxviz.core.guest.load.open import source
from tdxviz.core.nearest import did_you_mean


@dataclass(frozen=True)
class Guest:
    name: str
    about: str
    """One sentence."""
    text: str

    def image(self) -> Image:
        return source(self.text, f"{self.name}.s")


@cache
def guests() -> tuple[Guest, ...]:
    """The whole gallery, by name."""
    texts = {
        entry.name[:-2]: entry.read_text("utf-8")
        for entry in files("tdxviz.core.guest.gallery").iterdir()
        if entry.name.endswith(".s")
    }
    return tuple(Guest(name, _about(text), text) for name, text in sorted(texts.items()))


def guest(name: str) -> Guest:
    """Raises TdxvizError naming the nearest."""
    for one in guests():
        if one.name == name:
            return one
    names = [one.name for one in guests()]
    raise TdxvizError(f"the gallery has no guest {name!r}; {did_you_mean(name, names)}")


def _about(text: str) -> str:
    return text.partition("\n")[0].partition(":")[2].strip()
