"""The file lists of Fast3DSAM/CMakeLists.txt against the disk: `python -m Testing.cmake_lists [--write]`.

CMake wants every script and resource by name, so that a build notices a missing file. This keeps the lists true.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Dict, List

MODULE = Path(__file__).parents[1] / "Fast3DSAM"
SCRIPTS, RESOURCES = "MODULE_PYTHON_SCRIPTS", "MODULE_PYTHON_RESOURCES"


def files_on_disk(module: Path = MODULE) -> Dict[str, List[str]]:
    """Scripts and resources of the module folder as paths relative to it, sorted; the module file comes first."""
    scripts = _relative(module, module.rglob("*.py"))
    scripts.sort(key=lambda name: (name != f"{module.name}.py", name))
    resources = _relative(module, (path for path in (module / "Resources").rglob("*") if path.suffix != ".py"))
    return {SCRIPTS: scripts, RESOURCES: resources}


def files_listed(text: str) -> Dict[str, List[str]]:
    """The two lists that stand in the text of a CMakeLists.txt, in its order."""
    return {name: _block(name).search(text)["body"].split() for name in (SCRIPTS, RESOURCES)}


def with_lists(text: str, lists: Dict[str, List[str]]) -> str:
    """The text of a CMakeLists.txt with its two lists replaced."""
    for name, files in lists.items():
        lines = "".join(f"  {file}\n" for file in files)
        text = _block(name).sub(lambda found, lines=lines: f"{found['head']}{lines}  )", text)
    return text


def _relative(module: Path, paths) -> List[str]:
    wanted = (path.relative_to(module) for path in paths if path.is_file())
    return sorted(p.as_posix() for p in wanted if not any(part.startswith((".", "__pycache__")) for part in p.parts))


def _block(name: str) -> re.Pattern:
    return re.compile(rf"(?P<head>set\({name}\n)(?P<body>[^)]*?)\s*\)")


def main(arguments: List[str]) -> int:
    path = MODULE / "CMakeLists.txt"
    text = path.read_text(encoding="utf-8")
    expected = with_lists(text, files_on_disk())
    if "--write" in arguments:
        path.write_text(expected, encoding="utf-8")
    elif text != expected:
        print(f"{path.name} does not list the files on disk; run `make lists`.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
