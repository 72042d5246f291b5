"""Peek at the metadata fields of a TD and its vCPUs: what they hold, and who may read them.

Everything is looked up on a copy of the machine, so nothing is disturbed.
"""

from dataclasses import dataclass

from tdxviz.core.arch import metadata as md
from tdxviz.core.faults import Architectural, TdxvizError
from tdxviz.core.machine import Machine
from tdxviz.core.nearest import did_you_mean
from tdxviz.core.tdx import inspect, metadata
from tdxviz.core.tdx.metadata import Store
from tdxviz.core.tdx.structs import Td, Vcpu

LARGE = 64
"""Rows of more elements than this (the XSAVE buffer) are left out."""


@dataclass(frozen=True, slots=True)
class MetadataRow:
    """One element of one field."""

    field: md.Field
    id: int
    name: str
    """With its number where the field has several elements, like ``RTMR[7]``."""
    value: int | None
    """What it holds; None where its page is missing or damaged."""
    host: int
    """Mask of what the host may read of this very TD, debug or production; 0 for nothing."""
    guest: int


def debug(machine: Machine, actor: str) -> bool:
    """Whether the TD's ATTRIBUTES let the host debug it."""
    twin = machine.copy()
    return Store(twin.platform, _module(twin), _td(twin, actor)).host_access == "debug"


def of_td(machine: Machine, actor: str = "td-a") -> tuple[MetadataRow, ...]:
    """TDR and TDCS. Raises TdxvizError if there is no such TD."""
    twin = machine.copy()
    return _rows(Store(twin.platform, _module(twin), _td(twin, actor)), md.TD)


def of_vcpu(machine: Machine, actor: str = "td-a", number: int = 0) -> tuple[MetadataRow, ...]:
    """TDVPS and VMCS of the TD's vCPU by its place. Registers of a vCPU that runs are older there.

    Raises:
        TdxvizError: there is no such TD or vCPU.
    """
    twin = machine.copy()
    td = _td(twin, actor)
    pages = next(info.vcpus for info in inspect.tds(twin.platform, _module(twin)) if info.actor == actor)
    if not 0 <= number < len(pages):
        raise TdxvizError(f"{actor} has {len(pages)} vCPUs; there is no vCPU {number}")
    return _rows(Store(twin.platform, _module(twin), td, Vcpu(td, pages[number])), md.VP)


def of_module(machine: Machine) -> tuple[MetadataRow, ...]:
    """Fields of the module itself."""
    twin = machine.copy()
    return _rows(Store(twin.platform, _module(twin)), md.SYS)


def _module(machine: Machine):
    if machine.module is None:
        raise TdxvizError("the legacy world has no TDX module")
    return machine.module


def _td(machine: Machine, actor: str) -> Td:
    module = _module(machine)
    found = {info.actor: info.tdr for info in inspect.tds(machine.platform, module)}
    if actor not in found:
        raise TdxvizError(f"there is no TD {actor!r}; {did_you_mean(actor, found)}")
    return Td(machine.platform, module, found[actor])


def _rows(store: Store, context: int) -> tuple[MetadataRow, ...]:
    who = "host" if store.td is None else _access(store)
    return tuple(
        MetadataRow(
            row, row.element_id(n), row.name if row.count == 1 else f"{row.name}[{n}]", _value(store, row, n),
            getattr(row, who).read, row.guest.read,
        )
        for row in md.TABLES[context]
        if row.count <= LARGE
        for n in range(row.count)
    )  # fmt: skip


def _access(store: Store) -> str:
    try:
        return store.host_access
    except Architectural:
        return "host"


def _value(store: Store, row: md.Field, n: int) -> int | None:
    try:
        return metadata.read(store, row, n)
    except Architectural:
        return None
