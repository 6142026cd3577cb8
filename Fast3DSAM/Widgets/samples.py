"""Public sample data of Slicer's own that this module is tried on."""

from __future__ import annotations

from slicer.i18n import tr as _

from .panel_view import ICONS

_RELEASE = "https://github.com/Slicer/SlicerTestingData/releases/download/SHA256/"
# name, node name, file name, SHA-256 of the file: the hash is also its address, and is checked after the download.
SAMPLES = (
    ("CTChest", "CTChest", "CT-chest.nrrd", "4507b664690840abb6cb9af2d919377ffc4ef75b167cb6fd0f747befdb12e38e"),
    ("MRHead", "MRHead", "MR-head.nrrd", "cc211f0dfd9a05ca3841ce1141b292898b2dd2d3f08286affadf823a7e58df93"),
)


def register_samples() -> None:
    """Offer the samples in Slicer's Sample Data module."""
    import SampleData

    for name, node, file, sha256 in SAMPLES:
        SampleData.SampleDataLogic.registerCustomSampleDataSource(
            category="Fast3DSAM",
            sampleName=f"Fast3DSAM_{name}",
            uris=_RELEASE + sha256,
            fileNames=file,
            checksums=f"SHA256:{sha256}",
            nodeNames=node,
            thumbnailFileName=str(ICONS / "Fast3DSAM.png"),
            sampleDescription=_("A public volume to try clicks on"),
        )
