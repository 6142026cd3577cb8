"""The page's other controls in real Chromium: box, preview, list of segments, views, theme, dropped files."""

import base64

import numpy as np
import SimpleITK as sitk

from Testing.web.dicom import write_series

LUNG = (0.37, 0.42)


def test_a_box_gives_a_segment_and_stays_one_step_of_the_history(tab, artefacts):
    tab.press("x", "tool === 'box'")
    tab.drag((0.28, 0.30), (0.46, 0.62))
    assert tab.state("has_box") and tab.state("segments[0].ml") != "empty"
    assert tab.state("tool") == "foreground"  # what follows are corrections
    tab.rest_mouse()
    tab.page.screenshot(path=artefacts / "web_box.png")
    tab.press("Control+z", "!has_box && !is_working")
    assert tab.state("segments[0].ml") == "empty"


def test_a_preview_follows_the_mouse_and_changes_nothing(tab):
    tab.rest_mouse()
    calm = tab.coloured()
    x, y = tab.place(LUNG)
    tab.page.mouse.move(x - 3, y)
    tab.page.mouse.move(x, y)
    for _ in range(100):
        if tab.coloured() > calm + 150:
            break
        tab.page.wait_for_timeout(100)
    else:
        raise AssertionError("no outline came where the mouse is")
    assert tab.state("points.length") == 0 and tab.state("segments.length") == 0
    drawn = tab.coloured()
    tab.press("p", "!preview_on")
    tab.wait_for_coloured(0, drawn - 100)


def test_a_segment_is_named_coloured_hidden_and_unlocked_in_the_list(tab):
    tab.click(LUNG)
    shown = tab.wait_for_coloured(2000)
    row = tab.page.locator(".segment")
    row.locator("input[type=text]").fill("  Right   lung ")
    row.locator("input[type=text]").blur()
    tab.wait("segments[0].name === 'Right lung'")
    row.locator("input[type=color]").evaluate(
        "e => { e.value = '#ff00ff'; e.dispatchEvent(new Event('change', { bubbles: true })) }"
    )
    tab.wait("segments[0].colour === '#ff00ff'")
    tab.page.click("[aria-label='Unlock Right lung']")
    tab.wait("!segments[0].locked")
    tab.page.click("[aria-label='Hide Right lung']")
    tab.wait("!segments[0].visible")
    tab.wait_for_coloured(0, shown // 4)
    tab.page.click("[aria-label='Delete Right lung']")
    tab.wait("segments.length === 0 && points.length === 0")


def test_views_scroll_change_window_grow_and_show_the_surface(tab, artefacts):
    before = tab.state("slice_Red")
    tab.page.mouse.move(*tab.place((0.5, 0.5)))
    tab.page.mouse.wheel(0, -120)
    tab.wait(f"slice_Red !== {before}")
    slider = tab.page.locator("[aria-label='Slice of the axial view']")
    slider.focus()
    scrolled = tab.state("slice_Red")
    tab.press("ArrowRight", f"slice_Red > {scrolled}")
    lit = (tab.picture() > 80).mean()
    tab.page.evaluate("window.trame.trigger('act', ['preset', 'CT lung'])")
    tab.wait("preset === 'CT lung'")
    for _ in range(50):
        if (tab.picture() > 80).mean() > lit + 0.05:
            break
        tab.page.wait_for_timeout(100)
    else:
        raise AssertionError("the lung window shows no more than the soft tissue window")
    width = tab.place((1, 1))[0] - tab.place((0, 0))[0]
    tab.page.click("[aria-label='Enlarge Axial']")
    tab.wait("view_layout === 'Axial'")
    tab.page.wait_for_timeout(300)
    assert tab.place((1, 1))[0] - tab.place((0, 0))[0] > 1.8 * width
    tab.press("1", "view_layout === 'Four views'")
    tab.wait_for_image()
    tab.click(LUNG)
    tab.page.get_by_label("3D surface").check()
    tab.wait("surface_on")
    tab.wait_for_coloured(3000, view="3D")
    tab.page.click("[aria-label='Light or dark']")
    tab.wait("theme === 'light'")
    tab.rest_mouse()
    tab.page.wait_for_timeout(500)
    tab.page.screenshot(path=artefacts / "web_light.png")


def test_click_here_next_goes_to_a_doubtful_place_and_enter_clicks_there(tab, artefacts):
    assert tab.page.locator("#suggest").is_disabled()  # nothing is in doubt yet
    tab.click(LUNG)
    tab.rest_mouse()
    tab.page.click("#suggest")
    tab.wait("crosshair_on && notice !== ''")
    assert "press Enter" in tab.page.locator(".toast").inner_text()
    tab.page.wait_for_timeout(300)
    tab.page.screenshot(path=artefacts / "web_suggest.png")
    tab.press("Enter", "points.length === 2 && !is_working")
    places = np.array([point["exact"] for point in tab.state("points")])
    assert np.abs(places[1] - places[0]).max() > 3


def test_a_folder_of_dicom_files_is_opened_under_its_name_and_a_single_slice_is_not(tab, tmp_path, artefacts):
    voxels = np.full((24, 32, 40), -1000)
    voxels[6:18, 8:24, 10:30] = 60
    folder = tmp_path / "Phantom 7"
    folder.mkdir()
    files = write_series(folder, voxels, (3.0, 2.0, 2.0))
    (folder / "viewer.exe").write_bytes(b"MZ" + bytes(500))  # a disc holds other things, too
    tab.page.evaluate("window.trame.trigger('act', ['theme', 'light'])")
    tab.upload(folder, button="text=DICOM folder")
    tab.wait("stage === 'ready' && volume_name === 'Phantom 7'")
    assert tab.state("volume_facts") == "40 x 32 x 24 voxels of 2 x 2 x 3 mm"
    tab.wait_for_image()
    tab.rest_mouse()
    tab.page.screenshot(path=artefacts / "web_dicom.png")
    assert tab.picture("3D").mean() > 150, "the 3D view does not keep the light theme"
    tab.upload(files[0])
    tab.wait("error !== ''")
    assert "one slice" in tab.page.locator("#error").inner_text() and str(tmp_path) not in tab.state("error")
    tab.page.screenshot(path=artefacts / "web_error.png")
    assert tab.state("stage") == "ready" and tab.state("volume_name") == "Phantom 7"
    tab.upload(*files[:12])
    tab.wait("stage === 'ready' && volume_facts.includes(' x 12 ')")
    assert tab.state("volume_name") == "DICOM series" and tab.state("error") == ""


def test_a_dropped_file_is_opened(tab, tmp_path):
    path = tmp_path / "dropped.nrrd"
    sitk.WriteImage(sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 99, (12, 16, 20), np.int16)), str(path))
    tab.page.evaluate(
        """([text, name]) => {
          const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([bytes], name));
          for (const kind of ["dragenter", "dragover", "drop"])
            document.querySelector(".views").dispatchEvent(new DragEvent(kind, { dataTransfer, bubbles: true }));
        }""",
        [base64.b64encode(path.read_bytes()).decode(), path.name],
    )
    tab.wait("stage === 'ready' && volume_name === 'dropped'")
    assert tab.state("volume_facts").startswith("20 x 16 x 12") and not tab.state("drop_active")
