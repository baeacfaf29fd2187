"""A reader of docstrings for the documentation's site: short ones give their example without a heading of its own."""

import re
from typing import Any

from griffe import Extension, Object

_FIRST_EXAMPLE = re.compile(r"^(?=>>> )", re.MULTILINE)
_HEADING = "Examples\n--------\n"


class Examples(Extension):
    """Puts the heading of NumPy's form above examples that have none, without which they would read as quotations."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        if obj.docstring and _HEADING not in obj.docstring.value:
            obj.docstring.value = _FIRST_EXAMPLE.sub(_HEADING, obj.docstring.value, count=1)
