"""The table of panels. A new panel is a file in ``views`` and a row here."""

from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from tdxviz.ui.panel import Panel

VIEWS = "tdxviz.ui.views"


@dataclass(frozen=True)
class Row:
    """``module:class`` is imported when the panel is first shown."""

    name: str
    title: str
    key: str
    where: str
    tooltip: str
    room: tuple[int, int]
    """The least size at 100 % that shows its picture; with less, layouts fold."""
    short: str = ""
    """For a tab, where the title is long."""

    @property
    def tab(self) -> str:
        return self.short or self.title

    @property
    def exists(self) -> bool:
        """Whether its file is there; looks, and imports nothing of it."""
        return find_spec(f"{VIEWS}.{self.where.partition(':')[0]}") is not None

    def load(self) -> type[Panel]:
        module, _, name = self.where.partition(":")
        return getattr(import_module(f"{VIEWS}.{module}"), name)


PANELS: tuple[Row, ...] = (
    Row("stage", "The machine", "G", "stage:StagePanel", "One access, still by still", (430, 250), short="Machine"),
    Row("eyes", "Who sees what, right now", "E", "eyes:EyesPanel", "The same bytes, all eyes", (400, 116), short="Who sees what"),
    Row("verdict", "Verdict", "", "verdict:VerdictPanel", "What came of the last attack", (320, 62)),
    Row("timeline", "Timeline", "", "timeline:TimelinePanel", "Everything that happened", (320, 100)),
    Row("lesson", "Lesson", "", "lesson:LessonPanel", "What to do next", (250, 220)),
    Row("ribbon", "Physical memory", "", "ribbon:RibbonPanel", "All of memory by owner", (320, 52), short="Memory"),
    Row("memory_map", "Memory map", "M", "memory_map:MemoryMapPanel", "One cell a page", (320, 200), short="Map"),
    Row("page", "Page", "P", "page:PagePanel", "4 KiB: 64 lines", (320, 164)),
    Row("line", "Cache line", "L", "line:LinePanel", "64 bytes through all eyes", (340, 150)),
    Row("sept", "SEPT walk", "S", "sept:SeptPanel", "From GPA to HPA", (350, 236), short="SEPT"),
    Row("sept_tree", "SEPT tree", "H", "sept_tree:SeptTreePanel", "Every table, every state", (320, 180)),
    Row("tlb", "TLB", "T", "tlb:TlbPanel", "Translations a processor keeps", (330, 186)),
    Row("keyids", "KeyIDs", "K", "keyids:KeyIdsPanel", "Whose key is how far", (330, 180)),
    Row("machines", "States", "F", "machines:MachinesPanel", "Every state, and where we are", (330, 200)),
    Row("leaf_inspector", "Leaf inspector", "I", "leaf_inspector:LeafInspectorPanel", "Any leaf, check by check", (340, 330), short="Leaf"),
    Row("metadata", "Metadata", "D", "metadata:MetadataPanel", "Fields, and who may read them", (330, 150)),
    Row("vcpu", "vCPU", "V", "vcpu:VcpuPanel", "Registers and the next instructions", (330, 240)),
    Row("exit", "TD exit", "X", "exit:ExitPanel", "From guest to host, still by still", (360, 280)),
    Row("predictor", "Branch predictor", "J", "predictor:PredictorPanel", "Who steers the branches", (330, 200), short="Predictor"),
    Row("plots", "Bytes in numbers", "", "plots:PlotsPanel", "Histogram and entropy", (250, 260), short="Plots"),
    Row("attacks", "Attacks", "A", "attacks:AttacksPanel", "Play the malicious host", (240, 220)),
    Row("console", "Console", "", "console:ConsolePanel", "Commands and events as text", (260, 80)),
    Row("editor", "Program", "U", "editor:EditorPanel", "A guest program of your own", (330, 220)),
    Row("firmware", "Firmware", "W", "firmware:FirmwarePanel", "A real firmware, TDCALL by TDCALL", (360, 260)),
    Row("compare", "Two worlds", "C", "compare:ComparePanel", "One script, two worlds", (420, 260)),
)  # fmt: skip

BY_NAME = {row.name: row for row in PANELS}
ROOMS = {row.name: row.room for row in PANELS}
"""What ``folding`` goes by."""
