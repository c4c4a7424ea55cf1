"""Lists of modules that tell what they hold."""

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Generic, TypeVar, overload

from torch import nn

Part = TypeVar("Part", bound=nn.Module)


class Modules(nn.ModuleList, Generic[Part]):
    """``nn.ModuleList``, with the kind of its modules for those who check types."""

    if TYPE_CHECKING:

        def __init__(self, modules: Iterable[Part] | None = None) -> None: ...

        def __iter__(self) -> Iterator[Part]: ...

        @overload
        def __getitem__(self, idx: slice) -> "Modules[Part]": ...

        @overload
        def __getitem__(self, idx: int) -> Part: ...

        def __getitem__(self, idx: int | slice) -> "Part | Modules[Part]": ...
