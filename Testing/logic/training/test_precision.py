import pytest
import torch

from Fast3DSAM.Logic.training import precision


@pytest.mark.parametrize("has_bfloat16, expected", [(True, "bf16-mixed"), (False, "32-true")])
def test_a_processor_with_bfloat16_is_trained_on_in_bfloat16(monkeypatch, has_bfloat16, expected):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(precision, "processor_has_bfloat16", lambda: has_bfloat16)
    assert precision.chosen_precision("auto") == expected


def test_a_named_precision_is_taken_as_it_is():
    assert precision.chosen_precision("16-mixed") == "16-mixed"
