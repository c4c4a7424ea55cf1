"""Modules that ESPnet imports whatever the model is, imported when they are used.

ESPnet's tokenizers import g2p_en, which takes seconds, brings nltk, pandas and sklearn,
and asks the network for nltk's data, for every model, those of other g2p's as well.
"""

import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any


class _Postponed(ModuleType):
    """Stands for a module until one of its names is asked for."""

    def __getattr__(self, name: str) -> Any:
        # What looks through all modules (inspect does) asks for such names.
        if name.startswith("__") and name != "__path__":
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


def postpone(name: str) -> None:
    """Let ``import name`` do nothing until the module is used.

    Without effect where the module is imported already, or not installed.
    """
    if name in sys.modules:
        return
    spec = find_spec(name)
    if spec is not None:
        module = _Postponed(name)
        module.__spec__ = spec
        sys.modules[name] = module


def without_type_checks() -> None:
    """Let typeguard's decorator do nothing in the modules imported from now on.

    With it ESPnet and inflect rewrite most of their functions at import, so that each
    call checks the types of its arguments: six of the ten seconds that ESPnet takes to
    start. For processes of our own: ``python -O`` does the same to a whole program.
    """
    spec = find_spec("typeguard")
    if spec is None or "typeguard" in sys.modules:
        return
    postpone("typeguard")
    sys.modules["typeguard"].__dict__.update(
        __path__=spec.submodule_search_locations,  # else importlib asks for it
        typechecked=lambda function: function,
    )
