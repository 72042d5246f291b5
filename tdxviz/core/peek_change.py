"""Peek at what an instant wrote: cached lines whose content differs from the instant before."""

from tdxviz.core.machine import Machine
from tdxviz.core.units import Hkid, Hpa, split_keyid


def written_lines(before: Machine, after: Machine) -> tuple[tuple[Hpa, Hkid], ...]:
    """Line and KeyID of everything that the cache holds now and held differently (or not at all) then.
    A line that was only read is the same in both, or came in clean."""
    old = before.platform.cache.lines
    found: list[tuple[Hpa, Hkid]] = []
    for tag, line in after.platform.cache.lines.items():
        was = old.get(tag)
        if line.dirty and (was is None or was.data != line.data):
            found.append(split_keyid(tag))
    return tuple(sorted(found))
