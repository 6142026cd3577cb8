"""The benchmark measures what it says; no test here depends on how long anything takes."""

import json
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
import pytest
import torch

from Fast3DSAM.Logic.evaluation.benchmark import (
    CLICK,
    FIRST,
    FRAME,
    READY,
    START,
    WRITE,
    Failure,
    Spread,
    Task,
    made_up_volume,
    measure,
    run,
)
from Fast3DSAM.Logic.evaluation.benchmark_picture import draw_costs, stages_of_a_click
from Fast3DSAM.Logic.evaluation.contenders import AdapterError, ReleasedContender, SessionContender, find_factory
from Fast3DSAM.Logic.evaluation.machine import machine, peak_memory_gb, threads_of_children
from Fast3DSAM.Logic.geometry import Box
from Testing.logic.intensity_predictor import IntensityPredictor

SHAPE = (128, 128, 128)


class Recorder:
    """Remembers what was asked of it; answers with a cube around the click."""

    name = "recorder"
    made = []

    def __init__(self) -> None:
        self.calls, self.first_voxels = [], []
        Recorder.made.append(self)

    def open(self, voxels) -> None:
        self.calls.append("open")
        self.first_voxels.append(int(voxels[0, 0, 0]))

    def reset(self) -> None:
        self.calls.append("reset")

    def click(self, position, positive):
        self.calls.append("click")
        lo = tuple(int(v) - 5 for v in position)
        return Box(lo, tuple(v + 10 for v in lo)), np.ones((10, 10, 10), bool)

    def stages(self):
        return {"decode": lambda: self.calls.append("decode")}


def broken():
    import os

    os._exit(9)  # as the system does to a process for which there is no memory


def test_a_made_up_volume_holds_the_same_balls_in_any_size():
    for shape in (SHAPE, (150, 128, 140)):
        voxels, centres = made_up_volume(shape)
        assert voxels.shape == shape and voxels.dtype == np.int16 and len(centres) == 27
        inside = [voxels[tuple(slice(c - 3, c + 4) for c in centre)].mean() for centre in centres]
        assert np.allclose(inside, 120, atol=10)
        assert abs(voxels[tuple(centres[13] - (0, 0, 21))]) < 100


def test_every_stage_is_repeated_and_volumes_are_new_each_time():
    cost = measure(Task(Recorder, SHAPE, 1, repeats=2, with_scene=False))
    recorder = Recorder.made[-1]
    assert set(cost.cold) == {START, READY, FIRST}
    assert {READY, FIRST, CLICK, "decode"} == set(cost.warm)
    assert [cost.warm[name].count for name in (READY, FIRST, CLICK, "decode")] == [2, 2, 2 * 9 * 3, 8]
    assert len(set(recorder.first_voxels)) == len(recorder.first_voxels) == 3
    assert recorder.calls.count("decode") == 1 + 8  # one to warm up
    assert cost.volume_gb == pytest.approx(2 * 128**3 / 2**30)
    assert all(s.low <= s.median <= s.high for s in cost.warm.values())


def test_nothing_is_repeated_beyond_the_time_given():
    cost = measure(Task(Recorder, SHAPE, 1, repeats=50, seconds=0.0, with_scene=False))
    assert [cost.warm[name].count for name in (READY, FIRST, CLICK, "decode")] == [1, 1, 3, 1]  # one ball has three


def test_a_session_is_a_contender_with_its_own_stages():
    cost = measure(Task(lambda: SessionContender("grown", IntensityPredictor()), SHAPE, 1, 1, with_scene=False))
    assert {"read a tile", "encode a tile", "encode 128^3", "decode", "undo and redo"} <= set(cost.warm)


def test_masks_reach_a_real_segment_and_a_real_view():
    pytest.importorskip("slicer", reason="slicer-core is not installed")
    cost = measure(Task(Recorder, SHAPE, 1, repeats=1))
    assert cost.left_out == "" and cost.warm[WRITE].count == cost.warm[FRAME].count == 4
    names = [name for name, _ in stages_of_a_click(cost)]
    assert names == ["decode", "rest of the session", WRITE, FRAME]


def test_the_released_network_crops_around_its_first_click():
    network = ReleasedContender.__new__(ReleasedContender)
    network.reset()
    seen = []
    network._voxels = made_up_volume((150, 128, 140))[0]
    network._network = type("Network", (), {"image_tokens": staticmethod(lambda crop: seen.append(crop.shape))})
    network._crop_around((149, 64, 3))
    assert network._box == Box((22, 0, 0), (150, 128, 128)) and seen == [(1, 128, 128, 128)]


def test_a_process_that_the_system_ends_is_a_failure_and_no_crash():
    failure = run(Task(broken, SHAPE, 1, with_scene=False))
    assert isinstance(failure, Failure) and "memory" in failure.reason and failure.name == "broken"


@pytest.mark.parametrize("adapter", ["nnunet", "no_such_module:make", "json:no_such_name", ":x"])
def test_an_adapter_that_is_not_there_is_named(adapter):
    with pytest.raises(AdapterError, match=adapter):
        find_factory(adapter)


@pytest.mark.parametrize("name, expected", [("fast3dsam", torch.bfloat16), ("fast3dsam-float32", torch.float32)])
def test_rounded_and_exact_network_have_adapters_of_their_own(monkeypatch, name, expected):
    monkeypatch.setattr("Fast3DSAM.Logic.devices.processor_has_bfloat16", lambda: True)
    contender = find_factory(name, "cpu")()
    assert contender.name == name and contender.predictor.precision == expected


def test_an_own_adapter_is_found_by_module_and_name():
    assert find_factory("json:dumps") is json.dumps


def test_a_spread_is_median_and_percentiles():
    spread = Spread.of([1.0, 2.0, 3.0])
    assert (spread.median, spread.count) == (2.0, 3) and spread.low == pytest.approx(1.1)
    assert (
        Spread(0.5, 0.25, 12.0, 3).text() == "500 (250-12000)"
        and Spread(0.0012, 0.001, 0.02, 2).text() == "1.2 (1-20.0)"
    )


def test_a_picture_of_several_models_is_drawn(artefacts):
    costs = [measure(Task(Recorder, SHAPE, threads, repeats=1, with_scene=False)) for threads in (1, 2)]
    path = artefacts / "benchmark_test.png"
    draw_costs(costs, machine(), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_children_get_their_threads_and_the_parent_keeps_its_own(monkeypatch):
    import os

    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    monkeypatch.delenv("VTK_SMP_MAX_THREADS", raising=False)
    with threads_of_children(3):
        assert os.environ["OMP_NUM_THREADS"] == os.environ["VTK_SMP_MAX_THREADS"] == "3"
    assert os.environ["OMP_NUM_THREADS"] == "7" and "VTK_SMP_MAX_THREADS" not in os.environ


def test_peak_memory_grows_with_what_is_held():
    """In a process of its own, as the benchmark measures: in this one another test may have held more before."""
    with ProcessPoolExecutor(1, get_context("spawn")) as alone:
        before = alone.submit(peak_memory_gb).result()
        assert alone.submit(np.ones, 1 << 28, np.uint8).result().all()
        assert alone.submit(peak_memory_gb).result() > before + 0.1


def test_the_machine_is_named():
    found = machine()
    assert found["processor"] and found["cores"] >= 1 and "numpy" in found["packages"]
