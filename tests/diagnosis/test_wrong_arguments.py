"""What is no build gets a sentence that says what to give."""

from __future__ import annotations

import pytest

from logparse import LogparseError, diagnose, parse


@pytest.mark.parametrize("given", ["build.log", b"Step 1/1 : FROM a\n", None, parse(b"Step 1/1 : FROM a\n")])
def test_a_path_or_a_list_is_no_build(given):
    with pytest.raises(LogparseError, match=r"can be diagnosed, and a \w+ is none; give each of the builds"):
        diagnose(given)
