"""What short waits of OpenMP's threads cost and save: `python -m Testing.logic.measure_waiting`. Not a test.

Each setting runs in processes of its own, alone on the machine and beside one busy process per core, in turns.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import Dict, List

from Fast3DSAM.Logic.evaluation.machine import machine_line
from Fast3DSAM.Logic.threads import SHORT_WAITS

ROUNDS, DECODES = 3, 25
_SETTINGS: Dict[str, Dict[str, str]] = {
    "OpenMP's own": {"GOMP_SPINCOUNT": "300000"},
    "short": SHORT_WAITS,
    "one thread": {"OMP_NUM_THREADS": "1"},
}
_BUSY = "while True: pass"


def decode_times() -> List[float]:
    """Milliseconds of each of `DECODES` clicks on one embedded tile."""
    import torch

    from Fast3DSAM.Logic.checkpoints import load_model
    from Fast3DSAM.Logic.model.prompt_encoder import Prompts

    model = load_model().model
    times = []
    with torch.inference_mode():
        size = model.config.tile_size
        embedding = model.embed(torch.randn(1, 3, size, size, size))
        points, labels = torch.rand(1, 2, 3) * size, torch.tensor([[1, 0]])
        prompts = Prompts(points, labels, torch.full((1, 2, 3), torch.nan), torch.randn(1, 1, size, size, size))
        for _ in range(DECODES):
            begun = time.perf_counter()
            model.decode(embedding, prompts)
            times.append(1000 * (time.perf_counter() - begun))
    return times[5:]


def measured(setting: Dict[str, str]) -> List[float]:
    """The same in a process that starts with `setting` in its environment."""
    command = [sys.executable, "-m", __spec__.name, "--times"]
    answer = subprocess.run(command, env={**os.environ, **setting}, check=True, capture_output=True, text=True)
    return [float(ms) for ms in answer.stdout.split()]


def main() -> None:
    """Prints a row per setting: median and slowest click, alone and beside others."""
    print(machine_line())
    found: Dict[tuple, List[float]] = {}
    for _ in range(ROUNDS):
        for beside in (0, os.cpu_count()):
            with ExitStack() as busy:
                for _ in range(beside):
                    process = busy.enter_context(subprocess.Popen([sys.executable, "-c", _BUSY]))
                    busy.callback(process.kill)
                for name, setting in _SETTINGS.items():
                    found.setdefault((name, beside), []).extend(measured(setting))
    print(f"{'waits':14}{'busy beside':>12}{'median ms':>11}{'slowest ms':>12}")
    for (name, beside), times in sorted(found.items(), key=lambda item: item[0][1]):
        print(f"{name:14}{beside:12}{statistics.median(times):11.1f}{max(times):12.1f}")


if __name__ == "__main__":
    print(*decode_times()) if "--times" in sys.argv else main()
