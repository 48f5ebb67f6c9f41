"""Columns that are filled build by build."""

from __future__ import annotations

import pyarrow as pa
import pytest

from logparse.analytics.columns import Values, Words, columns_of, table_of


class TestWords:
    """Dictionary-encoded columns."""

    def test_a_string_is_there_once_however_often_it_comes(self):
        words = Words()
        words.extend(["b", "a", None])
        words.extend(["b"])
        made = words.arrow()
        assert made.indices.to_pylist() == [0, 1, None, 0]
        assert made.dictionary.to_pylist() == ["b", "a"]

    def test_each_string_is_made_once(self):
        asked = []

        def made(text: str) -> str:
            asked.append(text)
            return text.upper()

        words = Words(made)
        words.extend(["a", "b", "a"])
        words.extend(["b", "a"])
        assert asked == ["a", "b"]
        assert words.arrow().to_pylist() == ["A", "B", "A", "B", "A"]

    def test_strings_that_are_written_alike_are_one(self):
        words = Words(str.lower)
        words.extend(["A", "b", "a"])
        assert words.arrow().dictionary.to_pylist() == ["a", "b"]
        assert words.arrow().to_pylist() == ["a", "b", "a"]

    def test_without_values_it_is_empty(self):
        assert Words().arrow().type == pa.dictionary(pa.int32(), pa.string())
        assert len(Words().arrow()) == 0

    def test_what_utf8_cannot_hold_is_replaced(self):
        words = Words()
        words.extend(["\udcff", "é"])
        assert words.arrow().to_pylist() == ["?", "é"]


class TestValues:
    """All other columns."""

    @pytest.mark.parametrize(
        ("kind", "given", "written"),
        [
            (pa.string(), ["é", None, "\udcff"], ["é", None, "?"]),
            (pa.list_(pa.string()), [["a"], ["b\udcff"], []], [["a"], ["b?"], []]),
            (pa.int32(), [1, None], [1, None]),
            (pa.float64(), [None, 1.5], [None, 1.5]),
        ],
    )
    def test_values_are_kept(self, kind, given, written):
        values = Values(kind)
        values.extend(given)
        assert values.arrow().type == kind
        assert values.arrow().to_pylist() == written


class TestTable:
    """Columns by the name of their field."""

    def test_only_the_columns_that_say_so_mask(self):
        schema = pa.schema(
            [(name, pa.dictionary(pa.int32(), pa.string())) for name in ("a", "b")] + [("n", pa.int64())]
        )
        columns = columns_of(schema, masked={"a"})
        for name, value in (("a", "password=hunter2"), ("b", "password=hunter2"), ("n", 3)):
            columns[name].extend([value])
        assert table_of(schema, columns).to_pylist() == [
            {"a": "password=***", "b": "password=hunter2", "n": 3}
        ]
