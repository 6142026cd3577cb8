"""The edge of the command line: every error that a user can cause becomes one line and exit code 2."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from ..errors import Fast3DSAMError

# Wrong options and arguments. Typer carries click under a private name in newer versions, so it is reached this way.
_UsageError = typer.BadParameter.__mro__[1]


class OneLineErrors(TyperGroup):
    """A command group that shows errors of users without traceback, usage text or frames; bugs keep their traceback."""

    def main(self, args: Any = None, prog_name: Any = None, standalone_mode: bool = True, **extra: Any) -> Any:
        if not standalone_mode:
            return super().main(args, prog_name, standalone_mode=False, **extra)
        try:
            code = super().main(args, prog_name, standalone_mode=False, **extra)
        except Fast3DSAMError as error:
            code = _complain(str(error))
        except _UsageError as error:
            code = _show_help(error) if type(error).__name__ == "NoArgsIsHelpError" else _complain(_usage(error))
        sys.exit(code or 0)


def _usage(error: Any) -> str:
    name = error.ctx.command_path if error.ctx is not None else "fast3dsam"
    return f"{error.format_message().rstrip('.')}; see `{name} --help`."


def _complain(message: str) -> int:
    print("fast3dsam: " + " ".join(message.split()), file=sys.stderr)
    return 2


def _show_help(error: Any) -> int:
    error.show()
    return 2
