"""The table of actions: names, words, arguments. What they do is in ``deeds_*``."""

import msgspec

from tdxviz.session.actions import Deed


class Place(msgspec.Struct, forbid_unknown_fields=True):
    """``at``: host-physical address or a name of the guest's (``password``, ``picture+0x140``)."""

    at: int | str
    size: int = 64
    keyid: int | str = 0
    """A number, or ``guest`` for the KeyID of the guest's private memory."""
    evict: bool = True
    """First let cache pressure drive the guest's own copy of the line out to memory."""


class Write(msgspec.Struct, forbid_unknown_fields=True):
    """``data``: hex digits; without it ``pattern``, one byte, is repeated ``size`` times."""

    at: int | str
    data: str = ""
    pattern: int = 0xCC
    size: int = 64
    keyid: int | str = 0
    how: str = "full-line"
    evict: bool = True


class Flip(msgspec.Struct, forbid_unknown_fields=True):
    at: int | str
    field: str = "data"
    bit: int = 0
    evict: bool = True


class Resume(msgspec.Struct, forbid_unknown_fields=True):
    """``until``: a label of the guest program or a linear address; empty runs all ``steps``. ``conduct``:
    TDVMCALL sub-function -> how the host serves it (``core/host/conduct.py``); honestly if not named."""

    until: int | str = ""
    steps: int = 60_000
    lp: int = 0
    trace: bool = True
    conduct: dict[str, str] = {}


class Enter(msgspec.Struct, forbid_unknown_fields=True):
    """``vcpu``: its number; an ordinary VM has 0 only, whatever is asked for."""

    steps: int = 1
    lp: int = 0
    vcpu: int = 0


class Train(msgspec.Struct, forbid_unknown_fields=True):
    """``at``, ``to``: linear addresses, or labels of the guest's whose addresses the host's branch shares."""

    at: int | str
    to: int | str
    lp: int = 0


class Lines(msgspec.Struct, forbid_unknown_fields=True):
    """``count`` lines of memory from ``at`` on, as the host's KeyID 0 sees them."""

    at: int | str
    count: int = 256


class Register(msgspec.Struct, forbid_unknown_fields=True):
    """``register``: RIP or a general register. ``value``: a number or a label of the guest."""

    register: str = "RIP"
    value: int | str = 0


class Touch(msgspec.Struct, forbid_unknown_fields=True):
    """Run the guest until it has loaded (or stored) a byte of the line at ``at``."""

    at: int | str
    kind: str = "load"
    steps: int = 20_000
    lp: int = 0


class Which(msgspec.Struct, forbid_unknown_fields=True):
    id: str


class Raw(msgspec.Struct, forbid_unknown_fields=True):
    """``command``: a command as JSON object, ``{"do": "HostRead", "hpa": ...}``."""

    command: dict[str, object]


class Processor(msgspec.Struct, forbid_unknown_fields=True):
    lp: int = 0


class Interrupt(msgspec.Struct, forbid_unknown_fields=True):
    lp: int = 0
    vector: int = 0x20


class GuestPage(msgspec.Struct, forbid_unknown_fields=True):
    """``at``: guest-physical address, or a name of the guest's; the page around it is meant.
    ``level``: 0 for 4 KiB, 1 for 2 MiB, 2 for 1 GiB."""

    at: int | str
    level: int = 0


class Page(msgspec.Struct, forbid_unknown_fields=True):
    """``at``: host-physical address or a name of the first guest's; the host page around it is meant."""

    at: int | str


class Build(msgspec.Struct, forbid_unknown_fields=True):
    debug: bool = False


class Leaf(msgspec.Struct, forbid_unknown_fields=True):
    """One SEAMCALL by the leaf's name. An operand is a number, or: ``td`` (its TDR page), ``vcpu``
    (its TDVPR page), ``hkid`` (the TD's), ``free`` (a page nobody uses), ``gpa:NAME`` and ``page:NAME``
    (guest page, host page of one of the guest's symbols)."""

    leaf: str
    lp: int = 1
    rcx: int | str = 0
    rdx: int | str = 0
    r8: int | str = 0
    r9: int | str = 0


class Program(msgspec.Struct, forbid_unknown_fields=True):
    """``source``: assembly text; or ``data``: a binary of up to 64 KiB as base64 of zlib; or ``file``: a
    program on this computer, with ``sha256`` what it must be. ``name``: of the file that ``data`` came from.
    ``limit``: instructions after which it is stopped. ``conduct`` as in ``Resume``; it matters in a TD only."""

    source: str = ""
    limit: int = 5_000_000
    conduct: dict[str, str] = {}
    data: str = ""
    name: str = ""
    file: str = ""
    sha256: str = ""


class Image(msgspec.Struct, forbid_unknown_fields=True):
    """``file``: a TDVF image on this computer. ``sha256``: what it must be, as hex; without it any.
    ``memory``: MiB that the TD is told it has."""

    file: str
    sha256: str = ""
    memory: int = 128


class Onward(msgspec.Struct, forbid_unknown_fields=True):
    """``until``: stop before the next TDCALL (empty), before the next one of this leaf, or, with
    ``accepted``, when all memory that the host promised is accepted. ``steps``: instructions at most.
    ``at_once``: the run before this one was cut off, perhaps just before a TDCALL."""

    until: str = ""
    steps: int = 5_000_000
    at_once: bool = False


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    pass


HOST = "tdxviz.session.deeds_host"
GUEST = "tdxviz.session.deeds_guest"
MEMORY = "tdxviz.session.deeds_memory"
SECOND = "tdxviz.session.deeds_second"
FIRMWARE = "tdxviz.session.deeds_firmware"

DEEDS: tuple[Deed, ...] = (
    Deed("resume", "Run the guest", Resume, f"{GUEST}:resume", "guest",
         tooltip="The host enters the guest and lets it run, until a label if one is given"),
    Deed("td.enter", "Host enters the guest once", Enter, f"{GUEST}:enter_once", "guest",
         tooltip="TDH.VP.ENTER (or VMRESUME), and nothing after it: an exit is left as it is"),
    Deed("program", "Run a program of your own", Program, f"{GUEST}:program", "guest",
         tooltip="Build a guest around assembly source or a binary and let it run to its end; in an empty machine",
         by_reference=True),
    Deed("vp.write", "Host writes register {register} of the vCPU", Register, f"{GUEST}:write_register",
         tooltip="TDH.VP.WR in a TDX world, its own memory for an ordinary VM"),
    Deed("touch", "Run the guest until it uses {at}", Touch, f"{GUEST}:touch", "guest",
         tooltip="The guest runs until one of its own instructions loads or stores this line"),
    Deed("attack", "Attack: {id}", Which, f"{GUEST}:attack", "attack",
         tooltip="Play one attack of the catalogue and judge it by its events"),
    Deed("interrupt", "Interrupt {vector} on processor {lp}", Interrupt, f"{GUEST}:interrupt",
         tooltip="A timer fires: the guest stops at its next instruction"),
    Deed("host.read", "Host reads {at}", Place, f"{HOST}:read",
         tooltip="Host software loads bytes through its own page table"),
    Deed("host.write", "Host overwrites {at}", Write, f"{HOST}:write",
         tooltip="Host software stores bytes through its own page table"),
    Deed("host.flush", "Host flushes {at}", Place, f"{HOST}:flush",
         tooltip="CLFLUSH: the host's own copy of the line leaves the cache"),
    Deed("host.flush_lines", "Host flushes {count} lines from {at}", Lines, f"{HOST}:flush_lines",
         tooltip="CLFLUSH, line by line: what is cached afterwards, somebody has used since"),
    Deed("host.time_lines", "Host times {count} lines from {at}", Lines, f"{HOST}:time_lines",
         tooltip="Load each line and look at the clock: a fast one was in the cache"),
    Deed("host.train", "Host trains the branch at {at} to go to {to}", Train, f"{HOST}:train",
         tooltip="An indirect jump of the host's own, at an address that collides, on processor {lp}"),
    Deed("host.registers", "Host looks at the registers of processor {lp}", Processor,
         f"{HOST}:registers", tooltip="What did the guest leave behind in the core?"),
    Deed("evict", "The guest's line {at} leaves the cache", Place, f"{HOST}:evict",
         tooltip="Cache pressure: from now on memory decides what is read"),
    Deed("device.read", "Device reads {at}", Place, f"{HOST}:device_read", "device",
         tooltip="The host maps the page for a network card and tells it to read"),
    Deed("device.write", "Device overwrites {at}", Write, f"{HOST}:device_write", "device",
         tooltip="The host maps the page for a network card and tells it to write"),
    Deed("probe.capture", "Probe records {at}", Place, f"{HOST}:capture", "probe",
         tooltip="A probe on the memory bus records the line as the chips hold it"),
    Deed("probe.inject", "Probe replays {at}", Place, f"{HOST}:inject", "probe",
         tooltip="The probe puts its last recording of this line back"),
    Deed("probe.flip", "Probe flips bit {bit} of {at}", Flip, f"{HOST}:flip", "probe",
         tooltip="The probe changes one bit and repairs ECC"),
    Deed("probe.dump", "Pull the plug and read the chips at {at}", Place, f"{HOST}:dump", "probe",
         tooltip="Power off, take the DIMM out, read it in another machine"),
    Deed("page.remove", "Host takes the guest's page {at} away", GuestPage, f"{MEMORY}:remove",
         tooltip="Block, track, interrupt, remove, write back, clear: the honest order"),
    Deed("page.add", "Host adds a page at {at}", GuestPage, f"{MEMORY}:add",
         tooltip="PAGE.AUG: the page is pending until the guest accepts it"),
    Deed("page.block", "Host blocks the guest's page {at}", GuestPage, f"{MEMORY}:block",
         tooltip="RANGE.BLOCK, TRACK and an interrupt (or an empty EPT entry): the next use is an exit"),
    Deed("page.unblock", "Host unblocks the guest's page {at}", GuestPage, f"{MEMORY}:unblock",
         tooltip="RANGE.UNBLOCK (or the EPT entry as it was)"),
    Deed("page.relocate", "Host moves the guest's page {at} to other memory", GuestPage, f"{MEMORY}:relocate",
         tooltip="The guest keeps its content and notices nothing"),
    Deed("page.demote", "Host splits the large page at {at}", GuestPage, f"{MEMORY}:demote",
         tooltip="One 2 MiB mapping becomes 512 of 4 KiB"),
    Deed("page.promote", "Host merges the pages at {at}", GuestPage, f"{MEMORY}:promote",
         tooltip="512 neighbours of 4 KiB become one mapping of 2 MiB"),
    Deed("page.share", "Host makes {at} a shared page", GuestPage, f"{MEMORY}:share",
         tooltip="MapGPA, the host's part: remove the private page, map it in the host's own EPT"),
    Deed("page.unshare", "Host makes {at} a private page again", GuestPage, f"{MEMORY}:unshare",
         tooltip="MapGPA, the other way: unmap, add as pending; the guest has to accept"),
    Deed("td.kick", "Host interrupts the guest everywhere", Nothing, f"{MEMORY}:kick",
         tooltip="An interrupt on every processor that runs the guest: it leaves its TLB epoch"),
    Deed("td.look", "Host reads {at} of a debug guest", Place, f"{MEMORY}:look",
         tooltip="TDH.MEM.RD, 8 bytes a call: only a debug TD lets it happen"),
    Deed("td.end", "Host ends the guest and takes everything back", Nothing, f"{MEMORY}:end",
         tooltip="Flush vCPUs and caches, free the HKID, reclaim every page, the TDR last"),
    Deed("td.build", "Host builds the guest anew", Build, f"{MEMORY}:build",
         tooltip="The same program in the same pages under the same HKID, with another key"),
    Deed("second.build", "Host builds another guest", Nothing, f"{SECOND}:build",
         tooltip="A TD with its own HKID and key (or an ordinary VM) beside the first; it reads one guest page"),
    Deed("second.give", "Host gives the page {at} to the other guest", Page, f"{SECOND}:give",
         tooltip="TDH.MEM.PAGE.AUG into the other TD, or an entry in the other VM's table"),
    Deed("second.run", "The other guest looks at what it was given", Nothing, f"{SECOND}:run", "guest",
         tooltip="It accepts the page (in a TD) and reads it, or leaves because nothing is there"),
    Deed("call", "Host calls {leaf}", Leaf, f"{MEMORY}:call_leaf",
         tooltip="One SEAMCALL, whatever the TDX module answers"),
    Deed("firmware.build", "Host builds a TD from the firmware {file}", Image, f"{FIRMWARE}:build",
         tooltip="Page by page as its TDVF metadata says; the vCPU then stands at the reset vector", by_reference=True),
    Deed("firmware.next", "The firmware runs to a TDCALL", Onward, f"{FIRMWARE}:go_on", "guest",
         tooltip="The host enters the TD, answers what it asks for, and stops before a TDCALL"),
    Deed("command", "One raw command", Raw, f"{HOST}:raw",
         tooltip="Any command with raw values, for experts"),
)  # fmt: skip
