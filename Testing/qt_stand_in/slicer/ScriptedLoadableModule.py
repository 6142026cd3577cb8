"""The four base classes of a scripted module, as far as the module uses them."""

import unittest

import qt


def __dir__():
    return []


class ScriptedLoadableModule:
    def __init__(self, parent):
        self.parent = parent


class ScriptedLoadableModuleWidget:
    def __init__(self, parent=None):
        self.parent = parent
        self.layout = parent.layout()

    def setup(self):
        """Nothing to reload."""


class ScriptedLoadableModuleLogic:
    def __init__(self, parent=None):
        self.parent = parent


class ScriptedLoadableModuleTest(unittest.TestCase):
    def delayDisplay(self, message, msec=0):
        qt.application.processEvents()
