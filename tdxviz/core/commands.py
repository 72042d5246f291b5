"""Every way to change the machine. Imperatives; frozen; JSON round trip with ``msgspec``.

A command says what an actor does, never what comes of it. Addresses are host-physical unless the
name says otherwise.
"""

from typing import TYPE_CHECKING, Literal, TypeAlias, Union

import msgspec

from tdxviz.core.units import Gpa, Hkid, Hpa

SCHEMA = 1
"""Version of the command and event JSON. Readers refuse a newer one."""


INJECTION = "VM-entry interruption information"
"""The field with which a hypervisor injects an event: vector 7:0, type 10:8, error code 11, valid 31."""


class Command(msgspec.Struct, frozen=True, kw_only=True, tag_field="do", forbid_unknown_fields=True):
    """Base of all commands; the tag ``do`` names the class."""


class Seamcall(Command, frozen=True, kw_only=True, tag=True):
    """SEAMCALL on one logical processor with raw 64-bit registers. RAX = leaf | version << 16.

    With ``hold`` the call takes its time: it stays inside the module, with every lock that it has
    taken, once that many of its checks have passed (or all of them), until ``Proceed``. That is
    how a second logical processor comes to find a lock busy."""

    rax: int
    lp: int = 0
    rcx: int = 0
    rdx: int = 0
    r8: int = 0
    r9: int = 0
    r10: int = 0
    r11: int = 0
    r12: int = 0
    r13: int = 0
    r14: int = 0
    r15: int = 0
    rbx: int = 0
    rsi: int = 0
    rdi: int = 0
    rbp: int = 0
    hold: int | None = None


class Proceed(Command, frozen=True, kw_only=True, tag=True):
    """The call that ``lp`` is still in goes on to its end."""

    lp: int = 0


class Tdcall(Command, frozen=True, kw_only=True, tag=True):
    """The vCPU that runs on ``lp`` executes TDCALL with these registers: a guest's kernel in the hands
    of a tester. RAX = leaf | version << 16; a register that is not named keeps the guest's value.

    No instruction is fetched for it and RIP stays; all else is as if the guest had a TDCALL there.
    ``hold`` as for ``Seamcall``: the guest's call stays inside the module until ``Proceed``.
    """

    rax: int
    lp: int = 0
    rcx: int | None = None
    rdx: int | None = None
    rbx: int | None = None
    rbp: int | None = None
    rsi: int | None = None
    rdi: int | None = None
    r8: int | None = None
    r9: int | None = None
    r10: int | None = None
    r11: int | None = None
    r12: int | None = None
    r13: int | None = None
    r14: int | None = None
    r15: int | None = None
    hold: int | None = None


class RunGuest(Command, frozen=True, kw_only=True, tag=True):
    """Let the guest that is entered on ``lp`` execute up to ``steps`` instructions.

    Ends early at a TD exit or VM exit, or before the instruction at ``until`` (a linear address)
    once at least one instruction ran. ``trace`` notes every memory micro-operation and retired
    instruction; without it only what leaves the guest is noted.
    """

    lp: int = 0
    steps: int = 1
    until: int | None = None
    trace: bool = True
    stop_before: str = ""
    """Also stop, once an instruction ran, before one that leaves the guest's own hands: its mnemonic
    in upper case, for example ``TDCALL``."""
    at_once: bool = False
    """With ``stop_before``: also before the very first one, because nobody has stopped there yet."""


class RaiseInterrupt(Command, frozen=True, kw_only=True, tag=True):
    """A physical interrupt arrives at a logical processor; a running guest exits at the next boundary."""

    lp: int = 0
    vector: int = 0x20
    kind: Literal["interrupt", "nmi", "init", "smi", "msmi"] = "interrupt"
    """``msmi``: an SMI that signals a machine check. Only ``interrupt`` uses the vector."""


class VmCreate(Command, frozen=True, kw_only=True, tag=True):
    """The host creates an ordinary VM whose EPT root is the page ``eptp``."""

    vm: int = 0
    eptp: Hpa


class VmMap(Command, frozen=True, kw_only=True, tag=True):
    """The host maps one 4 KiB guest page in an ordinary VM's EPT (tables taken from ``tables``)."""

    vm: int = 0
    gpa: Gpa
    hpa: Hpa
    tables: Hpa
    """First of the host pages that new EPT tables may use; used ones are skipped."""
    perms: int = 7
    """Bit 0 read, 1 write, 2 execute; 0 takes the page away."""
    keyid: Hkid = 0
    """KeyID bits of the address in the entry. Private ones are reserved bits outside SEAM."""
    trace: bool = True
    """Without it the mapping alone is noted, not the host's reads and writes of its tables."""


class VmEnter(Command, frozen=True, kw_only=True, tag=True):
    """VMLAUNCH or VMRESUME of an ordinary VM's only vCPU on ``lp``."""

    lp: int = 0
    vm: int = 0


class VmWrite(Command, frozen=True, kw_only=True, tag=True):
    """The host changes an ordinary VM that is out: RIP or the event of the next entry by VMWRITE,
    general registers in its own save area."""

    vm: int = 0
    register: str = "RIP"
    """``RIP``, a general register in upper case, or ``INJECTION``."""
    value: int


class VmCpuid(Command, frozen=True, kw_only=True, tag=True):
    """Legacy world: the host decides what a VM's CPUID says for one leaf, as it decides for all."""

    vm: int = 0
    leaf: int
    eax: int = 0
    ebx: int = 0
    ecx: int = 0
    edx: int = 0


class VmInvept(Command, frozen=True, kw_only=True, tag=True):
    """The host drops every translation of an ordinary VM on every logical processor."""

    vm: int = 0


class HostWait(Command, frozen=True, kw_only=True, tag=True):
    """The host does nothing for a while: guests that are entered go on for up to ``steps``
    instructions, and nobody is entered anew."""

    steps: int = 1000


class HostRead(Command, frozen=True, kw_only=True, tag=True):
    """A load by host software through its own page table entry with ``keyid``."""

    hpa: Hpa
    size: int = 64
    keyid: Hkid = 0
    lp: int = 1


class HostTime(Command, frozen=True, kw_only=True, tag=True):
    """Host software loads one byte and reads the clock before and after: slow means not cached."""

    hpa: Hpa
    keyid: Hkid = 0
    lp: int = 1


class HostCount(Command, frozen=True, kw_only=True, tag=True):
    """Host software reads its performance counter of retired instructions on a logical processor."""

    lp: int = 0


class HostClock(Command, frozen=True, kw_only=True, tag=True):
    """Host software reads the time-stamp counter of a logical processor."""

    lp: int = 0


class HostBranch(Command, frozen=True, kw_only=True, tag=True):
    """Host software executes an indirect branch at the linear address ``at`` to ``to``: a JMP, or a
    CALL, which also leaves a return address. Nothing else of its code is modelled."""

    at: int
    to: int
    call: bool = False
    lp: int = 0


class CheckReport(Command, frozen=True, kw_only=True, tag=True):
    """A relying party that wants production TDs only looks at the TDREPORT that the guest on ``lp`` has
    in its private page ``gpa``. It releases secrets to a TD that it accepts, and to no other."""

    gpa: Gpa
    lp: int = 0


class HostWrite(Command, frozen=True, kw_only=True, tag=True):
    """A store by host software. ``full-line`` is MOVDIR64B-like, ``ordinary`` goes through the
    cache, ``partial`` reaches memory with fewer than 64 bytes. Without ``trace`` the store alone is
    noted, not what it did to each line."""

    hpa: Hpa
    data: bytes
    keyid: Hkid = 0
    how: Literal["ordinary", "full-line", "partial"] = "ordinary"
    lp: int = 1
    trace: bool = True


class FlushLine(Command, frozen=True, kw_only=True, tag=True):
    """CLFLUSH by host software of its own alias (KeyID ``keyid``) of one line."""

    hpa: Hpa
    keyid: Hkid = 0
    lp: int = 1


class EvictLine(Command, frozen=True, kw_only=True, tag=True):
    """Cache pressure drives one line, under one KeyID, out of the cache (write-back if dirty)."""

    hpa: Hpa
    keyid: Hkid


class HostExec(Command, frozen=True, kw_only=True, tag=True):
    """One privileged instruction by host software: INVD throws the caches away, WBINVD writes them back
    first, WRMSR writes ``value`` to IA32_TIME_STAMP_COUNTER (0x10) or IA32_TSC_ADJUST (0x3B)."""

    insn: Literal["INVD", "WBINVD", "WRMSR"]
    lp: int = 1
    msr: int = 0
    value: int = 0


class HostApic(Command, frozen=True, kw_only=True, tag=True):
    """Host software writes IA32_APIC_BASE: the mode of a logical processor's local APIC (x2APIC after power-on)."""

    mode: Literal["disabled", "xapic", "x2apic"]
    lp: int = 0


class ReadHostRegisters(Command, frozen=True, kw_only=True, tag=True):
    """Host software looks at the general registers and XMM of ``lp`` as it finds them."""

    lp: int = 0


class DmaMap(Command, frozen=True, kw_only=True, tag=True):
    """The host programs the IOMMU: device page ``iova`` goes to ``hpa`` with ``keyid``."""

    device: str = "nic"
    iova: int
    hpa: Hpa
    keyid: Hkid = 0


class DmaRead(Command, frozen=True, kw_only=True, tag=True):
    device: str = "nic"
    iova: int
    size: int = 64


class DmaWrite(Command, frozen=True, kw_only=True, tag=True):
    device: str = "nic"
    iova: int
    data: bytes


class BusCapture(Command, frozen=True, kw_only=True, tag=True):
    """A probe on the memory bus records one line with its metadata as DRAM holds it."""

    hpa: Hpa


class BusInject(Command, frozen=True, kw_only=True, tag=True):
    """The probe puts its newest recording of this line back, metadata included."""

    hpa: Hpa


class FlipBit(Command, frozen=True, kw_only=True, tag=True):
    """The probe flips one bit and repairs ECC, or leaves ECC as it is. ``bit`` counts from bit 0 of byte 0
    of the field."""

    hpa: Hpa
    field: Literal["data", "mac", "owner"] = "data"
    bit: int = 0
    repair: bool = True


class DumpDimm(Command, frozen=True, kw_only=True, tag=True):
    """Power off, move the DIMM, read ``size`` bytes from ``hpa``. Keys and caches are gone."""

    hpa: Hpa
    size: int = 4096


class Reboot(Command, frozen=True, kw_only=True, tag=True):
    """Switch off and on. Keys are new, firmware scrubs memory, guests and the TDX module's state are
    gone. The host may have prepared the machine badly before."""

    smrr_locked: bool = True
    """Whether firmware locks SMRR, as TDX needs it."""
    spd_factor: int = 1
    """How many times their real size the memory modules claim to have (1, 2 or 4)."""
    arch_capabilities: int | None = None
    """IA32_ARCH_CAPABILITIES of the processors in the sockets; None: those that the world comes with."""


if TYPE_CHECKING:
    AnyCommand: TypeAlias = Command
else:
    AnyCommand = Union[tuple(Command.__subclasses__())]  # noqa: UP007 - made from the classes
"""What a decoder accepts: every class above; there is no list to keep."""
