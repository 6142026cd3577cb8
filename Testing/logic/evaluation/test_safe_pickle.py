from __future__ import annotations

import os
import pickle
from collections import OrderedDict
from pathlib import Path

import numpy as np
import pytest

from Fast3DSAM.Logic.errors import VolumeFileError
from Fast3DSAM.Logic.evaluation.safe_pickle import read_plain_pickle


class Touches:
    """What an attacker would write: unpickling it runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_containers_are_read(tmp_path, protocol):
    table = [{"train": OrderedDict(a=("x.nii.gz", "y.nii.gz")), "val": {"b": ["x", 1, 2.5, None, True]}}, ()]
    (tmp_path / "split.pkl").write_bytes(pickle.dumps(table, protocol))
    assert read_plain_pickle(tmp_path / "split.pkl") == table


def test_paths_are_read_as_pure_paths(tmp_path):
    (tmp_path / "split.pkl").write_bytes(pickle.dumps([Path("a/b.nii.gz")]))
    assert str(read_plain_pickle(tmp_path / "split.pkl")[0]) == "a/b.nii.gz"


def test_a_malicious_pickle_is_refused_and_does_not_run(tmp_path):
    (tmp_path / "split.pkl").write_bytes(pickle.dumps([{"val": Touches(tmp_path / "run")}]))
    with pytest.raises(VolumeFileError, match="system"):
        read_plain_pickle(tmp_path / "split.pkl")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("value", [np.arange(3), eval, slice(1, 2)], ids=["array", "function", "slice"])
def test_other_objects_are_refused(tmp_path, value):
    (tmp_path / "split.pkl").write_bytes(pickle.dumps({"a": value}))
    with pytest.raises(VolumeFileError, match="not a plain split file"):
        read_plain_pickle(tmp_path / "split.pkl")


@pytest.mark.parametrize("content", [b"", b"not a pickle", pickle.dumps([1, 2, 3])[:-3]])
def test_a_damaged_file_is_refused_with_its_name(tmp_path, content):
    (tmp_path / "split.pkl").write_bytes(content)
    with pytest.raises(VolumeFileError, match="split.pkl"):
        read_plain_pickle(tmp_path / "split.pkl")
