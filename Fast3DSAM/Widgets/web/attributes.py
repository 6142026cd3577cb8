"""Attributes that trame's elements do not know by name: those for screen readers and of plain inputs."""

from __future__ import annotations

from typing import Dict, List, Tuple, Union


def raw(**values: Union[str, Tuple[str]]) -> Dict[str, List[str]]:
    """`aria_label="Close"` -> the attribute as it is; a one-tuple is an expression over the state.

    Values are our own text without double quotes.
    """
    found = []
    for name, value in values.items():
        name = name.rstrip("_").replace("_", "-")
        found.append(f'{name}="{value}"' if isinstance(value, str) else f':{name}="{value[0]}"')
    return {"raw_attrs": found}
