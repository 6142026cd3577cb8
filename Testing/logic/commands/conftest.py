from dataclasses import replace

import numpy as np
import pytest
import SimpleITK as sitk


@pytest.fixture(scope="session")
def tiny_weights(tmp_path_factory):
    """A checkpoint of the smallest network, with random weights: for what does not depend on the segment's quality."""
    import torch

    from Fast3DSAM.Logic.checkpoints import save_model
    from Fast3DSAM.Logic.model.build import build_model
    from Fast3DSAM.Logic.model.config import SMALL

    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = build_model(replace(SMALL, name="tiny", width=32, depth=1, heads=2, tile_size=32))
    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    save_model(model, path)
    return path


@pytest.fixture(scope="session")
def volume_path(tmp_path_factory):
    """A ball of 20 x 24 x 28 voxels (k, j, i), 2 x 1.5 x 1.5 mm, turned by 20 degrees around the body axis."""
    k, j, i = np.ogrid[:20, :24, :28]
    ball = ((k - 10) * 2.0) ** 2 + ((j - 12) * 1.5) ** 2 + ((i - 14) * 1.5) ** 2 < 10**2
    noise = np.random.default_rng(1).normal(0, 5, ball.shape)
    image = sitk.GetImageFromArray((100 * ball + noise).astype(np.int16))
    turn = np.deg2rad(20)
    image.SetDirection((np.cos(turn), -np.sin(turn), 0, np.sin(turn), np.cos(turn), 0, 0, 0, 1))
    image.SetSpacing((1.5, 1.5, 2.0))
    image.SetOrigin((-40.5, 12.25, 130.0))
    path = tmp_path_factory.mktemp("volume") / "ball.nrrd"
    sitk.WriteImage(image, str(path))
    return path
