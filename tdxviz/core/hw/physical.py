"""Lines by host-physical address: through the cache, or straight to memory. Knows cache and memory
controller; ``path`` adds what a guest's access needs before it has such an address.
"""

from tdxviz.core import events as e
from tdxviz.core.faults import MachineCheck
from tdxviz.core.hw.cache import CacheLine
from tdxviz.core.hw.mee import page_lines
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import KEYID_SHIFT, LINE, PAGE, Hkid, Hpa, with_keyid


def cached_line(p: Platform, hpa: Hpa, keyid: Hkid) -> bytes:
    """The 64 bytes of a line under a KeyID: from the cache, else from memory into the cache.

    Raises:
        MachineCheck: poison was consumed.
    """
    line = p.cache.lookup(hpa, keyid)
    if line is not None:
        if p.trace:
            p.note(e.CacheHit(hpa=hpa, keyid=keyid))
        return line.data
    if p.trace:
        p.note(e.CacheMissed(hpa=hpa, keyid=keyid))
    else:
        whole = p.memctl.whole_page(hpa & -PAGE, keyid)
        if whole is not None:
            data = whole[hpa % PAGE : hpa % PAGE + LINE]
            _fill(p, hpa, keyid, data)
            return data
    result = p.memctl.read_line(hpa, keyid)
    if result.poison:
        raise MachineCheck(hpa, keyid)
    _fill(p, hpa, keyid, result.data)
    return result.data


def _fill(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
    """Into the cache; what has to go for it is written back if dirty."""
    where, way, evicted = p.cache.fill(hpa, keyid, data)
    if p.trace:
        p.note(e.LineFilled(hpa=hpa, keyid=keyid, set=where, way=way))
    if evicted is None:
        return
    old, dirty = evicted, evicted.line.dirty
    if p.trace:
        p.note(e.LineEvicted(hpa=old.hpa, keyid=old.keyid, dirty=dirty, reason="capacity"))
    if dirty:
        p.memctl.write_line(old.hpa, old.keyid, old.line.data)


def evict(p: Platform, hpa: Hpa, keyid: Hkid, reason: str) -> bool:
    """Write back (if dirty) and drop one line. Returns whether it was there."""
    line = p.cache.drop(hpa, keyid)
    if line is None:
        return False
    p.note(e.LineEvicted(hpa=hpa, keyid=keyid, dirty=line.dirty, reason=reason))
    if line.dirty:
        p.memctl.write_line(hpa, keyid, line.data)
    return True


def write_back_block(p: Platform, package: int, block: int) -> None:
    """WBNOINVD of one cache sub-block of one package: dirty lines reach memory and stay cached."""
    for hpa, keyid, line in p.cache.clean(package, block):
        p.note(e.LineCleaned(hpa=hpa, keyid=keyid, package=package, reason="WBNOINVD"))
        p.memctl.write_line(hpa, keyid, line.data)


def read_physical(p: Platform, hpa: Hpa, keyid: Hkid, size: int) -> bytes:
    """Bytes through the cache by host-physical address; used by the module and by walks."""
    start = hpa % LINE
    if 0 < size <= LINE - start:
        line = None if p.trace else p.cache.lines.get(with_keyid(hpa - start, keyid))
        if line is not None:
            return line.data[start : start + size]
        return cached_line(p, hpa - start, keyid)[start : start + size]
    if size == PAGE and hpa % PAGE == 0 and not p.trace:
        return _read_page(p, hpa, keyid)
    data = b""
    while len(data) < size:
        at = hpa + len(data)
        line = cached_line(p, at & -LINE, keyid)
        data += line[at % LINE : at % LINE + size - len(data)]
    return data


def read_qword(p: Platform, hpa: Hpa, keyid: Hkid) -> int:
    """Eight aligned bytes through the cache."""
    start = hpa % LINE
    line = None if p.trace else p.cache.lines.get(hpa - start | keyid << KEYID_SHIFT)
    data = cached_line(p, hpa - start, keyid) if line is None else line.data
    return int.from_bytes(data[start : start + 8], "little")


def _read_page(p: Platform, hpa: Hpa, keyid: Hkid) -> bytes:
    """64 lines through the cache; memory is asked once where the whole page has one answer."""
    found: list[bytes] = []
    while len(found) * LINE < PAGE:
        whole = p.memctl.whole_page(hpa, keyid)
        if whole is None:
            found.append(cached_line(p, hpa + len(found) * LINE, keyid))
            continue
        old = p.cache.fill_page(hpa, keyid, whole, found)
        if old is not None:  # perhaps an alias of this very page: ask memory again
            p.memctl.write_line(old.hpa, old.keyid, old.line.data)
    return b"".join(found)


def write_physical(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
    """Store through the cache by host-physical address."""
    start, size = hpa % LINE, len(data)
    tag, lines = with_keyid(hpa - start, keyid), p.cache.lines
    if start + size <= LINE and tag in lines and not p.trace:  # nearly always
        line = lines[tag].data
        lines[tag] = CacheLine(line[:start] + data + line[start + size :], True, p.cache.package)
        return
    done = 0
    while done < len(data):
        at = hpa + done
        line, start = cached_line(p, at & -LINE, keyid), at % LINE
        piece = data[done : done + LINE - start]
        p.cache.write(at - start, keyid, line[:start] + piece + line[start + len(piece) :])
        done += len(piece)


def write_line_direct(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
    """MOVDIR64B: 64 bytes straight to memory; the cached alias of this KeyID goes, unsaved."""
    p.cache.drop(hpa, keyid)
    p.memctl.write_line(hpa, keyid, data)


def write_page_direct(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
    """64 times MOVDIR64B."""
    if p.trace:
        for number, line in enumerate(page_lines(data)):
            write_line_direct(p, hpa + number * LINE, keyid, line)
        return
    p.cache.drop_page(hpa, keyid)
    p.memctl.write_page(hpa, keyid, data)
