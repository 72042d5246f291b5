"""TDH.MNG.RD and WR, TDH.VP.RD and WR, TDH.SYS.RD and RDALL: metadata for the host, field by field.

Source: tdx-architecture 4 and 13; module source metadata_generic.c.
"""

from tdxviz.core.arch import metadata as md
from tdxviz.core.arch import structures as lay
from tdxviz.core.tdx import entry, metadata
from tdxviz.core.tdx.call import Call
from tdxviz.core.tdx.metadata import Store
from tdxviz.core.tdx.structs import Vcpu
from tdxviz.core.units import PAGE

LP_INIT = "this logical processor has not run TDH.SYS.LP.INIT"


def find(call: Call, context: int, field_id: int) -> tuple[md.Field, int]:
    """The next check: an id of one element that this context knows."""
    found = md.find(context, field_id) if md.well_formed(field_id) else None
    known = f"the {md.CONTEXTS[context]} context has no field {field_id:#x} that the model knows"
    call.require(
        found is not None, known if md.well_formed(field_id) else f"{field_id:#x} is no id of one element"
    )
    assert found is not None
    return found


def readable(call: Call, row: md.Field, who: str) -> int:
    """The next check: the mask of what ``who`` may read is not empty."""
    mask = getattr(row, who).read
    call.require(bool(mask), f"{row.name} cannot be read {WORDS[who]}")
    return mask


def written(call: Call, store: Store, row: md.Field, index: int, who: str) -> tuple[int, int]:
    """Two checks: a bit may be written; the value is legal. Returns the old and the new value."""
    value, asked = call.regs["r8"], call.regs["r9"]
    allowed = getattr(row, who).write
    mask = allowed & asked
    call.require(bool(mask), f"{row.name} cannot be written {WORDS[who]} with mask {asked:#x}")
    old = call.remember(f"{row.name} {index}", metadata.read(store, row, index))
    new = old & ~mask | value & mask
    forbidden = (old ^ value) & asked & ~allowed & (1 << row.bits) - 1
    why = f"bits {forbidden:#x} of {row.name} cannot be changed" if forbidden else ""
    why = why or metadata.objection(store, row, old, new)
    call.require(not why, why)
    return old, new


WORDS = {
    "host": "by the host of a production TD",
    "debug": "by the host of a debug TD",
    "guest": "by the guest",
}


# --- of a TD -------------------------------------------------------------------------------------


def mng_rd(call: Call) -> None:
    version, field_id = _versioned(call)
    td = call.open_tdr("RCX", "sh")
    call.state(td)
    store = Store(call.p, call.m, td)
    _read(call, store, md.TD, field_id, version)


def mng_wr(call: Call) -> None:
    call.outputs["R8"] = 0
    td = call.open_tdr("RCX", "sh")
    call.state(td)
    store = Store(call.p, call.m, td)
    row, index = find(call, md.TD, call.regs["rdx"])
    old, new = written(call, store, row, index, store.host_access)
    whole = row.name != "HP_LOCK_TIMEOUT" or call.regs["r9"] == md.ALL
    call.require(whole, f"HP_LOCK_TIMEOUT takes the full write mask, not {call.regs['r9']:#x}")
    same = metadata.read(store, row, index) == old
    call.require(same, f"another processor has changed {row.name} meanwhile")
    # ---- all checks passed: nothing below can fail ----
    metadata.write(store, row, index, new)
    call.outputs["R8"] = old & getattr(row, store.host_access).read


def _versioned(call: Call) -> tuple[int, int]:
    """The first check of leaves with a version 1; what RDX and R8 hold when a later one fails."""
    version = call.regs["rax"] >> 16 & 0xFF
    call.outputs["R8"] = 0
    if version:
        call.outputs["RDX"] = md.NULL_ID
    call.require(version <= 1, f"this leaf has no version {version}")
    return version, call.regs["rdx"]


def _read(call: Call, store: Store, context: int, field_id: int, version: int) -> None:
    who = store.host_access
    first = version == 1 and md.is_null(field_id)
    if first:
        call.outputs["RDX"] = md.following(context, md.NULL_ID, who)
    call.require(not first, "RDX now holds the first field id of the context")
    row, index = find(call, context, field_id)
    mask = readable(call, row, who)
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = metadata.read(store, row, index) & mask
    if version:
        call.outputs["RDX"] = md.following(context, field_id, who)


# --- of a vCPU -----------------------------------------------------------------------------------


def vp_rd(call: Call) -> None:
    version, field_id = _versioned(call)
    vcpu = _open_vcpu(call, ("READY", "DISABLED"))
    store = Store(call.p, call.m, vcpu.td, vcpu)
    _read(call, store, md.VP, field_id, version)


def vp_wr(call: Call) -> None:
    call.outputs["R8"] = 0
    vcpu = _open_vcpu(call, ("READY",))
    store = Store(call.p, call.m, vcpu.td, vcpu)
    row, index = find(call, md.VP, call.regs["rdx"])
    old, new = written(call, store, row, index, store.host_access)
    missing = metadata.not_initialised(store, row, new)
    call.detail = max(missing, 0)
    call.require(missing < 0, f"the VMCS field {missing:#x} was not set yet")
    # ---- all checks passed: nothing below can fail ----
    metadata.write(store, row, index, new)
    call.outputs["R8"] = old & getattr(row, store.host_access).read


def _open_vcpu(call: Call, states: tuple[str, ...]) -> Vcpu:
    """Checks up to the association, which comes before the field is looked at and stays."""
    vcpu = call.open_vcpu("RCX", "sh")
    td = vcpu.td
    call.state(td)
    enough = vcpu.count >= lay.MIN_TDVPS + 3 * td.tdcs["NUM_L2_VMS"]
    call.require(enough, f"only {vcpu.count} TDVPS pages")
    call.require(vcpu.state in states, f"the vCPU is {vcpu.state}")
    call.require(vcpu.lp in (-1, call.lp), f"the vCPU is associated with LP {vcpu.lp}")
    entry.associate(call, vcpu)
    return vcpu


# --- of the module -------------------------------------------------------------------------------


def sys_rd(call: Call) -> None:
    call.outputs |= {"R8": 0, "RDX": md.NULL_ID}
    call.require(call.lp in call.m.lps_initialised, LP_INIT)
    read_system(call, "host")


def read_system(call: Call, who: str) -> None:
    """The checks that both sides share."""
    field_id = call.regs["rdx"]
    first = md.is_null(field_id)
    if first:
        call.outputs["RDX"] = md.following(md.SYS, md.NULL_ID, who)
    call.require(not first, "RDX now holds the first field id of the context")
    row, index = find(call, md.SYS, field_id)
    mask = readable(call, row, who)
    # ---- all checks passed: nothing below can fail ----
    call.outputs["R8"] = metadata.read(Store(call.p, call.m), row, index) & mask
    call.outputs["RDX"] = md.following(md.SYS, field_id, who)


def sys_rdall(call: Call) -> None:
    call.outputs["R8"] = md.NULL_ID
    call.require(call.lp in call.m.lps_initialised, LP_INIT)
    buffer = call.regs["rdx"]
    call.require(call.shared_address(buffer, PAGE, PAGE), f"RDX = {buffer:#x} is no usable shared page")
    first = first_of_list(call)
    # ---- all checks passed: nothing below can fail ----
    call.write_shared(buffer, system_list(Store(call.p, call.m), first, "host"))


def first_of_list(call: Call) -> tuple[md.Field, int] | None:
    """The next check: R8 is -1 or the id of a whole field, which is where the list starts."""
    field_id = call.regs["r8"]
    if md.is_null(field_id):
        call.require(True, "from the first field on")
        return None
    found = md.find(md.SYS, field_id) if md.well_formed(field_id) else None
    starts = found is not None and found[1] % found[0].elements == 0 and _same_size(found[0], field_id)
    call.require(starts, f"R8 = {field_id:#x} is not the id of a field of the system context")
    return found


def _same_size(row: md.Field, field_id: int) -> bool:
    return (row.id ^ field_id) >> 32 & 3 == 0


def system_list(store: Store, first: tuple[md.Field, int] | None, who: str) -> bytes:
    """A metadata list: header (bytes, sequences), then sequences of id and values.

    Neighbouring fields of one size and class share a sequence. All of them fit in a page.
    """
    sequences: list[tuple[int, md.Field, list[int]]] = []
    begin, offset = (0, 0) if first is None else (md.SYS_FIELDS.index(first[0]), first[1])
    for row in md.SYS_FIELDS[begin:]:
        if not getattr(row, who).read:
            continue
        start, offset = offset, 0
        values = [metadata.read(store, row, n) for n in range(start, row.count)]
        if sequences and _goes_on(sequences[-1], row):
            sequences[-1][2].extend(values)
        else:
            sequences.append((row.element_id(start), row, values))
    body = b""
    for head, row, values in sequences:
        head |= row.elements - 1 << 34 | (len(values) // row.elements - 1) << 38
        body += b"".join(word.to_bytes(8, "little") for word in (head, *values))
    size = 8 + len(body)
    assert size <= PAGE
    return (size | len(sequences) << 16).to_bytes(8, "little") + body


def _goes_on(before: tuple[int, md.Field, list[int]], row: md.Field) -> bool:
    head, first, values = before
    following = (head & md.CODE) + len(values) * first.stride == row.code
    return following and (first.class_code, first.bits, first.elements) == (
        row.class_code,
        row.bits,
        row.elements,
    )
