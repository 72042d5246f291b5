"""The state machines of the TDX module: which leaf or event leads from which state to which.

The names of the states are in ``state_table`` and ``sept``; here are the arrows between them, for the
pictures and for the tests that follow a machine along them. Sources: tdx-architecture 1.6, 3.2 to
3.5, 7.4; module source (assignments in the leaves; op_state_lookup, sept_state_lookup).
"""

from typing import NamedTuple

from tdxviz.core.arch import sept
from tdxviz.core.arch import state_table as st


class Arrow(NamedTuple):
    """``by``: the leaf, or what happens, in words. ``note``: under which condition."""

    before: str
    by: str
    after: str
    note: str = ""


SYSTEM = (
    Arrow("SYSINIT_PENDING", "TDH.SYS.INIT", "SYSINIT_DONE"),
    Arrow(
        "SYSINIT_DONE", "TDH.SYS.CONFIG", "SYSCONFIG_DONE", "after TDH.SYS.LP.INIT on every logical processor"
    ),
    Arrow("SYSCONFIG_DONE", "TDH.SYS.KEY.CONFIG", "SYS_READY", "on the last package"),
    Arrow("SYS_READY", "TDH.SYS.SHUTDOWN", "SYS_SHUTDOWN"),
)
KOT = (
    Arrow("HKID_FREE", "TDH.MNG.CREATE", "HKID_ASSIGNED"),
    Arrow(
        "HKID_ASSIGNED", "TDH.MNG.VPFLUSHDONE", "HKID_FLUSHED", "every package must now write its caches back"
    ),
    Arrow("HKID_FLUSHED", "TDH.MNG.KEY.FREEID", "HKID_FREE", "after TDH.PHYMEM.CACHE.WB on every package"),
    Arrow("HKID_FREE", "TDH.SYS.CONFIG", "HKID_RESERVED", "the module's own key"),
)
LIFECYCLE = (
    Arrow("TD_HKID_ASSIGNED", "TDH.MNG.KEY.CONFIG", "TD_KEYS_CONFIGURED", "on the last package"),
    Arrow("TD_HKID_ASSIGNED", "TDH.MNG.VPFLUSHDONE", "TD_BLOCKED"),
    Arrow(
        "TD_KEYS_CONFIGURED",
        "TDH.MNG.VPFLUSHDONE",
        "TD_BLOCKED",
        "after TDH.VP.FLUSH of every associated vCPU",
    ),
    Arrow("TD_BLOCKED", "TDH.MNG.KEY.FREEID", "TD_TEARDOWN", "after TDH.PHYMEM.CACHE.WB on every package"),
)
OP_STATE = (
    Arrow("UNINITIALIZED", "TDH.MNG.INIT", "INITIALIZED"),
    Arrow("INITIALIZED", "TDH.MR.FINALIZE", "RUNNABLE"),
    Arrow("RUNNABLE", "TDH.EXPORT.STATE.IMMUTABLE", "LIVE_EXPORT"),
    Arrow("LIVE_IMPORT", "TDH.EXPORT.STATE.IMMUTABLE", "LIVE_EXPORT"),
    Arrow("LIVE_EXPORT", "TDH.EXPORT.PAUSE", "PAUSED_EXPORT"),
    Arrow("PAUSED_EXPORT", "TDH.EXPORT.TRACK", "POST_EXPORT", "generating the start token"),
    Arrow("LIVE_EXPORT", "TDH.EXPORT.ABORT", "RUNNABLE"),
    Arrow("PAUSED_EXPORT", "TDH.EXPORT.ABORT", "RUNNABLE"),
    Arrow("POST_EXPORT", "TDH.EXPORT.ABORT", "RUNNABLE"),
    Arrow("UNINITIALIZED", "TDH.IMPORT.STATE.IMMUTABLE", "MEMORY_IMPORT"),
    Arrow("MEMORY_IMPORT", "TDH.IMPORT.STATE.TD", "STATE_IMPORT"),
    Arrow("STATE_IMPORT", "TDH.IMPORT.TRACK", "POST_IMPORT", "consuming the start token"),
    Arrow("POST_IMPORT", "TDH.IMPORT.COMMIT", "LIVE_IMPORT"),
    Arrow("POST_IMPORT", "TDH.IMPORT.END", "RUNNABLE"),
    Arrow("LIVE_IMPORT", "TDH.IMPORT.END", "RUNNABLE"),
    Arrow("MEMORY_IMPORT", "TDH.IMPORT.ABORT", "FAILED_IMPORT", "or any import leaf that fails"),
    Arrow("STATE_IMPORT", "TDH.IMPORT.ABORT", "FAILED_IMPORT", "or any import leaf that fails"),
    Arrow("POST_IMPORT", "TDH.IMPORT.ABORT", "FAILED_IMPORT", "or any import leaf that fails"),
)
VCPU = (
    Arrow("UNINITIALIZED", "TDH.VP.INIT", "READY"),
    Arrow("READY", "TDH.VP.ENTER", "ACTIVE"),
    Arrow("ACTIVE", "TD exit", "READY"),
    Arrow("ACTIVE", "triple fault", "DISABLED", "never runs again"),
)
SEPT = (
    Arrow("FREE", "TDH.MEM.SEPT.ADD", "NL_MAPPED"),
    Arrow("FREE", "TDH.MEM.PAGE.ADD", "MAPPED"),
    Arrow("FREE", "TDH.MEM.PAGE.AUG", "PENDING"),
    Arrow("REMOVED", "TDH.MEM.PAGE.AUG", "PENDING"),
    Arrow("PENDING", "TDG.MEM.PAGE.ACCEPT", "MAPPED"),
    Arrow("NL_MAPPED", "TDH.MEM.RANGE.BLOCK", "NL_BLOCKED"),
    Arrow("MAPPED", "TDH.MEM.RANGE.BLOCK", "BLOCKED"),
    Arrow("PENDING", "TDH.MEM.RANGE.BLOCK", "PENDING_BLOCKED"),
    Arrow("NL_BLOCKED", "TDH.MEM.RANGE.UNBLOCK", "NL_MAPPED", "tracked"),
    Arrow("BLOCKED", "TDH.MEM.RANGE.UNBLOCK", "MAPPED", "tracked"),
    Arrow("PENDING_BLOCKED", "TDH.MEM.RANGE.UNBLOCK", "PENDING", "tracked"),
    Arrow("BLOCKED", "TDH.MEM.PAGE.RELOCATE", "MAPPED", "tracked"),
    Arrow("PENDING_BLOCKED", "TDH.MEM.PAGE.RELOCATE", "PENDING", "tracked"),
    Arrow("BLOCKED", "TDH.MEM.PAGE.DEMOTE", "NL_MAPPED", "512 smaller pages MAPPED; tracked"),
    Arrow("PENDING_BLOCKED", "TDH.MEM.PAGE.DEMOTE", "NL_MAPPED", "512 smaller pages PENDING; tracked"),
    Arrow("MAPPED", "TDH.MEM.PAGE.DEMOTE", "NL_MAPPED", "before TDH.MR.FINALIZE"),
    Arrow("PENDING", "TDH.MEM.PAGE.DEMOTE", "NL_MAPPED", "before TDH.MR.FINALIZE"),
    Arrow("NL_BLOCKED", "TDH.MEM.PAGE.PROMOTE", "MAPPED", "512 pages of one kind below; tracked"),
    Arrow("NL_BLOCKED", "TDH.MEM.PAGE.PROMOTE", "PENDING", "512 pages of one kind below; tracked"),
    Arrow("NL_MAPPED", "TDH.MEM.PAGE.PROMOTE", "MAPPED", "before TDH.MR.FINALIZE"),
    Arrow("NL_MAPPED", "TDH.MEM.PAGE.PROMOTE", "PENDING", "before TDH.MR.FINALIZE"),
    Arrow("BLOCKED", "TDH.MEM.PAGE.REMOVE", "FREE", "tracked; REMOVED while an import is in progress"),
    Arrow(
        "PENDING_BLOCKED", "TDH.MEM.PAGE.REMOVE", "FREE", "tracked; REMOVED while an import is in progress"
    ),
    Arrow("MAPPED", "TDH.MEM.PAGE.REMOVE", "FREE", "before TDH.MR.FINALIZE"),
    Arrow("PENDING", "TDH.MEM.PAGE.REMOVE", "FREE", "before TDH.MR.FINALIZE"),
    Arrow("NL_BLOCKED", "TDH.MEM.SEPT.REMOVE", "FREE", "tracked"),
    Arrow("NL_MAPPED", "TDH.MEM.SEPT.REMOVE", "FREE", "before TDH.MR.FINALIZE"),
)
"""Without the states of migration, whose leaves are named in ``leaf_table``."""


class StateMachine(NamedTuple):
    name: str
    title: str
    states: tuple[str, ...]
    arrows: tuple[Arrow, ...]


MACHINES = (
    StateMachine("system", "System", tuple(st.SYSTEM_STATES), SYSTEM),
    StateMachine("kot", "HKID", tuple(st.KOT_STATES), KOT),
    StateMachine("lifecycle", "TD life cycle", tuple(st.LIFECYCLE_STATES), LIFECYCLE),
    StateMachine("op_state", "OP_STATE", tuple(st.OP_STATES), OP_STATE),
    StateMachine("vcpu", "vCPU", tuple(st.VCPU_STATES), VCPU),
    StateMachine("sept", "Secure EPT entry", tuple(sept.STATES), SEPT),
)
BY_NAME = {one.name: one for one in MACHINES}


def leads(name: str, before: str, after: str) -> bool:
    """Whether the machine of that name has an arrow between these states."""
    return any((a.before, a.after) == (before, after) for a in BY_NAME[name].arrows)
