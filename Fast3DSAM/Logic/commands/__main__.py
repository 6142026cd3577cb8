"""`python -m Fast3DSAM.Logic.commands` is the command `fast3dsam`."""

from . import main

main()
