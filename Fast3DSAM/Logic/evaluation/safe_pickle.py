"""Read a pickle that may hold nothing but plain containers, strings and numbers."""

from __future__ import annotations

import io
import pickle
from collections import OrderedDict
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import VolumeFileError

# Splits were often written as OrderedDict or with pathlib paths; these three build values and can do nothing else.
# A Windows or POSIX path becomes its *pure* form, which unpickles on any system.
_ADMITTED = {
    ("collections", "OrderedDict"): OrderedDict,
    ("pathlib", "PosixPath"): PurePosixPath,
    ("pathlib", "PurePosixPath"): PurePosixPath,
    ("pathlib", "WindowsPath"): PureWindowsPath,
    ("pathlib", "PureWindowsPath"): PureWindowsPath,
    ("pathlib._local", "PosixPath"): PurePosixPath,
    ("pathlib._local", "WindowsPath"): PureWindowsPath,
}


class _PlainUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _ADMITTED:
            return _ADMITTED[module, name]
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")

    def persistent_load(self, pid: Any) -> Any:
        raise pickle.UnpicklingError(f"it asks for the outside object {pid!r}")


def read_plain_pickle(path: Path) -> Any:
    """The value in `path`. Raises `VolumeFileError` for anything but dict, list, tuple, str and numbers."""
    try:
        return _PlainUnpickler(io.BytesIO(Path(path).read_bytes())).load()
    except OSError as error:
        raise VolumeFileError(f"{path} cannot be read ({error}); check the path.") from error
    except Exception as error:  # a damaged pickle raises almost any type
        raise VolumeFileError(
            f"{path} is not a plain split file ({error}); only lists, dicts, tuples and strings are read, "
            "write it again from those."
        ) from error
