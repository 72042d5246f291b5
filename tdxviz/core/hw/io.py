"""Accesses from outside a guest: host software, devices, and people with a probe.

Sources: tdx-architecture 1.1, 1.3 to 1.5; attack catalogue R1 to R4, R7, R9, R11.
"""

from tdxviz.core import commands as c
from tdxviz.core import events as e
from tdxviz.core.faults import MachineCheck
from tdxviz.core.hw import physical
from tdxviz.core.hw.cpu import CpuState
from tdxviz.core.hw.dram import Line
from tdxviz.core.hw.platform import Platform
from tdxviz.core.units import LINE, MAX_KEYID, PAGE, Hkid, Hpa, is_private, line_of

MOST = 1 << 20
"""Largest size of one access, in bytes."""


def _outside(p: Platform, hpa: Hpa, size: int) -> str:
    if not 0 < size <= MOST:
        return f"a size of {size} bytes must be 1..{MOST}"
    if hpa < 0 or hpa + size > p.size:
        return f"{hpa:#x} + {size} is outside memory (0..{p.size:#x})"
    return ""


def _refuse(p: Platform, command: c.Command, reason: str) -> None:
    lp = getattr(command, "lp", -1)
    p.note(e.CommandRefused(lp=lp, command=type(command).__name__, reason=reason))


def _keyid_fault(p: Platform, lp: int, hpa: Hpa, keyid: Hkid) -> bool:
    """Outside SEAM a private KeyID is made of reserved address bits; true if that faulted."""
    if not is_private(keyid):
        return False
    detail = "RSVD: the KeyID bits of a private HKID are reserved outside SEAM"
    if p.world == "legacy":
        detail = "RSVD: there are no KeyIDs on this machine; these bits lie beyond its physical addresses"
    p.note(e.HostFaulted(lp=lp, fault="#PF", hpa=hpa, keyid=keyid, detail=detail))
    return True


def host_command(
    p: Platform, command: c.HostRead | c.HostTime | c.HostWrite | c.FlushLine | c.EvictLine
) -> None:
    """Carry out what host software does, and note what came of it."""
    size = {c.HostRead: lambda: command.size, c.HostWrite: lambda: len(command.data)}  # type: ignore[union-attr]  # because the key is the type
    reason = _outside(p, command.hpa, size.get(type(command), lambda: 1)())
    if not 0 <= command.keyid <= MAX_KEYID:
        reason = f"KeyID {command.keyid} must be 0..{MAX_KEYID}"
    if reason:
        _refuse(p, command, reason)
        return
    match command:
        case c.HostRead():
            _host_read(p, command)
        case c.HostTime():
            _host_time(p, command)
        case c.HostWrite():
            _host_write(p, command)
        case c.FlushLine():
            if not _keyid_fault(p, command.lp, command.hpa, command.keyid):
                physical.evict(p, line_of(command.hpa), command.keyid, "CLFLUSH by the host")
        case c.EvictLine():
            physical.evict(p, line_of(command.hpa), command.keyid, "cache pressure")


def _host_time(p: Platform, command: c.HostTime) -> None:
    """The value does not matter; whether the line had to come from memory does."""
    if _keyid_fault(p, command.lp, command.hpa, command.keyid):
        return
    slow = p.cache.lookup(line_of(command.hpa), command.keyid) is None
    try:
        physical.read_physical(p, command.hpa, command.keyid, 1)
    except MachineCheck as poison:
        _host_machine_check(p, command.lp, poison)
        return
    p.note(e.HostTimed(lp=command.lp, hpa=command.hpa, slow=slow))


def _host_read(p: Platform, command: c.HostRead) -> None:
    lp, hpa, keyid = command.lp, command.hpa, command.keyid
    if _keyid_fault(p, lp, hpa, keyid):
        return
    try:
        data = physical.read_physical(p, hpa, keyid, command.size)
    except MachineCheck as poison:
        _host_machine_check(p, lp, poison)
        return
    p.note(e.HostLoaded(lp=lp, hpa=hpa, keyid=keyid, data=data, rule=_rule(p, hpa, keyid)))


def _rule(p: Platform, hpa: Hpa, keyid: Hkid) -> str:
    """The rule by which memory answers this KeyID for the first line."""
    return p.memctl.inspect(line_of(hpa), keyid).rule


def _host_machine_check(p: Platform, lp: int, poison: MachineCheck) -> None:
    p.note(e.MachineCheckRaised(lp=lp, context="host", hpa=poison.hpa))
    detail = "the host itself consumed poison"
    p.note(e.HostFaulted(lp=lp, fault="#MC", hpa=poison.hpa, keyid=poison.keyid, detail=detail))


def _host_write(p: Platform, command: c.HostWrite) -> None:
    lp, hpa, keyid, data = command.lp, command.hpa, command.keyid, command.data
    if _keyid_fault(p, lp, hpa, keyid):
        return
    if command.how == "full-line" and (hpa % LINE or len(data) % LINE):
        _refuse(p, command, "a full-line store needs a 64-byte aligned address and whole lines")
        return
    try:
        if command.how == "full-line":
            _full_lines(p, hpa, keyid, data)
        elif command.how == "partial":
            _partial_write(p, hpa, keyid, data)
        else:
            physical.write_physical(p, hpa, keyid, data)
    except MachineCheck as poison:
        _host_machine_check(p, lp, poison)
        return
    p.note(e.HostStored(lp=lp, hpa=hpa, keyid=keyid, data=data, how=command.how))


def _full_lines(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes) -> None:
    """MOVDIR64B line after line."""
    done = 0
    while done < len(data):
        at, step = hpa + done, PAGE if (hpa + done) % PAGE == 0 and len(data) - done >= PAGE else LINE
        write = physical.write_page_direct if step == PAGE else physical.write_line_direct
        write(p, at, keyid, data[done : done + step])
        done += step


def _partial_write(p: Platform, hpa: Hpa, keyid: Hkid, data: bytes, *, by_core: bool = True) -> None:
    """Fewer than 64 bytes reach memory as such. TD-owned lines are poisoned by it (erratum). Where
    poison lies already, a core takes a machine check; a device's bytes are lost and poison stays."""
    done = 0
    while done < len(data):
        at = hpa + done
        line, start = line_of(at), at % LINE
        piece = data[done : done + LINE - start]
        physical.evict(p, line, keyid, "snooped by an uncached store")
        if len(piece) == LINE:
            p.memctl.write_line(line, keyid, piece)
        elif p.memctl.probe(line).owner:
            p.memctl.poison(line, keyid)
        else:
            old = p.memctl.read_line(line, keyid)
            if old.poison and by_core:
                raise MachineCheck(line, keyid)
            if not old.poison:
                merged = old.data[:start] + piece + old.data[start + len(piece) :]
                p.memctl.write_line(line, keyid, merged)
        done += len(piece)


def device_command(p: Platform, command: c.DmaMap | c.DmaRead | c.DmaWrite) -> None:
    """What a device does through the IOMMU, which the host programs as it likes."""
    if isinstance(command, c.DmaMap):
        reason = _outside(p, command.hpa, PAGE)
        if command.iova % PAGE or command.hpa % PAGE:
            reason = "DMA mappings are made page by page: both addresses must be page-aligned"
        if not 0 <= command.keyid <= MAX_KEYID:
            reason = f"KeyID {command.keyid} must be 0..{MAX_KEYID}"
        if reason:
            _refuse(p, command, reason)
            return
        p.iommu[command.device, command.iova] = (command.hpa, command.keyid)
        p.note(e.DmaMapped(device=command.device, iova=command.iova, hpa=command.hpa, keyid=command.keyid))
        return
    _transfer(p, command)


def _transfer(p: Platform, command: c.DmaRead | c.DmaWrite) -> None:
    device, iova = command.device, command.iova
    size = command.size if isinstance(command, c.DmaRead) else len(command.data)
    if not 0 < size <= PAGE - iova % PAGE:
        _refuse(p, command, "one DMA transfer must stay inside one page and move at least a byte")
        return
    base, keyid = p.iommu.get((device, iova & -PAGE), (-1, 0))
    hpa = base + iova % PAGE
    if base < 0:
        _iommu_fault(p, command, 0, 0, "no mapping for this I/O address")
    elif is_private(keyid):
        _iommu_fault(p, command, hpa, keyid, "private HKID in the translation result")
    elif isinstance(command, c.DmaRead):
        _dma_read(p, command, hpa, keyid)
    else:
        _partial_write(p, hpa, keyid, command.data, by_core=False)
        p.note(e.DmaStored(device=device, iova=iova, hpa=hpa, keyid=keyid, data=command.data))


def _iommu_fault(p: Platform, command: c.DmaRead | c.DmaWrite, hpa: Hpa, keyid: Hkid, reason: str) -> None:
    p.note(e.IommuFaulted(device=command.device, iova=command.iova, hpa=hpa, keyid=keyid, reason=reason))


def _dma_read(p: Platform, command: c.DmaRead, hpa: Hpa, keyid: Hkid) -> None:
    data, rule = b"", ""
    for line in range(line_of(hpa), hpa + command.size, LINE):
        physical.evict(p, line, keyid, "snooped by DMA")
        result = p.memctl.read_line(line, keyid)
        data, rule = data + result.data, rule or result.rule
    skip = hpa % LINE
    p.note(
        e.DmaLoaded(
            device=command.device, iova=command.iova, hpa=hpa, keyid=keyid,
            data=data[skip : skip + command.size], rule=rule,
        )
    )  # fmt: skip


def probe_command(p: Platform, command: c.BusCapture | c.BusInject | c.FlipBit | c.DumpDimm) -> None:
    """Hands on the memory bus or on the DIMM: sees and changes what the chips hold, nothing else."""
    reason = _outside(p, command.hpa, command.size if isinstance(command, c.DumpDimm) else 1)
    if reason:
        _refuse(p, command, reason)
        return
    line = line_of(command.hpa)
    match command:
        case c.BusCapture():
            chips = p.captures[line] = p.memctl.probe(line)
            p.note(e.BusCaptured(hpa=line, cipher=chips.data, owner=chips.owner, mac=chips.mac))
        case c.BusInject() if line in p.captures:
            chips = p.captures[line]
            p.dram.put(line, chips)
            p.note(e.BusInjected(hpa=line, cipher=chips.data, owner=chips.owner, mac=chips.mac))
        case c.BusInject():
            _refuse(p, command, f"the probe has no recording of line {line:#x}; capture it first")
        case c.FlipBit():
            _flip(p, command, line)
        case c.DumpDimm():
            _dump(p, command)


def _flip(p: Platform, command: c.FlipBit, line: Hpa) -> None:
    widths = {"data": LINE * 8, "mac": 28, "owner": 1}
    if not 0 <= command.bit < widths[command.field]:
        _refuse(p, command, f"bit {command.bit} of {command.field} must be 0..{widths[command.field] - 1}")
        return
    if not command.repair and p.dram.intact(line) is not None:
        _refuse(p, command, "one flip a line is what the model's ECC corrects; repair it for more")
        return
    chips = p.memctl.probe(line)
    flipped: Line
    match command.field:
        case "data":
            number = int.from_bytes(chips.data, "little") ^ 1 << command.bit
            flipped = chips._replace(data=number.to_bytes(LINE, "little"))
        case "mac":
            flipped = chips._replace(mac=chips.mac ^ 1 << command.bit)
        case "owner":
            flipped = chips._replace(owner=not chips.owner)
    if command.repair:
        p.dram.put(line, flipped)
    else:
        p.dram.put(line, chips)
        p.dram.bend(line, flipped)
    p.note(e.BitFlipped(hpa=line, field=command.field, bit=command.bit))


def _dump(p: Platform, command: c.DumpDimm) -> None:
    """Power goes first: keys and caches are gone before anybody touches the DIMM."""
    chips = b"".join(
        p.memctl.probe(line).data for line in range(line_of(command.hpa), command.hpa + command.size, LINE)
    )
    skip = command.hpa % LINE
    p.cache.clear()
    for lp in p.lps:
        lp.tlb.flush()
        lp.mode, lp.cpu, lp.gprs, lp.xmm = "host", CpuState(), [0] * 16, [0] * 16
        lp.tdvpr, lp.vm, lp.last_tdvpr, lp.pending = 0, -1, 0, 0
    _materialise(p)
    p.keys.erase_all()
    p.powered = False
    p.note(e.DimmDumped(hpa=command.hpa, data=chips[skip : skip + command.size]))


def _materialise(p: Platform) -> None:
    """Lines of touched pages that firmware alone ever wrote keep their ciphertext without a key."""
    for page in p.dram.pages():
        for line in range(page, page + PAGE, LINE):
            if p.dram.line(line) is None:
                p.dram.put(line, p.memctl.probe(line))
