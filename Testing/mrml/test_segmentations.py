import numpy as np
import pytest
import slicer

from Fast3DSAM.Logic.errors import GeometryError, SceneError
from Fast3DSAM.Logic.geometry import Box
from Fast3DSAM.Logic.mrml.locks import is_locked, set_locked
from Fast3DSAM.Logic.mrml.segmentations import SegmentationTarget, new_segmentation
from Fast3DSAM.Logic.mrml.volumes import read_volume
from Testing.mrml.conftest import start_case
from Testing.mrml.scene_helpers import GRIDS, SHAPE, add_transform, add_volume, affine, paint, rotation, segment_mask

A, NEXT_TO_A = (9, 11, 13), (9, 11, 16)


def others_of(scene, layers):
    """A segmentation with two painted neighbours, in one shared layer or in a layer each."""
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    segmentation = node.GetSegmentation()
    masks = {}
    for name, k in (("low", slice(0, 9)), ("high", slice(11, 18))):
        mask = np.zeros(SHAPE, bool)
        mask[k, 8:15, 9:15] = True
        masks[segmentation.AddEmptySegment(name, name)] = mask
    if layers == "separate":
        segmentation.SeparateSegmentLabelmap("high")
    for id, mask in masks.items():
        paint(node, id, mask, GRIDS["axis-aligned"])
    assert segmentation.GetNumberOfLayers() == (1 if layers == "shared" else 2)
    return node, masks


@pytest.mark.parametrize("layers", ["shared", "separate"])
@pytest.mark.parametrize("limit", [4_000_000, 0], ids=["stays shared", "own layer"])
def test_no_click_changes_a_voxel_of_another_segment(scene, layers, limit):
    node, masks = others_of(scene, layers)
    volume = read_volume(add_volume(scene))
    target = SegmentationTarget(node, volume, shared_layer_limit=limit)
    mine = target.add("mine")
    rng = np.random.default_rng(0)
    for _ in range(12):
        lo = rng.integers(0, 8, 3)
        hi = lo + rng.integers(3, 10, 3)
        box = Box(tuple(map(int, lo)), tuple(map(int, hi)))
        mask = rng.random(box.shape) < 0.6
        written, changed = target.write(mine, box, mask)
        whole = np.zeros(SHAPE, bool)
        whole[box.slices] = mask
        free = ~(masks["low"] | masks["high"])
        assert np.array_equal(segment_mask(node, mine), whole & free)
        assert np.array_equal(written, (whole & free)[box.slices])
        assert changed == []
        for id, before in masks.items():
            assert np.array_equal(segment_mask(node, id), before)


@pytest.mark.parametrize("layers", ["shared", "separate"])
def test_clicks_drags_and_undo_leave_other_segments_alone(scene, layers):
    node, masks = others_of(scene, layers)
    case = start_case(scene, segmentation=node)
    case.work.place(case.ras(A))
    case.work.place(case.ras((6, 9, 10)))
    case.work.move_point(case.work.points()[0].id, case.ras((13, 10, 11)))
    case.work.undo()
    case.work.clear()
    case.work.undo()
    assert np.array_equal(case.mask(), case.ball(A, (6, 9, 10)) & ~masks["low"] & ~masks["high"])
    for id, before in masks.items():
        assert np.array_equal(case.mask(id), before)


@pytest.mark.parametrize("layers", ["shared", "separate"])
def test_an_unlocked_segment_gives_voxels_and_gets_them_back(scene, layers):
    node, masks = others_of(scene, layers)
    case = start_case(scene, segmentation=node)
    case.work.set_locked("low", False)
    assert case.work.is_locked("high") and not case.work.is_locked("low")
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A) & ~masks["high"])
    assert np.array_equal(case.mask("low"), masks["low"] & ~case.ball(A))
    assert np.array_equal(case.mask("high"), masks["high"])
    case.work.move_point(case.work.points()[0].id, case.ras((6, 11, 13)))
    assert np.array_equal(case.mask("low"), masks["low"] & ~case.ball((6, 11, 13)))
    case.work.undo()
    assert np.array_equal(case.mask("low"), masks["low"] & ~case.ball(A))
    case.work.undo()
    assert np.array_equal(case.mask("low"), masks["low"])
    assert np.array_equal(case.mask("high"), masks["high"])
    assert not case.mask().any()


def test_the_switch_for_all_sets_every_lock(scene):
    node, masks = others_of(scene, "shared")
    case = start_case(scene, segmentation=node)
    assert case.work.protect_all
    case.work.set_locked("low", False)
    case.work.protect_all = False
    assert not case.work.is_locked("low") and not case.work.is_locked("high")
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))
    assert np.array_equal(case.mask("low"), masks["low"] & ~case.ball(A))
    assert np.array_equal(case.mask("high"), masks["high"] & ~case.ball(A))
    case.work.protect_all = True
    assert case.work.is_locked("low") and case.work.is_locked("high")
    case.work.undo()
    assert np.array_equal(case.mask("low"), masks["low"] & ~case.ball(A))  # locked as it is now


def test_a_segment_that_gave_voxels_keeps_its_prompts(scene):
    case = start_case(scene)
    first = case.work.new_segment("first")
    case.work.place(case.ras(A))
    case.work.set_locked(first, False)
    case.work.new_segment("second")
    case.work.place(case.ras(NEXT_TO_A))
    assert np.array_equal(case.mask(first), case.ball(A) & ~case.ball(NEXT_TO_A))
    case.work.active_segment_id = first
    case.work.place(case.ras((5, 6, 7)))
    assert len(case.work.points()) == 2
    assert np.array_equal(case.mask(first), case.ball(A, (5, 6, 7)) & ~case.ball(NEXT_TO_A))


def test_neighbours_on_another_lattice_are_protected_and_not_resampled(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    coarse = affine(rotation((1, 1, 0), 20), (2, 2, 2), (6, 4, 2))
    block = np.zeros((6, 6, 6), bool)
    block[1:5, 1:5, 1:5] = True
    node.GetSegmentation().AddEmptySegment("coarse")
    paint(node, "coarse", block, coarse)
    case = start_case(scene, segmentation=node)
    case.work.place(case.ras(A))
    voxels = np.stack(np.indices(SHAPE), -1).reshape(-1, 3)[:, ::-1]
    in_coarse = np.c_[voxels, np.ones(len(voxels))] @ np.linalg.inv(coarse).T
    nearest = np.clip(np.round(in_coarse[:, :3]).astype(int), -1, 6)
    inside = ((nearest >= 0) & (nearest < 6)).all(axis=1)
    held = np.zeros(len(voxels), bool)
    held[inside] = block[tuple(nearest[inside][:, ::-1].T)]
    assert np.array_equal(case.mask(), case.ball(A) & ~held.reshape(SHAPE))
    assert (case.ball(A) & held.reshape(SHAPE)).any()
    assert np.array_equal(segment_mask(node, "coarse", block.shape), block)
    layer = node.GetSegmentation().GetSegment("coarse").GetRepresentation("Binary labelmap")
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    layer.GetImageToWorldMatrix(matrix)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), coarse)


def test_an_offset_extent_on_the_same_lattice_is_read_in_place(scene):
    matrix = GRIDS["oblique"]
    shifted = matrix.copy()
    shifted[:3, 3] = (matrix @ (4, 3, 2, 1))[:3]
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    node.GetSegmentation().AddEmptySegment("part")
    part = np.zeros((5, 5, 5), bool)
    part[1:4, 2:5, 0:3] = True
    paint(node, "part", part, shifted)
    target = SegmentationTarget(node, read_volume(add_volume(scene, matrix)))
    box, mask = target.content("part")
    assert box == Box((3, 5, 4), (6, 8, 7))
    assert mask.all()


def test_a_segment_that_reaches_beyond_the_volume_is_not_cut(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    node.GetSegmentation().AddEmptySegment("long", "long")
    paint(node, "long", np.ones((30, 4, 4), bool), GRIDS["axis-aligned"])
    case = start_case(scene, segmentation=node)
    case.work.active_segment_id = "long"
    with pytest.raises(SceneError, match="'long' reaches beyond the volume 'CT'"):
        case.work.place(case.ras(A))
    case.work.new_segment()
    case.work.place(case.ras(A))
    assert np.array_equal(case.mask(), case.ball(A))


def test_slicers_own_undo_restores_the_segment(case):
    case.work.place(case.ras(A))
    case.work.place(case.ras(NEXT_TO_A))
    assert case.work.history.RestorePreviousState()
    assert np.array_equal(case.mask(), case.ball(A))
    assert case.work.history.RestoreNextState()
    assert np.array_equal(case.mask(), case.ball(A, NEXT_TO_A))


def test_the_editors_own_undo_can_be_used_instead(scene):
    saved = []
    case = start_case(scene, save_state=lambda: saved.append(case.mask() if case.work.active_segment_id else None))
    case.work.place(case.ras(A))
    case.work.place(case.ras(NEXT_TO_A))
    assert not saved[0].any() and np.array_equal(saved[1], case.ball(A))


def test_a_segmentation_of_surfaces_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Bones")
    node.SetSourceRepresentationToClosedSurface()
    node.GetSegmentation().AddEmptySegment("bone")
    with pytest.raises(SceneError, match="'Bones' has its source as 'Closed surface'; make 'Binary labelmap'"):
        start_case(scene, segmentation=node)


def test_a_non_linear_transform_on_the_segmentation_is_refused(scene):
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    node.SetAndObserveTransformNodeID(scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Warp").GetID())
    with pytest.raises(GeometryError, match="'Organs' is under the non-linear transform 'Warp'"):
        start_case(scene, segmentation=node)


def test_the_reference_geometry_is_that_of_the_volume_under_another_transform(scene):
    move = affine(rotation((0, 0, 1), 30), origin=(7, 8, 9))
    volume = add_volume(scene, GRIDS["oblique"])
    volume.SetAndObserveTransformNodeID(add_transform(scene, move).GetID())
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Organs")
    SegmentationTarget(node, read_volume(volume))
    image = slicer.vtkOrientedImageData()
    text = node.GetSegmentation().GetConversionParameter("Reference image geometry")
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(text, image)
    matrix = slicer.util.vtkMatrixFromArray(np.eye(4))
    image.GetImageToWorldMatrix(matrix)
    assert np.allclose(slicer.util.arrayFromVTKMatrix(matrix), move @ GRIDS["oblique"], atol=1e-6)
    assert image.GetDimensions() == SHAPE[::-1]


def test_voxels_go_back_to_the_unlocked_neighbour_that_lost_them_and_to_no_other_of_its_layer(scene):
    volume = read_volume(add_volume(scene))
    node = new_segmentation(scene, volume)
    target = SegmentationTarget(node, volume)
    first, neighbour, mine = (target.add() for _ in range(3))
    box = Box((0, 0, 0), SHAPE)
    slices = {}
    for id, k in ((first, 0), (neighbour, 5)):
        slices[id] = np.zeros(SHAPE, bool)
        slices[id][k : k + 3] = True
        target.write(id, box, slices[id])
    set_locked(node, neighbour, False)
    taking = np.zeros(SHAPE, bool)
    taking[6:10] = True
    target.write(mine, box, taking)
    assert np.array_equal(segment_mask(node, neighbour), slices[neighbour] & ~taking)
    target.write(mine, box, np.zeros(SHAPE, bool))
    for id, mask in slices.items():
        assert np.array_equal(segment_mask(node, id), mask)


@pytest.mark.parametrize("seed", range(12))
def test_locked_segments_keep_every_voxel_whatever_is_written_in_whatever_order(scene, seed):
    shape, rng = (6, 7, 8), np.random.default_rng(seed)
    volume = read_volume(add_volume(scene, shape=shape))
    node = new_segmentation(scene, volume)
    target = SegmentationTarget(node, volume)
    for _ in range(3):
        target.add()
    for _ in range(60):
        id, chance = str(rng.choice(target.segment_ids)), rng.random()
        if chance < 0.1 and len(target.segment_ids) < 5:
            target.add()
        elif chance < 0.15 and len(target.segment_ids) > 2:
            node.GetSegmentation().RemoveSegment(id)
        elif chance < 0.35:
            set_locked(node, id, not is_locked(node, id))
        else:
            lo = rng.integers(0, shape)
            box = Box(tuple(lo.tolist()), tuple(rng.integers(lo + 1, np.add(shape, 1)).tolist()))
            locked = [other for other in target.segment_ids if other != id and is_locked(node, other)]
            before = {other: segment_mask(node, other, shape) for other in locked}
            target.write(id, box, rng.random(box.shape) < rng.choice([0, 0.3, 1]))
            for other in locked:
                assert np.array_equal(segment_mask(node, other, shape), before[other])
