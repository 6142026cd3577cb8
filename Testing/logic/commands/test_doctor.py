import hashlib

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from Fast3DSAM.Logic.commands import app
from Fast3DSAM.Logic.commands.self_test import RADIUS, ball_in_noise


def test_the_doctor_tells_versions_device_threads_and_the_hash_of_the_weights(tiny_weights):
    result = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--weights", str(tiny_weights)])
    assert torch.__version__ in result.output and np.__version__ in result.output
    assert "CPU" in result.output and f"{torch.get_num_threads()} of" in result.output
    assert hashlib.sha256(tiny_weights.read_bytes()).hexdigest() in result.output
    assert "Self-test" in result.output


def test_random_weights_fail_the_self_test(tiny_weights):
    result = CliRunner().invoke(app, ["doctor", "--device", "cpu", "--weights", str(tiny_weights)])
    assert result.exit_code == 2
    assert "self-test" in result.stderr and len(result.stderr.splitlines()) == 1


def test_the_bundled_weights_pass_the_self_test():
    result = CliRunner().invoke(app, ["doctor", "--device", "cpu"])
    assert result.exit_code == 0, result.output
    assert "All is well" in result.output


@pytest.mark.parametrize(("option", "value"), [("--device", "abacus"), ("--weights", "nowhere.pt")])
def test_the_doctor_names_what_is_wrong_in_one_line(option, value):
    result = CliRunner().invoke(app, ["doctor", option, value])
    assert result.exit_code == 2
    assert value in result.stderr and len(result.stderr.splitlines()) == 1


def test_the_ball_of_the_self_test_is_a_ball():
    voxels, mask = ball_in_noise()
    assert mask.sum() == pytest.approx(4 / 3 * np.pi * RADIUS**3, rel=0.01)
    assert voxels[mask].mean() > voxels[~mask].mean() + 60
