"""Reading a file that the user named."""

from pathlib import Path

from tdxviz.core.faults import TdxvizError


def read_bytes(name: str, most: int) -> bytes:
    """Raises TdxvizError saying why not, and what next."""
    path = Path(name)
    try:
        if path.is_dir():
            raise TdxvizError(f"{name} is a folder; name a file in it")
        if not path.is_file():
            raise TdxvizError(f"there is no file {name}; check the spelling")
        if path.stat().st_size > most:
            raise TdxvizError(f"{name} has {path.stat().st_size:,} bytes; {most >> 20} MiB is the most")
        return path.read_bytes()
    except OSError as error:
        raise TdxvizError(f"{name} cannot be read: {error.strerror or error}") from None
    except ValueError:
        raise TdxvizError(f"{name!r} is no file name") from None
