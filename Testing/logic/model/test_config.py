import json
from dataclasses import replace

import pytest

from Fast3DSAM.Logic.errors import CheckpointError
from Fast3DSAM.Logic.model.config import CONFIGS, SMALL, VIT_B, ModelConfig


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_survives_json(name):
    text = json.dumps(CONFIGS[name].to_dict())
    assert ModelConfig.from_dict(json.loads(text)) == CONFIGS[name]


def test_vit_b_has_the_sizes_of_sam():
    assert (VIT_B.width, VIT_B.depth, VIT_B.heads, VIT_B.mlp_ratio) == (768, 12, 12, 4.0)


def test_fields_of_a_newer_version_are_named():
    with pytest.raises(CheckpointError, match="warp_drive.*update Fast3DSAM"):
        ModelConfig.from_dict({**SMALL.to_dict(), "warp_drive": 9})


@pytest.mark.parametrize("change", [{"tile_size": 60}, {"heads": 3}, {"window": 5}])
def test_numbers_that_do_not_divide_are_refused(change):
    with pytest.raises(ValueError, match=f"{next(iter(change))}.* must be a multiple|must be a multiple of heads"):
        replace(SMALL, **change)
