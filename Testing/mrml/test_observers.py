import gc

from Fast3DSAM.Logic.mrml.scene_session import SceneSession
from Testing.mrml.ball_session import BallSession
from Testing.mrml.scene_helpers import add_volume


def test_a_session_that_was_dropped_without_closing_is_gone(scene):
    volume = add_volume(scene)
    session = BallSession()
    said = []
    work = SceneSession(scene, session, on_update=said.append, on_error=said.append)
    work.set_volume(volume)
    node = work.foreground_node
    work.place((13, 11, 9))
    del work
    gc.collect()
    node.AddControlPointWorld((7, 6, 5))
    assert len(said) == 1 and len(session.prompts) == 1
    assert not node.HasObserver(node.PointPositionDefinedEvent)
