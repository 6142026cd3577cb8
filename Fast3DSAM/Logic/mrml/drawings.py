"""What a user draws for one prompt (box, stroke, lasso) as a Markups node that lives until it is finished."""

from __future__ import annotations

from itertools import product
from typing import List

import numpy as np
import slicer
import slicer.util

_KINDS = {"box": "ROI", "scribble": "Curve", "lasso": "ClosedCurve"}
_LEAST = {"scribble": 1, "lasso": 3}
_THIN = 0.2  # a side below that share of the longest one was not drawn: a box in one slice has no depth


def new_drawing(scene, kind: str):
    """An empty node for a "box", "scribble" or "lasso", to be placed by the user; it is not saved with the scene."""
    node = getattr(slicer, f"vtkMRMLMarkups{_KINDS[kind]}Node")()
    node.SetName(f"Fast3DSAM {kind}")
    node.SetSaveWithScene(False)
    node.SetHideFromEditors(True)
    node = scene.AddNode(node)
    node.CreateDefaultDisplayNodes()
    node.GetDisplayNode().SetPropertiesLabelVisibility(False)
    return node


def is_complete(node, kind: str) -> bool:
    """Whether enough was placed for a prompt."""
    if kind == "box":
        return sorted(node.GetSize())[1] > 0
    return node.GetNumberOfDefinedControlPoints() >= _LEAST[kind]


def box_corners(node) -> np.ndarray:
    """(8, 3) world corners of a ROI; one that was drawn in a single slice is taken as deep as it is wide on average."""
    size = np.array(node.GetSize())
    drawn = size > _THIN * size.max()
    size[~drawn] = size[drawn].mean()
    to_world = slicer.util.arrayFromVTKMatrix(node.GetObjectToWorldMatrix())
    corners = np.array([[s * v / 2 for s, v in zip(signs, size)] for signs in product((-1, 1), repeat=3)])
    return corners @ to_world[:3, :3].T + to_world[:3, 3]


def curve_points(node) -> List[np.ndarray]:
    """World points along a curve, or its control points where there are too few for one."""
    points = slicer.util.arrayFromMarkupsCurvePoints(node, world=True)
    return list(points if len(points) else slicer.util.arrayFromMarkupsControlPoints(node, world=True))
