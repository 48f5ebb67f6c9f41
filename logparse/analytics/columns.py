"""Columns of a table while it is made: values go in build by build, and an Arrow array comes out.

A column keeps neither rows nor builds, only its values; of a dictionary-encoded one the numbers of its
strings, each of which is looked at once however often it comes.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import pyarrow as pa

from logparse.secrets import mask

__all__ = ["Column", "Values", "Words", "columns_of", "table_of"]


class Words(dict[str | None, int | None]):
    """A dictionary-encoded column of strings. As a dict it has the number of each string it was given.

    Parameters
    ----------
    made
        Gives what a string is written as. It is called once for each.
    """

    __slots__ = ("_made", "_numbers", "_texts")

    def __init__(self, made: Callable[[str], str] = str) -> None:
        super().__init__({None: None})
        self._made = made
        self._texts: dict[str, int] = {}
        self._numbers: list[int | None] = []

    def __missing__(self, text: str) -> int:
        made = _writable(self._made(text))
        # Two strings may be written alike, as those are that differ in a secret.
        number = self[text] = self._texts.setdefault(made, len(self._texts))
        return number

    def extend(self, values: Iterable[Any]) -> None:
        """Add strings, or nulls."""
        self._numbers.extend(map(self.__getitem__, values))

    def arrow(self) -> pa.Array:
        """All values, as indices into the strings in the order in which they came."""
        return pa.DictionaryArray.from_arrays(
            pa.array(self._numbers, pa.int32()), pa.array(self._texts, pa.string())
        )


class Values(list[Any]):
    """A column of anything else.

    Parameters
    ----------
    kind
        Its type.
    """

    __slots__ = ("_kind",)

    def __init__(self, kind: pa.DataType) -> None:
        super().__init__()
        self._kind = kind

    def arrow(self) -> pa.Array:
        """All values."""
        try:
            return pa.array(self, self._kind)
        except UnicodeEncodeError:
            return pa.array([_written(value) for value in self], self._kind)


Column = Words | Values


def columns_of(schema: pa.Schema, masked: Collection[str] = ()) -> dict[str, Column]:
    """The columns of a table that has no rows yet.

    Parameters
    ----------
    schema
        Its columns and types.
    masked
        Names of the dictionary-encoded columns that mask secrets in their strings.
    """
    return {
        field.name: Words(mask if field.name in masked else str)
        if pa.types.is_dictionary(field.type)
        else Values(field.type)
        for field in schema
    }


def table_of(schema: pa.Schema, columns: Mapping[str, Column]) -> pa.Table:
    """The table with the values of `columns`, which have one each a row."""
    return pa.Table.from_arrays([columns[name].arrow() for name in schema.names], schema=schema)


def _written(value: Any) -> Any:
    if isinstance(value, list):
        return [_written(one) for one in value]
    return _writable(value) if isinstance(value, str) else value


def _writable(text: str) -> str:
    """Text that UTF-8 can hold: a file's name or a string of JSON need not."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()
