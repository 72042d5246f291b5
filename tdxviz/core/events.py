"""Every fact the machine reports. Past tense; frozen; complete in itself; JSON round trip.

``actor`` is one of ``td-a``, ``td-b``, ... (in order of TDH.MNG.CREATE), ``vm-a`` (legacy world),
``host``, ``module``, ``device``, ``probe``. ``lp`` is -1 where no logical processor took part.
Micro-operation events (``TRACE_EVENTS``) are noted only while a command traces.
"""

from typing import TYPE_CHECKING, TypeAlias, Union

import msgspec

from tdxviz.core.units import Gla, Gpa, Hkid, Hpa


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event", gc=False):
    """Base of all events; the tag ``event`` names the class."""

    lp: int = -1


# --- one memory access, micro-operation by micro-operation ---------------------------------------


class AccessBegan(Event, frozen=True, kw_only=True, tag=True):
    """A guest access starts. Followed by its micro-operations, ended by MemoryLoaded, MemoryStored
    or by the event of its failure."""

    actor: str
    kind: str
    """``load``, ``store`` or ``fetch``; ``speculative load`` and ``speculative fetch`` if it is not committed."""
    gla: Gla
    size: int


class TlbHit(Event, frozen=True, kw_only=True, tag=True):
    vpid: int
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid


class TlbMissed(Event, frozen=True, kw_only=True, tag=True):
    vpid: int
    gla: Gla


class TableRead(Event, frozen=True, kw_only=True, tag=True):
    """One step of a page walk read one entry."""

    table: str
    """``guest``, ``sept`` (Secure EPT) or ``ept`` (owned by the host)."""
    level: int
    """0 = PT ... 3 = PML4."""
    address: int
    """HPA of the entry."""
    value: int
    gpa: Gpa
    """GPA being translated; for ``guest`` the GPA of the entry itself."""


class TlbFilled(Event, frozen=True, kw_only=True, tag=True):
    vpid: int
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    perms: str
    """Like ``rwx``, ``r-x``."""


class TlbFlushed(Event, frozen=True, kw_only=True, tag=True):
    vpid: int
    """-1: all tags."""
    count: int
    reason: str


class CacheHit(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    keyid: Hkid


class CacheMissed(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    keyid: Hkid


class LineFetched(Event, frozen=True, kw_only=True, tag=True):
    """DRAM delivered a line and its metadata to the memory controller. Not noted on a cache hit."""

    hpa: Hpa
    keyid: Hkid
    cipher: bytes
    owner: bool
    mac: int
    poison: bool


class LineDecrypted(Event, frozen=True, kw_only=True, tag=True):
    """The memory controller checked a line and delivered 64 bytes. ``rule`` is why those bytes:
    ``decrypted``, ``plain`` (no encryption), or ``owned-zeros`` (shared KeyID on a TD-owned line)."""

    hpa: Hpa
    keyid: Hkid
    rule: str
    data: bytes
    mac_expected: int = -1
    """-1 where no MAC is checked."""


class LinePoisoned(Event, frozen=True, kw_only=True, tag=True):
    """The memory controller delivered zeros with a poison mark instead of data.
    ``rule``: ``owner-mismatch``, ``mac-mismatch``, ``stored-poison`` or ``partial-write``."""

    hpa: Hpa
    keyid: Hkid
    rule: str
    fresh: bool
    """True: poison is new in memory (and was logged); False: it was stored there already."""
    mac_expected: int = -1
    mac_stored: int = -1


class LineFilled(Event, frozen=True, kw_only=True, tag=True):
    """The cache took a line."""

    hpa: Hpa
    keyid: Hkid
    set: int
    way: int


class LineEvicted(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    keyid: Hkid
    dirty: bool
    reason: str


class LineCleaned(Event, frozen=True, kw_only=True, tag=True):
    """A dirty line was written back and stays in the cache, clean."""

    hpa: Hpa
    keyid: Hkid
    package: int
    """Whose core had written it."""
    reason: str


class LineWritten(Event, frozen=True, kw_only=True, tag=True):
    """The memory controller wrote one line to DRAM: this is what the chips hold now."""

    hpa: Hpa
    keyid: Hkid
    cipher: bytes
    owner: bool
    mac: int


class MemoryLoaded(Event, frozen=True, kw_only=True, tag=True):
    """A guest load or fetch succeeded."""

    actor: str
    kind: str
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    data: bytes


class MemoryStored(Event, frozen=True, kw_only=True, tag=True):
    actor: str
    gla: Gla
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid
    data: bytes


class InstructionRetired(Event, frozen=True, kw_only=True, tag=True):
    actor: str
    rip: int
    code: bytes


class SpeculationBegan(Event, frozen=True, kw_only=True, tag=True):
    """The predictor named another target than the branch has: instructions there begin to execute.
    Accesses up to ``SpeculationSquashed`` have the kind ``speculative load`` or ``speculative fetch``."""

    actor: str
    branch: Gla
    predicted: Gla
    actual: Gla
    trainer: str
    """Who executed the branch that the prediction comes from."""


class SpeculationSquashed(Event, frozen=True, kw_only=True, tag=True):
    """The branch is resolved: registers and stores of ``executed`` instructions are thrown away. The
    cache keeps ``lines`` that it did not have before."""

    actor: str
    executed: int
    why: str
    """What ended it."""
    lines: tuple[Hpa, ...]


TRACE_EVENTS = (
    AccessBegan, TlbHit, TlbMissed, TableRead, TlbFilled, CacheHit, CacheMissed, LineFetched,
    LineDecrypted, LineFilled, LineWritten, MemoryLoaded, MemoryStored, InstructionRetired, SpeculationBegan,
    SpeculationSquashed,
)  # fmt: skip


# --- host software, devices, people with a probe -------------------------------------------------


class HostLoaded(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    keyid: Hkid
    data: bytes
    rule: str


class HostTimed(Event, frozen=True, kw_only=True, tag=True):
    """How long the host's load took, as far as it matters: from memory (slow) or from the cache."""

    hpa: Hpa
    slow: bool


class HostCounted(Event, frozen=True, kw_only=True, tag=True):
    """``retired``: guest instructions that the host's performance counter has counted so far."""

    retired: int


class HostBranched(Event, frozen=True, kw_only=True, tag=True):
    """Host software executed an indirect branch; the processor's predictor has learned it."""

    at: Gla
    to: Gla
    call: bool


class HostClocked(Event, frozen=True, kw_only=True, tag=True):
    """``tsc``: ticks; in this model one guest instruction takes one."""

    tsc: int


class ReportChecked(Event, frozen=True, kw_only=True, tag=True):
    """A relying party has judged a TD by its TDREPORT; ``reason`` says why it was turned down."""

    td: str
    accepted: bool
    reason: str = ""


class HostStored(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    keyid: Hkid
    data: bytes
    how: str


class HostFaulted(Event, frozen=True, kw_only=True, tag=True):
    """Host software got an exception of its own (``#PF``, ``#MC``, ``#UD``, ``#GP``)."""

    fault: str
    hpa: Hpa
    keyid: Hkid
    detail: str


class HostExecuted(Event, frozen=True, kw_only=True, tag=True):
    """Host software carried out a privileged instruction. ``lines``: how many dirty cache lines INVD
    lost or WBINVD wrote back."""

    insn: str
    lines: int = 0


class HostRegistersRead(Event, frozen=True, kw_only=True, tag=True):
    """General registers in encoding order (RAX RCX RDX RBX RSP RBP RSI RDI R8..R15), XMM0-15."""

    gprs: tuple[int, ...]
    xmm: tuple[int, ...]
    others: dict[str, int] = {}
    """CR2, debug registers, XCR0 and MSRs that no VMCS switches, by name."""


class DmaMapped(Event, frozen=True, kw_only=True, tag=True):
    device: str
    iova: int
    hpa: Hpa
    keyid: Hkid


class DmaLoaded(Event, frozen=True, kw_only=True, tag=True):
    device: str
    iova: int
    hpa: Hpa
    keyid: Hkid
    data: bytes
    rule: str


class DmaStored(Event, frozen=True, kw_only=True, tag=True):
    device: str
    iova: int
    hpa: Hpa
    keyid: Hkid
    data: bytes


class IommuFaulted(Event, frozen=True, kw_only=True, tag=True):
    """The IOMMU aborted a device's transaction and logged a DMA-remapping fault."""

    device: str
    iova: int
    hpa: Hpa
    keyid: Hkid
    reason: str


class BusCaptured(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    cipher: bytes
    owner: bool
    mac: int


class BusInjected(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    cipher: bytes
    owner: bool
    mac: int


class BitFlipped(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    field: str
    bit: int


class ErrorCorrected(Event, frozen=True, kw_only=True, tag=True):
    """ECC found one flipped bit in a line that was fetched: it is put right, and a corrected error logged."""

    hpa: Hpa


class DimmDumped(Event, frozen=True, kw_only=True, tag=True):
    """The machine lost power (keys and caches are gone) and the DIMM was read elsewhere."""

    hpa: Hpa
    data: bytes


class MachineRebooted(Event, frozen=True, kw_only=True, tag=True):
    """``tdx``: whether the TDX module can be initialised on this boot; ``why`` not, if not."""

    tdx: bool
    why: str = ""


class CommandRefused(Event, frozen=True, kw_only=True, tag=True):
    """The command has no meaning in the present state of the machine; nothing changed."""

    command: str
    reason: str


# --- machine checks -----------------------------------------------------------------------------


class UcnaLogged(Event, frozen=True, kw_only=True, tag=True):
    """The platform logged new poison (uncorrected, no action; may raise CMCI)."""

    hpa: Hpa
    rule: str


class MachineCheckRaised(Event, frozen=True, kw_only=True, tag=True):
    """#MC: poison was consumed. ``context`` is the actor that consumed it."""

    context: str
    hpa: Hpa
    rip: int = 0


# --- the TDX module -----------------------------------------------------------------------------


class LeafReturned(Event, frozen=True, kw_only=True, tag=True):
    """A SEAMCALL (``side`` host) or TDCALL (``side`` guest) completed."""

    side: str
    leaf: int
    name: str
    status: int
    """Full 64-bit RAX: completion status with operand id, or TD exit status with exit reason."""
    passed: int
    """How many checks of the leaf's row passed, in order."""
    reason: str
    """Why the next check failed, in words; empty on success."""
    inputs: dict[str, int] = {}
    outputs: dict[str, int] = {}


class SeamcallFailed(Event, frozen=True, kw_only=True, tag=True):
    """SEAMCALL itself failed before any leaf ran: ``VMfailInvalid`` (no module, SEAM shut down) or
    ``#UD`` (no SEAM on this machine)."""

    how: str
    why: str = ""
    """What made SEAM shut down, where this is the moment at which it does."""


class TdcallInterrupted(Event, frozen=True, kw_only=True, tag=True):
    """A TDCALL gave way to an interruption that waits. The guest makes it again afterwards; ``done`` of
    ``of`` pages are behind it."""

    name: str
    done: int = 0
    of: int = 0


class SeamcallHeld(Event, frozen=True, kw_only=True, tag=True):
    """A SEAMCALL (or TDCALL) is inside the module and takes its time there."""

    name: str
    passed: int
    """Checks of the leaf's row that have passed so far."""
    locks: tuple[str, ...]
    """What it has locked, like ``PAMT 0x600000 exclusive``."""


class SystemStateChanged(Event, frozen=True, kw_only=True, tag=True):
    before: str
    after: str


class KeyConfigured(Event, frozen=True, kw_only=True, tag=True):
    """PCONFIG programmed a random key. Nobody but the memory-encryption engine ever holds it."""

    hkid: Hkid
    package: int


class KotChanged(Event, frozen=True, kw_only=True, tag=True):
    """The Key Ownership Table's entry of an HKID: its state, or only its bitmap of packages."""

    hkid: Hkid
    before: str
    after: str
    wbinvd: int = 0
    """One bit per package whose caches still have to be written back."""


class PamtChanged(Event, frozen=True, kw_only=True, tag=True):
    hpa: Hpa
    before: str
    after: str
    owner: Hpa
    """TDR page of the owner, 0 for none."""
    size: int = 0


class SeptEntryChanged(Event, frozen=True, kw_only=True, tag=True):
    td: str
    gpa: Gpa
    level: int
    before: str
    after: str
    hpa: Hpa


class EpochStamped(Event, frozen=True, kw_only=True, tag=True):
    """PAMT.BEPOCH of a page (or Secure EPT page): the TLB epoch in which its mapping was blocked."""

    td: str
    hpa: Hpa
    bepoch: int


class EpochAdvanced(Event, frozen=True, kw_only=True, tag=True):
    """A new TLB epoch of the TD began; vCPUs that enter from now on flush and join it."""

    td: str
    before: int
    after: int


class LifecycleChanged(Event, frozen=True, kw_only=True, tag=True):
    td: str
    before: str
    after: str


class OpStateChanged(Event, frozen=True, kw_only=True, tag=True):
    td: str
    before: str
    after: str


class VcpuStateChanged(Event, frozen=True, kw_only=True, tag=True):
    td: str
    vcpu: int
    before: str
    after: str


class VcpuAssociated(Event, frozen=True, kw_only=True, tag=True):
    """A vCPU may now be used on logical processor ``on`` only; -1 = on any, after TDH.VP.FLUSH."""

    td: str
    vcpu: int
    on: int


class IbpbIssued(Event, frozen=True, kw_only=True, tag=True):
    """Indirect branch prediction barrier: the next guest meets no trained branch predictor."""

    reason: str
    entries: int = 0
    """Predictor entries that went."""


class BranchHistoryCleared(Event, frozen=True, kw_only=True, tag=True):
    """The branch history buffer was overwritten; what the other side left in it steers nothing."""

    reason: str


class SteppingFiltered(Event, frozen=True, kw_only=True, tag=True):
    """The module suspects single-stepping: the TD runs ``further`` more instructions (a random number)
    before the interruption may leave it. The host is not told."""

    td: str
    moved: int
    """Bytes that RIP moved since TDH.VP.ENTER."""
    further: int


class MeasurementExtended(Event, frozen=True, kw_only=True, tag=True):
    """``register``: MRTD or RTMR0..3. ``what``: the 128-byte block's name; digest is set when final."""

    td: str
    register: str
    what: str
    gpa: Gpa
    digest: bytes = b""


class ReportMade(Event, frozen=True, kw_only=True, tag=True):
    """TDG.MR.REPORT wrote a TDREPORT_STRUCT, sealed by the processor, into guest memory."""

    td: str
    gpa: Gpa
    data: bytes
    """REPORTDATA, the caller's 64 bytes."""


class TdEntered(Event, frozen=True, kw_only=True, tag=True):
    td: str
    vcpu: int


class StateSaved(Event, frozen=True, kw_only=True, tag=True):
    """The module wrote the vCPU's state into its TDVPS pages, under the TD's key."""

    td: str
    vcpu: int
    hpa: Hpa


class RegistersScrubbed(Event, frozen=True, kw_only=True, tag=True):
    """What the host finds in the registers after the TD exit. GPRs in encoding order."""

    gprs: tuple[int, ...]
    exposed: tuple[str, ...]
    """Names of registers that carry something other than zero for the host."""


class TdExited(Event, frozen=True, kw_only=True, tag=True):
    td: str
    vcpu: int
    reason: int
    """VMX exit reason."""
    why: str
    status: int
    """RAX as TDH.VP.ENTER returns it."""


class TdBecameFatal(Event, frozen=True, kw_only=True, tag=True):
    td: str
    why: str


class VmEntered(Event, frozen=True, kw_only=True, tag=True):
    vm: str


class VmExited(Event, frozen=True, kw_only=True, tag=True):
    """An ordinary VM stopped. Its general registers stay where they are, for the host."""

    vm: str
    reason: int
    why: str
    gpa: Gpa = -1
    """Where an EPT violation happened; -1 for other exits."""
    qualification: int = 0
    """Of a port access (reason 30): size - 1, IN (8), string (16), REP (32), immediate (64), port << 16."""
    length: int = 0
    """Of the instruction that left with RIP still at it (INS, OUTS)."""
    linear: int = -1
    """Guest-linear address of INS and OUTS."""
    information: int = 0
    """VM-exit instruction information of INS and OUTS: address size 9:7, segment 17:15."""


class VmConfigured(Event, frozen=True, kw_only=True, tag=True):
    """The host created an ordinary VM or changed its EPT."""

    vm: str
    gpa: Gpa
    hpa: Hpa
    keyid: Hkid = 0
    """KeyID bits of the address in the entry."""


class RunPaused(Event, frozen=True, kw_only=True, tag=True):
    """A run stopped before an instruction that it was told to stop before."""

    actor: str
    before: str
    rip: Gla
    rax: int
    number: int
    """How many instructions this logical processor has completed, plus one: the number of the next."""


class VmStateWritten(Event, frozen=True, kw_only=True, tag=True):
    """Legacy world: the host changed a register of a VM; the VM's next entry loads it."""

    vm: str
    register: str
    value: int


class VmxOperationEntered(Event, frozen=True, kw_only=True, tag=True):
    """Legacy world: VMXON of a guest succeeded; its hypervisor lets it make VMs of its own."""

    actor: str


class TimePassed(Event, frozen=True, kw_only=True, tag=True):
    """The host waited. ``ran``: guests that executed instructions meanwhile."""

    ran: tuple[str, ...]


# --- inside a guest -----------------------------------------------------------------------------


class InterruptArrived(Event, frozen=True, kw_only=True, tag=True):
    vector: int
    kind: str = "interrupt"
    """``interrupt``, ``nmi``, ``init``, ``smi`` or ``msmi``."""


class ApicModeSet(Event, frozen=True, kw_only=True, tag=True):
    """Host software wrote IA32_APIC_BASE."""

    mode: str
    """``disabled``, ``xapic`` or ``x2apic``."""


class InterruptHandled(Event, frozen=True, kw_only=True, tag=True):
    """A guest has left the processor; host software takes what is still pending there."""

    vector: int
    """0 unless ``kind`` is ``interrupt``."""
    kind: str = "interrupt"


class InterruptsPosted(Event, frozen=True, kw_only=True, tag=True):
    """A notification interrupt moved the posted-interrupt descriptor's requests into the vCPU's virtual
    APIC, without an exit."""

    td: str
    vectors: tuple[int, ...]


class ExceptionDelivered(Event, frozen=True, kw_only=True, tag=True):
    """A guest exception went to the guest's own handler, or (``why``) could not and escalated."""

    actor: str
    vector: int
    rip: int
    error: int = -1
    cr2: int = 0
    why: str = ""
    kind: str = "fault"
    """``fault``, ``trap``, ``interrupt``, ``nmi`` or ``software``."""
    frame: Gla = -1
    """Where the frame was pushed; -1 where there is none."""


class InstructionNotModelled(Event, frozen=True, kw_only=True, tag=True):
    """The bytes decode, but tdxviz does not model the instruction; the guest gets #UD."""

    actor: str
    rip: int
    code: bytes
    text: str


class VeInjected(Event, frozen=True, kw_only=True, tag=True):
    """The module turned a guest action into #VE."""

    td: str
    reason: int
    why: str


class VmCpuidChosen(Event, frozen=True, kw_only=True, tag=True):
    """The host has decided what an ordinary VM's CPUID says; EAX EBX ECX EDX."""

    vm: str
    leaf: int
    values: tuple[int, ...]


class CpuidAnswered(Event, frozen=True, kw_only=True, tag=True):
    actor: str
    leaf: int
    subleaf: int
    by: str
    """``module`` or ``host``."""


if TYPE_CHECKING:
    AnyEvent: TypeAlias = Event
else:
    AnyEvent = Union[tuple(Event.__subclasses__())]  # noqa: UP007 - made from the classes
"""What a decoder accepts: every class above; there is no list to keep."""
