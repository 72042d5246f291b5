"""The end of every message about a wrong name."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """``did you mean 'x'?`` or the list of what there is."""
    names = {known_name.lower(): known_name for known_name in known}
    written = name.lower()
    near = difflib.get_close_matches(written, names, n=8, cutoff=0.5)
    swapped = [one for one in near if sorted(one) == sorted(written)]  # two letters changed places
    best = (swapped or near)[:1]
    return f"did you mean {names[best[0]]!r}?" if best else "known: " + ", ".join(names.values())
