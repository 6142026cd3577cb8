"""The app in real Chromium on a real CT: what a user does, and the pixels and files that come of it."""

import numpy as np
import pytest
import SimpleITK as sitk

from Fast3DSAM.Logic.commands.app import sample_volume
from Fast3DSAM.Logic.session import InteractiveSession
from Fast3DSAM.Logic.volume_files import read_volume

LUNG, OTHER_LUNG, BODY = (0.37, 0.42), (0.66, 0.42), (0.5, 0.74)


def session_with(points) -> np.ndarray:
    """The mask that the session gives by itself for the points of a page's list."""
    from Testing.web.serve import predictor

    file = read_volume(sample_volume())
    session = InteractiveSession(predictor())
    session.set_volume(file.voxels, geometry=file.geometry)
    for point in points:
        session.add_point(np.round(file.geometry.ras_to_kji(point["exact"]), 6), point["positive"])
    return session.update.mask


def labels(path) -> np.ndarray:
    return sitk.GetArrayFromImage(sitk.ReadImage(str(path)))


def test_the_sample_ct_is_shown_in_three_slices(tab, artefacts):
    assert tab.state("volume_name") == "CTChest4"
    tab.rest_mouse()
    for view in ("Axial", "Sagittal", "Coronal"):
        tab.wait_for_image(view)
    tab.page.screenshot(path=artefacts / "web_loaded.png")


def test_a_click_makes_a_segment_and_background_takes_it_back(tab, artefacts, tmp_path):
    empty = tab.coloured()
    tab.click(LUNG)
    inside = tab.wait_for_coloured(empty + 2000)
    assert tab.state("segments.length") == 1 and tab.state("points.length") == 1
    tab.page.screenshot(path=artefacts / "web_click.png")
    voxels = labels(tab.download("download-nrrd", tmp_path))
    tab.click((0.36, 0.48), button="right")
    assert [p["positive"] for p in tab.state("points")] == [True, False]
    less = tab.wait_for_coloured(0, inside - 1000)
    tab.press("Control+z", "points.length === 1 && !is_working")
    tab.wait_for_coloured(inside - 500, inside + 500)  # the outline of the preview comes and goes
    assert np.array_equal(labels(tab.download("download-nrrd", tmp_path)), voxels)
    tab.press("Control+y", "points.length === 2 && !is_working")
    tab.wait_for_coloured(less - 500, less + 500)


def test_a_locked_segment_keeps_its_voxels(tab, tmp_path):
    tab.click(LUNG)
    first = labels(tab.download("download-nrrd", tmp_path)) == 1
    assert first.any()
    tab.press("s", "segments.length === 2 && segments[1].id === active_segment")
    assert tab.state("segments[0].locked")
    tab.click((0.35, 0.45))
    tab.click(BODY)
    after = labels(tab.download("download-nrrd", tmp_path))
    assert np.array_equal(after == 1, first)
    assert (after == 2).any()


def test_a_dragged_point_takes_its_segment_along(tab):
    tab.click(LUNG)
    before, size = tab.state("points[0].ras"), tab.state("segments[0].ml")
    tab.drag(LUNG, BODY)
    after = tab.state("points[0].ras")
    assert tab.state("points.length") == 1
    assert np.abs(np.subtract(after, before)).max() > 30
    assert tab.state("segments[0].ml") != size
    tab.press("Control+z", f"segments[0].ml === '{size}' && !is_working")
    assert tab.state("points[0].ras") == before


def test_undo_right_after_a_drag_takes_all_of_it_back(tab):
    tab.click(LUNG)
    before, size = tab.state("points[0].ras"), tab.state("segments[0].ml")
    tab.pull(LUNG, BODY)
    tab.page.keyboard.press("Control+z")  # while the masks of the drag are on their way
    tab.page.evaluate("window.trame.trigger('act', ['draw'])")
    tab.wait(f"can_redo && !is_working && segments[0].ml === '{size}'")
    assert tab.state("points[0].ras") == before and tab.state("points.length") == 1
    tab.press("Control+y", f"segments[0].ml !== '{size}' && !is_working")
    assert np.abs(np.subtract(tab.state("points[0].ras"), before)).max() > 30


def test_the_downloads_hold_exactly_the_session_s_mask_on_the_volume_s_grid(tab, tmp_path):
    tab.click(LUNG)
    tab.click(BODY)
    tab.click((0.40, 0.55), button="right")
    source = sitk.ReadImage(str(sample_volume()))
    mask = session_with(tab.state("points"))
    assert mask.any()
    for id, suffix in (("download-nifti", ".nii.gz"), ("download-nrrd", ".nrrd"), ("download-segments", ".seg.nrrd")):
        path = tab.download(id, tmp_path)
        assert path.name == f"CTChest4 segmentation{suffix}"
        image = sitk.ReadImage(str(path))
        assert image.GetSize() == source.GetSize() and np.allclose(image.GetSpacing(), source.GetSpacing())
        assert np.allclose(image.GetOrigin(), source.GetOrigin(), atol=1e-4)
        assert np.allclose(image.GetDirection(), source.GetDirection(), atol=1e-5)
        assert np.array_equal(sitk.GetArrayFromImage(image) > 0, mask)


def test_two_tabs_have_their_own_scenes(open_tab):
    first, second = open_tab(), open_tab()
    first.click(LUNG)
    assert first.state("segments.length") == 1
    assert second.state("segments.length") == 0
    second.click(OTHER_LUNG)
    second.press("Control+z", "points.length === 0 && !is_working")
    assert first.state("points.length") == 1


def test_a_page_that_is_loaded_again_finds_its_segments(tab):
    tab.click(LUNG)
    size = tab.state("segments[0].ml")
    tab.page.reload()
    tab.wait("stage === 'ready'")
    assert tab.state("segments[0].ml") == size and tab.state("points.length") == 1
    tab.wait_for_coloured(2000)
    tab.press("Control+z", "points.length === 0 && !is_working")


@pytest.mark.parametrize("content", [b"", b"no volume at all" * 40], ids=["empty", "text"])
def test_a_broken_upload_is_refused_in_one_sentence_and_nothing_is_lost(tab, tmp_path, content):
    broken = tmp_path / "broken.nii.gz"
    broken.write_bytes(content)
    tab.upload(broken)
    tab.wait("error !== ''")
    assert "broken.nii.gz" in tab.state("error") and tab.state("error").count(".") <= 3
    assert tab.state("stage") == "ready" and tab.state("volume_name") == "CTChest4"
    tab.click(LUNG)
    assert tab.state("segments.length") == 1 and tab.state("error") == ""


def test_an_uploaded_volume_takes_the_place_of_the_sample(tab, tmp_path):
    voxels = np.zeros((40, 48, 56), np.int16)
    voxels[12:28, 14:34, 16:40] = 900
    path = tmp_path / "block.nii.gz"
    image = sitk.GetImageFromArray(voxels)
    image.SetSpacing((1.5, 1.5, 2.0))
    sitk.WriteImage(image, str(path))
    tab.upload(path)
    tab.wait("stage === 'ready' && volume_name === 'block'")
    tab.click((0.5, 0.5))
    saved = labels(tab.download("download-nifti", tmp_path))
    assert saved.shape == voxels.shape
    overlap = 2 * np.sum((saved > 0) & (voxels > 0)) / (np.sum(saved > 0) + np.sum(voxels > 0))
    assert overlap > 0.85


def test_too_many_tabs_get_one_sentence_and_a_closed_one_makes_room(open_tab):
    tabs = [open_tab(wait=False) for _ in range(3)]
    page = tabs[0].page.context.new_page()
    answer = page.goto(tabs[0].page.url.partition("/tab/")[0])
    assert answer.status == 503 and "3 tabs are open" in page.content()
    tabs[1].page.close()
    for _ in range(60):
        if page.goto(tabs[0].page.url.partition("/tab/")[0]).status == 200:
            return
        page.wait_for_timeout(500)
    pytest.fail("the closed tab did not make room")


def test_everything_can_be_done_from_the_keyboard(tab):
    tab.press("b", "tool === 'background'")
    tab.press("f", "tool === 'foreground'")
    tab.click(LUNG)
    tab.press("n", "crosshair_on")
    tab.press("Enter", "points.length === 2 && !is_working")
    tab.press("Delete", "points.length === 1 && !is_working")
    tab.press("2", "view_layout === 'Axial'")
    tab.press("1", "view_layout === 'Four views'")
    unnamed = tab.page.evaluate(
        "[...document.querySelectorAll('button, input, a')].filter(e => e.offsetParent && "
        "!(e.ariaLabel || e.innerText.trim() || e.title || e.labels?.length)).map(e => e.outerHTML.slice(0, 120))"
    )
    assert unnamed == []
