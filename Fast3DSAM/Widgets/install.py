"""PyTorch on demand: say what will be installed, ask, install, and name the remedy if that fails."""

from __future__ import annotations

import importlib
import shutil
import sys
from importlib.util import find_spec
from typing import Optional

import slicer
import slicer.util
from slicer.i18n import tr as _

REQUIREMENT = "torch>=2.1,<3"
WHAT = (
    "Fast3DSAM needs PyTorch ({requirement}). It is installed once, into Slicer's own Python: about 0.3 GB to download "
    "on Windows and macOS, up to 3 GB on Linux with an NVIDIA GPU. Nothing else is changed, and images never leave "
    "this computer.\n\nInstall PyTorch now?"
)


def install_torch(bench) -> bool:
    """True if PyTorch can be imported now. Where not, `bench.error` has the remedy, unless the user said no."""
    bench.error = ""
    try:
        asked = _by_extension() if find_spec("PyTorchUtils") is not None else _by_pip()
    except Exception as error:  # pip, the network, the disk: whatever it is, the user gets one sentence
        bench.error = _(
            "PyTorch could not be installed ({error}). Check the network and the free disk space and press Install "
            "again, or install the PyTorch extension from the Extensions Manager."
        ).format(error=_first_line(error))
        bench.changed()
        return False
    if not asked:
        return False
    problem = _problem()
    if problem:
        bench.error = _(
            "PyTorch is installed but does not start ({error}). Restart Slicer; if that does not help, type "
            "slicer.util.pip_uninstall('torch') in the Python console and press Install again."
        ).format(error=problem)
    bench.changed()
    return not problem


def gpu_hint() -> str:
    """One sentence if there is an NVIDIA GPU that the PyTorch at hand cannot use; else empty. Never imports torch."""
    torch = sys.modules.get("torch")
    if torch is None or shutil.which("nvidia-smi") is None or torch.cuda.is_available():
        return ""
    return _(
        "This computer has an NVIDIA GPU, but its PyTorch ({version}) cannot use it; install a CUDA build with the "
        "PyTorch extension for faster clicks."
    ).format(version=torch.__version__)


def _by_extension() -> bool:
    """It asks by itself, and chooses the build that fits the GPU."""
    return importlib.import_module("PyTorchUtils").PyTorchUtilsLogic().installTorch(askConfirmation=True) is not None


def _by_pip() -> bool:
    text = _(WHAT).format(requirement=REQUIREMENT)
    if not slicer.util.confirmOkCancelDisplay(text, windowTitle=_("Install PyTorch")):
        return False
    slicer.util.pip_install(REQUIREMENT)
    return True


def _problem() -> Optional[str]:
    importlib.invalidate_caches()
    try:
        importlib.import_module("torch")
    except Exception as error:  # a half install fails in many ways: a missing library, a version of another package
        return _first_line(error)
    return None


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
