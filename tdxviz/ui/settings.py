"""What the app remembers about itself: one frozen dataclass, one small JSON file."""

import json
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

FILE = "settings.json"
LARGEST = 64 * 1024


@dataclass(frozen=True)
class Settings:
    theme: str = "light"
    """light, dark or contrast."""
    scale: float = 1.0
    """0.7 to 2.5."""
    geometry: str = ""
    """Of the window, hex, as Qt saves it."""
    step_unit: str = "event"
    """event, instruction or action."""
    motion: bool = True
    """False: nothing plays by itself."""


VALID = {
    "theme": lambda v: v in ("light", "dark", "contrast"),
    "scale": lambda v: isinstance(v, (int, float)) and 0.7 <= v <= 2.5,
    "geometry": lambda v: isinstance(v, str) and len(v) < 4096,
    "step_unit": lambda v: v in ("event", "instruction", "action"),
    "motion": lambda v: isinstance(v, bool),
}


def load(folder: Path) -> tuple[Settings, str]:
    """Settings and a notice. A bad file or value falls back to defaults and is told."""
    path = folder / FILE
    try:
        raw = json.loads(path.read_bytes()[:LARGEST])
    except FileNotFoundError:
        return Settings(), ""
    except (OSError, ValueError, RecursionError) as error:
        return Settings(), f"{path} is not readable ({error}); the defaults are used."
    if not isinstance(raw, dict):
        return Settings(), f"{path} holds no settings; the defaults are used."
    names = {f.name for f in fields(Settings)}
    good = {k: v for k, v in raw.items() if k in names and VALID[k](v)}
    bad = sorted(set(raw) - set(good))
    notice = f"{path}: not understood and left at default: {', '.join(bad)}." if bad else ""
    return replace(Settings(), **good), notice


def save(folder: Path, settings: Settings) -> str:
    """Replace the file as a whole. Returns what went wrong, empty if nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"{FILE}.part"
        part.write_text(json.dumps(asdict(settings), indent=1), "utf-8")
        part.replace(folder / FILE)
    except OSError as error:
        return f"Settings are not saved: {error.strerror or error}."
    return ""
