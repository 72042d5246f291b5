"""The architecture says no: outcomes that are expected and caught in one place each.

``GuestFault``, ``EptViolation``, ``MachineCheck`` and ``Intercept`` are raised anywhere on the way of a
guest instruction and caught by the step loop; ``Refused`` by the leaf dispatcher. They always end
as events. Bugs of ours are never these.
"""

from tdxviz.core.units import Gla, Gpa, Hkid, Hpa


class Architectural(Exception):
    """Base of every architectural outcome."""

    executed: int = 0
    """Instructions that completed before it, in the run that it ended."""


class GuestFault(Architectural):
    """An exception of the x86 architecture, before the instruction changed anything."""

    def __init__(self, vector: int, error: int | None = None, cr2: Gla | None = None) -> None:
        super().__init__(vector, error, cr2)
        self.vector = vector
        self.error = error
        self.cr2 = cr2


class NonCanonical(GuestFault):
    """An address that is none: #GP(0), or #SS(0) where the stack segment was used."""

    def __init__(self, gla: Gla) -> None:
        super().__init__(13, 0)
        self.gla = gla


class SoftwareInterrupt(Architectural):
    """INT n, INT3 and INT1: delivered through the guest's IDT with RIP behind the instruction."""

    def __init__(self, vector: int, length: int, kind: str = "software") -> None:
        super().__init__(vector, length, kind)
        self.vector = vector
        self.length = length
        self.kind = kind
        """``software``, or ``icebp`` for INT1."""


class Boundary(Architectural):
    """No failure: the instruction is complete (RIP included), and the step loop must look again before the
    next one, because interrupts, a debug trap or the mode may have changed. ``executed`` counts what ran
    before it."""


class EptViolation(Architectural):
    """The second-level walk (Secure EPT, shared EPT, or a legacy EPT) gave no usable mapping."""

    def __init__(
        self, gpa: Gpa, access: str, *, state: str, level: int, gla: Gla | None = None, why: str = "",
        perms: int = 0,
    ) -> None:  # fmt: skip
        super().__init__(gpa, access, state)
        self.gpa = gpa
        self.access = access
        """``load``, ``store`` or ``fetch``."""
        self.state = state
        """SEPT state at which the walk stopped (``FREE``, ``PENDING``, ``BLOCKED``, ...)."""
        self.level = level
        self.gla = gla
        self.why = why
        """What is wrong with a misconfigured entry."""
        self.perms = perms
        """What the walk granted: R=1, W=2, X=4."""
        self.table = self.shadow = False
        """Of an access to the guest's own page tables; to a shadow stack."""

    @property
    def qualification(self) -> int:
        """Exit qualification (SDM 3, table 28-7): access 2:0, what the walk grants 5:3, linear address valid 7,
        not of a page walk 8, shadow stack 13. Without advanced information (bits 11:9)."""
        access = {"load": 1, "store": 2, "fetch": 4}[self.access]
        linear = 0 if self.gla is None else 1 << 7 | (not self.table) << 8
        return access | self.perms << 3 | linear | self.shadow << 13


class TripleFault(Architectural):
    """A fault while delivering a double fault: the vCPU shuts down."""


class MachineCheck(Architectural):
    """Poison was consumed by the core."""

    def __init__(self, hpa: Hpa, keyid: Hkid) -> None:
        super().__init__(hpa, keyid)
        self.hpa = hpa
        self.keyid = keyid


class Intercept(Architectural):
    """An instruction that the CPU does not execute by itself in a guest; nothing is changed yet.

    ``name`` is the mnemonic in upper case: CPUID, HLT, TDCALL, IN, OUT, RDMSR, WRMSR, ...
    """

    def __init__(
        self, name: str, length: int, qualification: int = 0, *, linear: Gla = -1, information: int = 0
    ) -> None:
        super().__init__(name, length)
        self.name = name
        self.length = length
        self.qualification = qualification
        """Exit qualification as VMX tells it; of a port access: size - 1, IN (8), string (16), REP (32),
        immediate (64), port << 16."""
        self.linear = linear
        """Of INS and OUTS: the memory operand; -1 else."""
        self.information = information
        """VM-exit instruction information; of INS and OUTS: address size 9:7, segment 17:15."""


class Refused(Architectural):
    """A leaf's check failed: completion status, operand id (or None) and the reason in words."""

    def __init__(self, status: int, operand: int | None, reason: str) -> None:
        super().__init__(hex(status), operand, reason)
        self.status = status
        self.operand = operand
        self.reason = reason


class Lingering(Architectural):
    """A leaf has passed as many checks as it was asked to, and stays inside the module."""


class LeftGuest(Architectural):
    """A TDCALL ended in a TD exit: there is no status, and RIP was not advanced."""


class Inconsistent(Architectural):
    """The TDX module met something in its own structures that it never writes: somebody damaged
    them where nothing checks integrity. The real module then shuts SEAM down on purpose."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class TdxvizError(Exception):
    """The author or learner slipped: the text says where, what, and what next."""
