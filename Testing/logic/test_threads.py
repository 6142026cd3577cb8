import os
import subprocess
import sys

from Fast3DSAM.Logic.threads import SHORT_WAITS


def _environment_after(statement: str, **given: str) -> dict:
    kept = {k: v for k, v in os.environ.items() if k not in SHORT_WAITS}
    found = f"print(*(os.environ.get(k) for k in {list(SHORT_WAITS)}), 'torch' in sys.modules)"
    code = f"import os, sys\n{statement}\n{found}"
    answer = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **given}, capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


def test_the_browser_app_sets_short_waits_before_torch_is_there():
    """It ends where it would start to listen: at the import of its application."""
    statement = (
        "from Fast3DSAM.Logic.commands.app import app; sys.modules['Fast3DSAM.Widgets.web.application'] = None\n"
        "try: app()\nexcept ImportError: pass\n"
    )
    assert _environment_after(statement) == [*SHORT_WAITS.values(), "False"]


def test_what_the_user_has_set_stays():
    statement = "from Fast3DSAM.Logic.threads import wait_asleep; wait_asleep()"
    assert _environment_after(statement, GOMP_SPINCOUNT="7") == ["7", SHORT_WAITS["KMP_BLOCKTIME"], "False"]


def test_a_session_alone_leaves_openmp_as_it_is():
    statement = "from Fast3DSAM.Logic.session import InteractiveSession; InteractiveSession.local('cpu')"
    assert _environment_after(statement) == ["None", "None", "True"]
