import os
import subprocess
import sys

from Fast3DSAM.Logic.threads import SHORT_WAITS


def _environment_after(statement: str, **given: str) -> dict:
    kept = {k: v for k, v in os.environ.items() if k not in SHORT_WAITS}
    code = (
        f"import os, sys; {statement}; print(*(os.environ.get(k) for k in {list(SHORT_WAITS)}), 'torch' in sys.modules)"
    )
    answer = subprocess.run(
        [sys.executable, "-c", code], env={**kept, **given}, capture_output=True, text=True, check=True
    )
    return answer.stdout.split()


def test_the_command_line_sets_short_waits_before_torch_is_there():
    statement = (
        "import typer; typer.Typer.__call__ = lambda *_, **__: None; from Fast3DSAM.Logic.commands import main; main()"
    )
    assert _environment_after(statement) == [*SHORT_WAITS.values(), "False"]


def test_what_the_user_has_set_stays():
    statement = "from Fast3DSAM.Logic.threads import wait_asleep; wait_asleep()"
    assert _environment_after(statement, GOMP_SPINCOUNT="7") == ["7", SHORT_WAITS["KMP_BLOCKTIME"], "False"]


def test_a_session_of_this_computer_sets_them_when_it_loads_torch():
    statement = (
        "from Fast3DSAM.Logic.session import InteractiveSession; assert 'torch' not in sys.modules; "
        "InteractiveSession.local('cpu')"
    )
    assert _environment_after(statement) == [*SHORT_WAITS.values(), "True"]
