"""Slicer's entry to Fast3DSAM: Slicer enters this file as module `Fast3DSAM`; `__path__` makes it the package too."""

from pathlib import Path

__path__ = [str(Path(__file__).parent)]

import qt
import slicer
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)

_FOLDER = Path(__file__).parent


class Fast3DSAM(ScriptedLoadableModule):
    """What Slicer's module list shows."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        parent.title = "Fast3DSAM"
        parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        parent.dependencies = ["Segmentations", "Markups"]
        parent.contributors = ["Fast3DSAM developers"]
        parent.helpText = _(
            "Choose a volume, press F and click inside a structure: its 3D segment appears. Correct it with further "
            "clicks (F inside, B outside), drag or delete them, and undo without limit. N goes to the next segment. "
            "The same is in the Segment Editor as the effect Fast 3D SAM."
        )
        parent.acknowledgementText = _(
            "After the idea of Fast 3D SAM (ISBI 2024, doi 10.1109/ISBI56570.2024.10635248). "
            "Research software, not a medical device."
        )
        parent.icon = qt.QIcon(str(_FOLDER / "Resources" / "Icons" / "Fast3DSAM.png"))
        slicer.app.startupCompleted.connect(on_startup)


def on_startup():
    """Once Slicer is up: its sample data and Segment Editor modules are there."""
    from Fast3DSAM.Widgets.effect import register_effect
    from Fast3DSAM.Widgets.samples import register_samples

    register_samples()
    register_effect()


class Fast3DSAMWidget(ScriptedLoadableModuleWidget):
    """Delegates to `Widgets.panel.Panel`."""

    def setup(self):
        from Fast3DSAM.Widgets.panel import Panel
        from Fast3DSAM.Widgets.shared import shared_bench

        ScriptedLoadableModuleWidget.setup(self)
        self.panel = Panel(shared_bench(), slicer.util.mainWindow() or self.parent)
        self.layout.addWidget(self.panel.widget)

    def enter(self):
        self.panel.enter()

    def exit(self):
        self.panel.exit()

    def cleanup(self):
        """Slicer closes, or the module is reloaded."""
        from Fast3DSAM.Widgets.shared import close_bench

        self.panel.close()
        close_bench()


class Fast3DSAMLogic(ScriptedLoadableModuleLogic):
    """For scripts: `Fast3DSAMLogic().bench` is the workbench behind the panel."""

    @property
    def bench(self):
        from Fast3DSAM.Widgets.shared import shared_bench

        return shared_bench()


class Fast3DSAMTest(ScriptedLoadableModuleTest):
    """Run it in Slicer: Reload and Test, or `slicer.modules.fast3dsam` from the self-test module."""

    def setUp(self):
        slicer.mrmlScene.Clear(False)

    def runTest(self):
        self.setUp()
        self.test_click_undo_export()

    def test_click_undo_export(self):
        """One click on a ball in noise; without PyTorch there is nothing to test."""
        from Fast3DSAM.Widgets.self_test import run_self_test
        from Fast3DSAM.Widgets.shared import shared_bench
        from Fast3DSAM.Widgets.workbench import torch_is_there

        if not torch_is_there():
            self.skipTest("PyTorch is not installed")
        overlap = run_self_test(shared_bench())
        self.assertGreater(overlap, 0.8, f"one click on a ball reached a Dice of only {overlap:.2f}")
        self.delayDisplay(f"Test passed: one click reached a Dice of {overlap:.2f}")
