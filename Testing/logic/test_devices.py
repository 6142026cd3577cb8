import pytest
import torch

from Fast3DSAM.Logic.devices import choose_device, choose_precision, describe_device, processor_has_bfloat16
from Fast3DSAM.Logic.errors import DeviceError


def _computer(monkeypatch, cuda: int = 0, mps: bool = False) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)


@pytest.mark.parametrize(("cuda", "mps", "expected"), [(1, True, "cuda"), (0, True, "mps"), (0, False, "cpu")])
def test_the_device_is_chosen_automatically(monkeypatch, cuda, mps, expected):
    _computer(monkeypatch, cuda, mps)
    assert choose_device().type == expected


@pytest.mark.parametrize("name", ["cuda", "cuda:1", "mps"])
def test_a_gpu_that_is_absent_falls_back_to_the_cpu_with_a_message(monkeypatch, caplog, name):
    _computer(monkeypatch)
    assert choose_device(name) == torch.device("cpu")
    assert f"{name} is not available" in caplog.text and "uses the CPU instead" in caplog.text


def test_the_automatic_choice_of_the_cpu_is_no_reason_for_a_message(monkeypatch, caplog):
    _computer(monkeypatch)
    assert choose_device("auto") == torch.device("cpu") and not caplog.records


def test_a_named_device_is_taken(monkeypatch):
    _computer(monkeypatch, cuda=2, mps=True)
    assert choose_device("cpu").type == "cpu" and choose_device("mps").type == "mps"
    assert choose_device("cuda:1") == torch.device("cuda", 1)


def test_a_gpu_number_too_high_says_how_many_there_are(monkeypatch):
    _computer(monkeypatch, cuda=2)
    with pytest.raises(DeviceError, match=r"no cuda:2; this computer has 2"):
        choose_device("cuda:2")


@pytest.mark.parametrize("name", ["gpu", "", "cuda:x", "cuda:1:2", "CUDA"])
def test_a_name_that_is_no_device_is_quoted(monkeypatch, name):
    _computer(monkeypatch, cuda=1)
    with pytest.raises(DeviceError, match=f"'{name}'.*choose auto, cpu, cuda or mps"):
        choose_device(name)


def test_the_cpu_is_described_by_its_threads():
    assert describe_device(torch.device("cpu")) == f"CPU, {torch.get_num_threads()} threads"


@pytest.mark.parametrize(
    "capabilities, expected", [({"avx512_bf16": True}, True), ({"amx_bf16": True}, True), ({"avx2": True}, False)]
)
def test_a_processor_has_bfloat16_if_it_has_instructions_for_it(monkeypatch, capabilities, expected):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert processor_has_bfloat16() is expected


def test_an_old_pytorch_does_not_know_its_processor_and_computes_in_float32(monkeypatch):
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert choose_precision(torch.device("cpu")) == torch.float32


@pytest.mark.parametrize("kind, expected", [("cuda", torch.float16), ("mps", torch.float32)])
def test_gpus_have_a_precision_of_their_own(kind, expected):
    assert choose_precision(torch.device(kind)) == expected
