"""The main thread never waits for the network, and what comes too late is dropped."""

import threading

import numpy as np
import pytest
import qt

from Fast3DSAM.Logic.session import InteractiveSession
from Testing.logic.intensity_predictor import IntensityPredictor
from Testing.widgets.application import TWO_BALLS, Application, balls
from Testing.widgets.test_panel import is_ball

FIRST, SECOND = TWO_BALLS
MOST_DECODES = 12  # of one mask: a first click tries several tiles


class Gate(IntensityPredictor):
    """Stands still while `open` is not set; `threads` are those that asked."""

    def __init__(self) -> None:
        super().__init__(tolerance=30)
        self.open, self.entered, self.threads = threading.Event(), threading.Event(), set()
        self.open.set()

    def embed(self, voxels, inside):
        self._pass()
        return super().embed(voxels, inside)

    def decode(self, embedding, prompts):
        self._pass()
        return super().decode(embedding, prompts)

    def _pass(self) -> None:
        self.threads.add(threading.current_thread().name)
        self.entered.set()
        assert self.open.wait(60)

    def shut(self) -> None:
        self.open.clear()
        self.entered.clear()


@pytest.fixture
def app(slicer_scene):
    started = Application(slicer_scene, Gate())
    yield started
    started.predictor.open.set()
    started.close()


@pytest.fixture
def placing(app):
    """Ready and placing, the network standing still from the next question on."""
    app.choose(app.add_volume())
    app.bench.parameters.live_preview = False
    app.press(app.ui.foregroundButton)
    app.predictor.shut()
    return app


def let_go_on(app) -> None:
    app.predictor.open.set()
    app.settle()


def test_the_network_never_runs_in_the_main_thread(placing):
    placing.click(*FIRST)
    let_go_on(placing)
    assert is_ball(placing.mask(), FIRST)
    assert placing.predictor.threads == {"Fast3DSAM"}


def test_a_click_returns_at_once_and_the_panel_says_that_it_works(placing):
    placing.click(*FIRST)
    assert placing.predictor.entered.wait(20)
    assert placing.bench.is_working and "Working" in placing.ui.answerLabel.text
    assert placing.bench.work.points() == []
    let_go_on(placing)
    assert len(placing.bench.work.points()) == 1


def test_clicks_and_buttons_while_it_works_take_their_turn(placing):
    placing.click(*FIRST)
    placing.click(*SECOND)
    placing.key("N")
    let_go_on(placing)
    assert len(placing.bench.work.segment_ids) == 2
    first = placing.mask(placing.bench.work.segment_ids[0])
    assert is_ball(first & (balls(centres=[FIRST]) > 0), FIRST) and is_ball(
        first & (balls(centres=[SECOND]) > 0), SECOND
    )


def test_a_click_after_next_belongs_to_the_next_segment_even_if_nothing_was_ready_yet(placing):
    placing.click(*FIRST)
    placing.key("N")
    placing.click(*SECOND)
    let_go_on(placing)
    first, second = placing.bench.work.segment_ids
    assert is_ball(placing.mask(first), FIRST) and is_ball(placing.mask(second), SECOND)


def test_a_point_deleted_while_it_is_worked_on_stays_deleted(placing):
    placing.click(*FIRST)
    placing.bench.work.foreground_node.RemoveNthControlPoint(0)
    let_go_on(placing)
    assert placing.bench.work.points() == []
    assert not any(placing.mask(id).any() for id in placing.bench.work.segment_ids)


def test_a_drag_asks_for_the_newest_position_only(placing):
    placing.predictor.open.set()
    placing.click(*FIRST)
    placing.settle()
    placing.key("Esc")
    start, end = placing.pixel(*FIRST), placing.pixel(*SECOND)
    placing.view.picture()
    before = placing.predictor.decoded
    placing.predictor.shut()
    placing.view.drag(start, end, steps=20)
    let_go_on(placing)
    assert is_ball(placing.mask(), SECOND)
    assert placing.predictor.decoded - before <= 3 * MOST_DECODES, "positions in between were worked on"
    assert np.allclose(placing.bench.work.points()[0].position, placing.view.positions()[end[1], end[0]], atol=1e-3)


def test_previews_are_never_queued(placing):
    placing.bench.parameters.live_preview = True
    x, y = placing.pixel(*FIRST)
    before = placing.predictor.decoded
    for step in range(15):
        placing.view.move(x + step, y)
        qt.application.processEvents()
    let_go_on(placing)
    assert placing.predictor.decoded - before <= 3 * MOST_DECODES
    assert placing.panel.preview.shown is not None
    assert np.allclose(placing.panel.preview.shown, placing.view.positions()[y, x + 14], atol=1e-6)


def test_without_preview_the_tiles_under_the_cursor_are_embedded_ahead_until_a_click_comes(placing):
    placing.predictor.open.set()
    placing.settle()
    x, y = placing.pixel(*FIRST)
    decoded, embedded = placing.predictor.decoded, placing.predictor.embedded
    placing.view.move(x, y)
    placing.settle()
    ahead = placing.predictor.embedded
    assert ahead > embedded and placing.predictor.decoded == decoded and placing.panel.preview.shown is None
    placing.view.click(x, y)
    placing.settle()
    assert is_ball(placing.mask(), FIRST) and placing.predictor.embedded == ahead, "a tile was missing"


@pytest.mark.parametrize("preview", [True, False])
def test_the_cursor_beside_the_volume_is_no_matter(placing, preview):
    placing.predictor.open.set()
    placing.bench.parameters.live_preview = preview
    placing.view.move(3, 3)
    placing.settle()
    assert placing.panel.preview.shown is None and placing.bench.error == ""


def test_a_click_where_the_preview_is_needs_no_further_work(placing):
    placing.predictor.open.set()
    placing.bench.parameters.live_preview = True
    x, y = placing.pixel(*FIRST)
    placing.view.move(x, y)
    placing.settle()
    before = placing.predictor.decoded
    placing.predictor.shut()
    placing.view.interactor.LeftButtonPressEvent()
    placing.view.interactor.LeftButtonReleaseEvent()
    assert is_ball(placing.mask(), FIRST), "it had to wait for the network"
    assert placing.predictor.decoded == before


def test_cancel_stops_the_embedding_and_prepare_starts_it_again(app):
    app.predictor.shut()
    app.ui.volumeSelector.setCurrentNode(app.add_volume())
    assert app.predictor.entered.wait(20)
    app.press(app.ui.cancelButton)
    app.predictor.open.set()
    app.settle()
    assert not app.bench.is_ready and "Cancelled" in app.ui.statusLabel.text
    app.press(app.ui.prepareButton)
    app.wait(lambda: app.bench.is_ready)


@pytest.mark.parametrize("what", ["volume", "segmentation", "foreground node"])
def test_a_node_deleted_while_a_mask_is_computed_leaves_all_usable(placing, what):
    placing.click(*FIRST)
    assert placing.predictor.entered.wait(20)
    work = placing.bench.work
    nodes = {"volume": work.volume_node, "segmentation": work.segmentation_node}
    placing.scene.RemoveNode(nodes.get(what) or work.foreground_node)
    let_go_on(placing)
    if what == "volume":
        placing.choose(placing.add_volume(name="Other"))
    elif what == "segmentation":
        assert "segmentation was deleted" in placing.ui.statusLabel.text
        placing.press(placing.ui.prepareButton)
        placing.wait(lambda: placing.bench.is_ready)
    placing.bench.parameters.positive = True
    placing.panel.placing.switch(True)
    placing.click(*SECOND)
    placing.settle()
    assert placing.mask()[SECOND]


@pytest.mark.parametrize("when", ["embedding", "a mask is computed"])
def test_the_scene_can_be_closed_in_the_middle(app, when):
    volume = app.add_volume()
    if when == "embedding":
        app.predictor.shut()
        app.ui.volumeSelector.setCurrentNode(volume)
    else:
        app.choose(volume)
        app.press(app.ui.foregroundButton)
        app.predictor.shut()
        app.click(*FIRST)
    assert app.predictor.entered.wait(20)
    app.scene.Clear(False)
    let_go_on(app)
    assert not app.bench.is_ready and "Choose a volume" in app.ui.statusLabel.text
    assert app.scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    app.choose(app.add_volume(name="Next"))
    assert "embedded in" in app.ui.statusLabel.text


def test_leaving_the_module_in_the_middle_lets_the_mask_come(placing):
    placing.click(*FIRST)
    placing.widget.exit()
    let_go_on(placing)
    assert is_ball(placing.mask(), FIRST)


def test_slicer_can_be_closed_in_the_middle(placing):
    placing.click(*FIRST)
    assert placing.predictor.entered.wait(20)
    threading.Timer(0.2, placing.predictor.open.set).start()
    bench = placing.bench
    placing.widget.exit()
    placing.widget.cleanup()
    assert bench.worker._thread is None or not bench.worker._thread.is_alive()


def test_a_network_that_fails_is_told_in_one_sentence_and_the_next_click_works(slicer_scene):
    class Fails(IntensityPredictor):
        def decode(self, embedding, prompts):
            if self.decoded == 0:
                self.decoded += 1
                raise RuntimeError("the device is lost")
            return super().decode(embedding, prompts)

    app = Application(slicer_scene, make=lambda settings: InteractiveSession(Fails(tolerance=30)))
    app.choose(app.add_volume())
    app.bench.parameters.live_preview = False
    app.press(app.ui.foregroundButton)
    app.click(*FIRST)
    app.settle()
    assert "the device is lost" in app.ui.errorLabel.text and app.bench.work.points() == []
    app.click(*FIRST)
    app.settle()
    assert is_ball(app.mask(), FIRST)
    app.close()


@pytest.mark.parametrize("what", ["the scene is closed", "the volume is deleted"])
def test_nothing_is_drawn_while_the_scene_is_taken_apart(ready, what):
    ready.panel.placing.switch(True)
    ready.view.move(*ready.pixel(*FIRST))
    ready.settle()
    assert ready.panel.preview.shown is not None
    drawn = []
    tag = ready.view.window.AddObserver("StartEvent", lambda *_: drawn.append(1))
    if what == "the scene is closed":
        ready.scene.Clear(False)
    else:
        ready.scene.RemoveNode(ready.bench.work.volume_node)
    assert not drawn, "a view that is drawn now reads nodes that are half gone"
    ready.wait(lambda: drawn)
    ready.view.window.RemoveObserver(tag)
    assert ready.panel.preview.shown is None


def test_the_outline_goes_with_the_segment_it_was_made_for(ready):
    ready.panel.placing.switch(True)
    ready.click(*FIRST)
    ready.settle()
    ready.view.move(*ready.pixel(*SECOND))
    ready.settle()
    assert ready.panel.preview.shown is not None
    ready.key("N")
    assert ready.panel.preview.shown is None
