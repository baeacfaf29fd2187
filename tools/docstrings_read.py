"""How the documentation's site reads the package: habits of this house that griffe, its reader, lacks."""

import copy
import re
from typing import Any

from griffe import Attribute, Class, ExprAttribute, ExprCall, Extension, Function, Module, Object

_FIRST_EXAMPLE = re.compile(r"^(?=>>> )", re.MULTILINE)
_HEADING = "Examples\n--------\n"


class House(Extension):
    """Examples of short docstrings, and methods that are functions of another module."""

    def on_object(self, *, obj: Object, **_: Any) -> None:
        """Puts the heading of NumPy's form above examples that have none: they would read as quotations."""
        if obj.docstring and _HEADING not in obj.docstring.value:
            obj.docstring.value = _FIRST_EXAMPLE.sub(_HEADING, obj.docstring.value, count=1)

    def on_package(self, *, pkg: Module, **_: Any) -> None:
        """Gives classes the functions that they take, ``to_newick = exchange.to_newick``, as methods."""
        for cls in classes(pkg):
            for name, attribute in list(cls.attributes.items()):
                function = taken(attribute, pkg)
                if function:
                    method = copy.copy(function)
                    cls.set_member(name, method)
                    method.labels = set(function.labels) | ({"classmethod"} if _called(attribute) else set())


def classes(module: Module) -> list[Class]:
    """Classes of a module and of those below it."""
    below = [one for each in module.modules.values() if not each.is_alias for one in classes(each)]
    return [one for one in module.classes.values() if not one.is_alias] + below


def taken(attribute: Attribute, package: Module) -> Function | None:
    """The function of the package that an attribute of a class is, as it stands or as a class method."""
    if attribute.is_alias:
        return None
    value = attribute.value.arguments[0] if _called(attribute) else attribute.value
    if not isinstance(value, ExprAttribute):
        return None
    try:
        found = package.modules_collection[value.canonical_path]
    except KeyError:  # of another package
        return None
    return found if isinstance(found, Function) else None


def _called(attribute: Attribute) -> bool:
    return isinstance(attribute.value, ExprCall) and str(attribute.value.function) == "classmethod"
