import pytest
import torch

from Fast3DSAM.Logic.training.precision import chosen_precision


@pytest.mark.parametrize(
    "capabilities, precision",
    [({"avx512_bf16": True}, "bf16-mixed"), ({"amx_bf16": True}, "bf16-mixed"), ({"avx2": True}, "32-true")],
)
def test_a_processor_with_bfloat16_is_trained_on_in_bfloat16(monkeypatch, capabilities, precision):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert chosen_precision("auto") == precision


def test_an_old_pytorch_that_does_not_know_its_processor_is_trained_on_in_float32(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert chosen_precision("auto") == "32-true"


def test_a_named_precision_is_taken_as_it_is():
    assert chosen_precision("16-mixed") == "16-mixed"
