"""What a host wrote down when it built a guest: names of places, and where pages lie.

For names in scripts, lessons and on screen; the machine itself never asks, and no outcome depends
on it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tdxviz.core.faults import TdxvizError
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.units import PAGE, Gla, Gpa, Hpa, page_of


@dataclass(frozen=True, slots=True)
class Books:
    """``symbols``: linear addresses by name, of a guest whose linear addresses are guest-physical.
    ``frames``: guest page -> host page. ``starts``: addresses at which instructions begin."""

    program: str = ""
    symbols: Mapping[str, Gla] = field(default_factory=dict)
    frames: Mapping[Gpa, Hpa] = field(default_factory=dict)
    starts: tuple[Gla, ...] = ()

    def symbol(self, name: str) -> Gla:
        """Raises TdxvizError with the nearest name."""
        if name not in self.symbols:
            raise TdxvizError(f"the guest has nothing named {name!r}; {did_you_mean(name, self.symbols)}")
        return self.symbols[name]

    def hpa_of(self, gpa: Gpa) -> Hpa:
        """Raises TdxvizError for a guest page that the host did not give."""
        if page_of(gpa) not in self.frames:
            raise TdxvizError(f"guest address {gpa:#x} is not used in this scenario")
        return self.frames[page_of(gpa)] + gpa % PAGE


NONE = Books()
"""No guest was built."""
