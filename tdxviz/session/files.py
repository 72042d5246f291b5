"""Reading a file that an action names: regular, of limited size, and known by its SHA-256."""

import hashlib
import os
import stat

from tdxviz.core.faults import TdxvizError


def read(name: str, most: int, what: str, hint: str) -> bytes:
    """The bytes of ``name``; the size is looked at before anything is read.

    Args:
        most: bytes; ``what`` such a file is, for the message. ``hint``: what to do if it is missing.

    Raises:
        TdxvizError: it is missing, no readable regular file, empty or larger than ``most``.
    """

    def regular(path: str, flags: int) -> int:
        """Opens files only: a pipe or a device would wait for ever or never end."""
        found = os.stat(path)
        if not stat.S_ISREG(found.st_mode):
            raise OSError(None, "it is no regular file")
        if not 0 < found.st_size <= most:
            raise OSError(None, f"{found.st_size:,} bytes; {what} has 1 to {most:,}")
        return os.open(path, flags)

    try:
        with open(name, "rb", opener=regular) as file:
            return file.read(most + 1)
    except FileNotFoundError:
        raise TdxvizError(f"{name}: there is no such file. {hint}") from None
    except (OSError, ValueError) as error:
        raise TdxvizError(f"{name}: cannot be read ({getattr(error, 'strerror', None) or error})") from None


def sha256(raw: bytes) -> str:
    """As hex digits."""
    return hashlib.sha256(raw).hexdigest()
