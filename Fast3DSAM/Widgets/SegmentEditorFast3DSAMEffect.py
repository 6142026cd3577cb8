"""The effect "Fast 3D SAM" of the Segment Editor. Slicer loads this file by its path, under its own name."""

import qt
from SegmentEditorEffects import AbstractScriptedSegmentEditorEffect
from slicer.i18n import tr as _

from Fast3DSAM.Widgets.effect import EFFECT_NAME, EditorTool, new_effect
from Fast3DSAM.Widgets.panel_view import ICONS


class SegmentEditorFast3DSAMEffect(AbstractScriptedSegmentEditorEffect):
    """Delegates to `Widgets.effect.EditorTool`."""

    def __init__(self, scriptedEffect):
        scriptedEffect.name = EFFECT_NAME
        scriptedEffect.perSegment = True
        AbstractScriptedSegmentEditorEffect.__init__(self, scriptedEffect)
        self.tool = None

    def clone(self):
        return new_effect()

    def icon(self):
        return qt.QIcon(str(ICONS / "Fast3DSAM.png"))

    def helpText(self):
        return _(
            "<html>Click inside a structure: its 3D segment appears. Clicks outside (B, or with Shift) take away; "
            "points can be dragged and deleted. Masking and overwrite settings of the Editor hold.<p>"
            "Keys: <b>F</b> foreground, <b>B</b> background, <b>Esc</b> stop.</html>"
        )

    def setupOptionsFrame(self):
        self.tool = EditorTool(self.scriptedEffect)
        self.scriptedEffect.addOptionsWidget(self.tool.widget)

    def activate(self):
        self.tool.activate()

    def deactivate(self):
        self.tool.deactivate()

    def sourceVolumeNodeChanged(self):
        self.tool.follow_editor()

    def updateGUIFromMRML(self):
        if self.tool is not None:
            self.tool.follow_editor()

    def updateMRMLFromGUI(self):
        """Nothing of it is kept in the Editor's node."""

    def setMRMLDefaults(self):
        """Nothing of it is kept in the Editor's node."""

    def interactionNodeModified(self, interactionNode):
        """Placing points is this effect's work: do not leave it then, as the base class would."""

    def cleanup(self):
        if self.tool is not None:
            self.tool.deactivate()
