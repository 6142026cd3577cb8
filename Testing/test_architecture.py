"""Holds the import directions, file sizes and Python version that the design relies on, by reading the sources."""

import ast
import sys
from functools import lru_cache
from pathlib import Path
from typing import Iterator, List, NamedTuple, Optional, Tuple

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "Fast3DSAM"
SOURCES = {
    path.relative_to(PACKAGE).with_suffix("").as_posix(): path
    for path in sorted(PACKAGE.rglob("*.py"))
    if "__pycache__" not in path.parts
}
LINES = 300

QT = {"qt", "ctk", "PythonQt", "PySide6", "PyQt5", "PyQt6"}
MRML = {"slicer", "vtk", "vtkmodules", "mrml", "vtkSegmentationCore"}
TRAME = {"trame", "trame_server", "trame_client", "trame_vuetify", "trame_rca", "trame_slicer"}
TORCH = {"torch", "torchvision", "monai", "lightning", "lightning_fabric"}
# What must not be imported at the top of a file that Slicer loads at start-up; SimpleITK comes with Slicer.
HEAVY = TORCH | {"matplotlib", "scipy", "skimage", "pandas"}
# Which folder or file (relative to Fast3DSAM, without suffix) may import what; everything else may not.
OWNERS = {
    "qt": (QT, ("Fast3DSAM", "Widgets")),
    "mrml": (MRML, ("Fast3DSAM", "Widgets", "Logic/mrml")),
    "trame": (TRAME, ("Widgets/web",)),
    "terminal": ({"typer", "click", "rich"}, ("Logic/commands", "Logic/training", "Logic/evaluation")),
}
# Logic in layers: a module imports only from its own layer and those before. Files not named are in the third.
LAYERS = (
    ("errors", "settings", "geometry", "prompts", "prediction"),
    ("preprocessing", "tiling", "model", "released", "checkpoints", "devices", "volume_files", "planes", "picture"),
    (),
    ("mrml",),
    ("training", "evaluation"),
    ("commands",),
)

# Slicer runs these by their path and under their own name: they belong to no package.
LOADED_BY_PATH = ("Fast3DSAM", "Widgets/SegmentEditorFast3DSAMEffect")

# The one command that opens a user interface instead of being one; it imports the app only when it is run.
OPENS_THE_APP = ("Logic/commands/app", "Widgets/web")


class Import(NamedTuple):
    """One import statement's target: `module` as Fast3DSAM-relative path if `internal`, else the top-level package."""

    line: int
    module: str
    internal: bool
    at_top: bool
    only_for_types: bool


def imports_of(name: str, source: str) -> Iterator[Import]:
    """All imports of the file `name` (such as "Logic/session"), wherever they stand in its text."""
    stack: List[Tuple[ast.AST, bool, bool]] = [(ast.parse(source), True, False)]
    folder = name.split("/")[:-1]
    while stack:
        node, at_top, typing = stack.pop()
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield _import(node, alias.name, at_top, typing)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield _import(node, node.module, at_top, typing)
        elif isinstance(node, ast.ImportFrom):
            parts = folder[: len(folder) - node.level + 1] + (node.module or "").split(".")
            base = "/".join(part for part in parts if part)
            for alias in node.names:
                target = f"{base}/{alias.name}"
                yield Import(node.lineno, target if target in SOURCES else base, True, at_top, typing)
        inner = at_top and not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        guarded = typing or (isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test))
        stack.extend((child, inner, guarded) for child in ast.iter_child_nodes(node))


def _import(node: ast.stmt, module: str, at_top: bool, typing: bool) -> Import:
    first, _, rest = module.partition(".")
    internal = first == "Fast3DSAM"
    return Import(node.lineno, rest.replace(".", "/") if internal else first, internal, at_top, typing)


def is_in(name: str, places) -> bool:
    return any(name == place or name.startswith(place + "/") for place in places)


def layer_of(name: str) -> Optional[int]:
    """Layer of a file of Logic, None for files outside of it and for the package file itself."""
    if not name.startswith("Logic/") or name == "Logic/__init__":
        return None
    part = name.split("/")[1]
    return next((number for number, names in enumerate(LAYERS) if part in names), 2)


@lru_cache(maxsize=None)
def read(name: str) -> List[Import]:
    return list(imports_of(name, SOURCES[name].read_text(encoding="utf-8")))


@pytest.mark.parametrize("name", SOURCES)
def test_only_the_owners_import_a_framework(name):
    for what, (packages, owners) in OWNERS.items():
        wrong = [i for i in read(name) if not i.internal and i.module in packages and not is_in(name, owners)]
        assert not wrong, f"{name} imports {what}, which only {owners} may: {wrong}"


@pytest.mark.parametrize("name", [n for n in SOURCES if layer_of(n) == 0])
def test_the_lowest_layer_needs_numpy_only(name):
    wrong = [
        i for i in read(name) if not i.internal and i.module not in sys.stdlib_module_names and i.module != "numpy"
    ]
    assert not wrong, f"{name} imports more than numpy: {wrong}"


@pytest.mark.parametrize("name", [n for n in SOURCES if layer_of(n) is not None])
def test_logic_imports_downwards(name):
    for found in read(name):
        if not found.internal:
            continue
        if name == OPENS_THE_APP[0] and is_in(found.module, OPENS_THE_APP[1:]) and not found.at_top:
            continue
        assert found.module.startswith("Logic"), f"{name} imports {found.module}: logic knows nothing of its users"
        layer = layer_of(found.module)
        assert layer is None or layer <= layer_of(name), (
            f"{name}:{found.line} imports {found.module} from a layer above"
        )


@pytest.mark.parametrize("name", [n for n in SOURCES if is_in(n, ("Logic/mrml",))])
def test_mrml_never_imports_torch(name):
    wrong = [i for i in read(name) if not i.internal and i.module in TORCH]
    assert not wrong, f"{name} imports torch: {wrong}"


@pytest.mark.parametrize(
    "name", [n for n in SOURCES if is_in(n, ("Fast3DSAM", "Widgets", "Logic/mrml", "Logic/session"))]
)
def test_nothing_heavy_is_imported_when_slicer_starts(name):
    """Followed through the package's own top-level imports: what the file pulls in counts, not what it says."""
    assert not heavy_imports(name), f"importing {name} also imports {heavy_imports(name)}"


def heavy_imports(name: str, seen: Optional[set] = None) -> List[str]:
    seen = set() if seen is None else seen
    seen.add(name)
    found = []
    for target in read(name) if name in SOURCES else []:
        if not target.at_top or target.only_for_types:
            continue
        if not target.internal and target.module in HEAVY:
            found.append(f"{target.module} ({name}:{target.line})")
        for module in (target.module, f"{target.module}/__init__") if target.internal else ():
            if module in SOURCES and module not in seen:
                found += heavy_imports(module, seen)
    return found


def test_no_file_imports_itself_in_a_circle():
    graph = {
        name: {
            i.module if i.module in SOURCES else f"{i.module}/__init__"
            for i in read(name)
            if i.internal and i.at_top and not i.only_for_types
        }
        for name in SOURCES
    }
    free = set()
    while True:
        loose = {name for name, targets in graph.items() if name not in free and not (targets & set(graph)) - free}
        if not loose:
            break
        free |= loose
    assert not set(graph) - free, f"these files import each other in a circle: {sorted(set(graph) - free)}"


@pytest.mark.parametrize("name", [n for n in SOURCES if n not in LOADED_BY_PATH])
def test_files_of_the_package_import_each_other_relatively(name):
    tree = ast.parse(SOURCES[name].read_text(encoding="utf-8"))
    absolute = [n for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and not n.level and "Fast3DSAM" in n.module]
    absolute += [n for n in ast.walk(tree) if isinstance(n, ast.Import) and "Fast3DSAM" in ast.dump(n)]
    assert not absolute, f"{name} imports {[ast.unparse(n) for n in absolute]}; write it relatively"


def test_slicer_finds_one_module_file_and_no_package_file():
    assert {path.name for path in PACKAGE.glob("*.py")} <= {"Fast3DSAM.py"}


@pytest.mark.parametrize("path", sorted([*SOURCES.values(), *(ROOT / "Testing").rglob("*.py")]), ids=lambda p: p.name)
def test_files_are_short(path):
    lines = path.read_text(encoding="utf-8").count("\n")
    assert lines <= LINES, f"{path.relative_to(ROOT)} has {lines} lines; split it, {LINES} is the most"


@pytest.mark.parametrize("name", SOURCES)
def test_everything_that_slicer_runs_is_python_3_9(name):
    source = SOURCES[name].read_text(encoding="utf-8")
    ast.parse(source, feature_version=(3, 9))
    assert not newer_syntax(source), f"{name} needs a newer Python than 3.9 on lines {newer_syntax(source)}"


def newer_syntax(source: str) -> List[int]:
    """Lines with `match`, or with a union of types `X | Y` that is evaluated when the code runs.

    Annotations are not evaluated under `from __future__ import annotations`; ruff (FA) sees that this stands there.
    """
    lines = []
    stack: List[ast.AST] = [ast.parse(source)]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.Match):
            lines.append(node.lineno)
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            if any(_looks_like_a_type(side) for side in (node.left, node.right)):
                lines.append(node.lineno)
        for field, value in ast.iter_fields(node):
            if field not in ("annotation", "returns"):
                stack.extend(v for v in (value if isinstance(value, list) else [value]) if isinstance(v, ast.AST))
    return sorted(lines)


def _looks_like_a_type(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    if isinstance(node, ast.Subscript):
        return _looks_like_a_type(node.value)
    if isinstance(node, ast.Attribute) and _looks_like_a_type(node.value):
        return False  # a member of a class, as in `Qt.AlignRight`: a flag
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    builtin = {"int", "float", "str", "bytes", "bool", "list", "tuple", "dict", "set", "type", "object", "ndarray"}
    return name in builtin or (name[:1].isupper() and not name.isupper())


@pytest.mark.parametrize(
    "source",
    ["match x:\n case 1: pass", "Number = int | float", "isinstance(x, int | None)", "Many = List[int] | Volume"],
)
def test_newer_syntax_is_seen(source):
    assert newer_syntax(source) == [1]


@pytest.mark.parametrize(
    "source",
    [
        "mask = inside | near",
        "def f(x: int | None) -> str | None: ...",
        "FLAG_A | FLAG_B",
        "qt.Qt.AlignRight | qt.Qt.AlignTop",
    ],
)
def test_older_syntax_is_left_alone(source):
    assert newer_syntax(source) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("from ..errors import GeometryError", ("Logic/errors", True, True)),
        ("from .. import errors", ("Logic/errors", True, True)),
        ("def f():\n    import torch.nn as nn", ("torch", False, False)),
        ("class A:\n    import torch", ("torch", False, True)),
        ("from Fast3DSAM.Logic.session import x", ("Logic/session", True, True)),
    ],
)
def test_imports_are_seen_wherever_they_stand(line, expected):
    found = next(imports_of("Logic/mrml/volumes", line))
    assert (found.module, found.internal, found.at_top) == expected
