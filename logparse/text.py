"""Decoding bytes of a log into text that is safe to show.

Log text is hostile: a program may print anything, escape sequences that repaint a terminal included. All
text that leaves the package for a person's eyes goes through :func:`plain`.
"""

from __future__ import annotations

import codecs
import re

__all__ = ["UTF16_MARKS", "lines_around", "plain", "plain_lines", "printable", "to_utf8"]

# ECMA-48: CSI sequences (colours, cursor), OSC and other strings up to their terminator, and two-byte
# escapes. Every part is bounded or excludes its own terminator, so a match costs what it covers.
_CONTROL_SEQUENCE = re.compile(
    r"\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"
    r"|\x1b[\]PX^_][^\x07\x1b\x9c\n]{0,4096}(?:\x07|\x1b\\|\x9c)"
    r"|\x1b[ -/]{0,8}[0-~]?"
    r"|\x9b[0-?]{0,64}[ -/]{0,8}[@-~]"
)

# What is left of C0, DEL and C1 after that, but for the tab; and the characters that reorder or hide text.
_CONTROL_CHARACTER = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

# The same but for the ends of lines: as text, and as bytes, which is far faster and does where nothing beyond
# ASCII is to be taken out.
_INSIDE_LINES = re.compile(_CONTROL_CHARACTER.pattern.replace("\x0a-\x1f", "\x0b\x0c\x0e-\x1f"))
_BEYOND_ASCII = re.compile(rb"\xc2[\x80-\x9f]|\xe2(?:\x80[\x8b-\x8f\xa8-\xae]|\x81[\xa0-\xa9])|\xef\xbb\xbf")
_ASCII = bytes(range(0x80))
_ASCII_INSIDE_LINES = bytes(code for code in (*range(0x20), 0x7F) if code not in b"\t\n\r")
_ASCII_SEQUENCE = re.compile(
    rb"\x1b(?:\[[0-?]{0,64}[ -/]{0,8}[@-~]|[\]PX^_][^\x07\x1b\n]{0,4096}(?:\x07|\x1b\\)|[ -/]{0,8}[0-~]?)"
)


def plain(data: bytes) -> str:
    """Decode one line of a log and take out all control sequences and control characters but tabs.

    Parameters
    ----------
    data
        A line, or part of one. Bytes that are not UTF-8 become U+FFFD. Of a line that was overwritten
        after bare carriage returns, the last text written is kept.
    """
    text = data.decode("utf-8", "replace")
    if text.isascii() and text.isprintable():
        return text
    text = _CONTROL_SEQUENCE.sub("", text).rstrip()
    if "\r" in text:
        text = text[text.rfind("\r") + 1 :]
    return _CONTROL_CHARACTER.sub("", text)


def plain_lines(data: bytes) -> bytes:
    """Take out of many lines what :func:`plain` takes out of one, to look for words in them.

    Parameters
    ----------
    data
        Whole lines of a log.

    Returns
    -------
    bytes
        As many lines. What was overwritten after bare carriage returns is still there, and these are, too;
        so a word that is not in a line here is not in what `plain` makes of the line.
    """
    if not data.isascii() and _BEYOND_ASCII.search(data.translate(None, _ASCII)):
        text = _CONTROL_SEQUENCE.sub("", data.decode("utf-8", "replace"))
        return _INSIDE_LINES.sub("", text).encode()
    shown = _ASCII_SEQUENCE.sub(b"", data) if b"\x1b" in data else data
    return shown.translate(None, _ASCII_INSIDE_LINES)


def lines_around(
    data: bytes, number: int, before: int, after: int, *, limit: int = 2000
) -> list[tuple[int, str]]:
    """The lines about line `number`, with their numbers.

    Parameters
    ----------
    data
        A log.
    number
        1-based, counted by line feeds.
    before, after
        How many more lines to give on either side, as far as there are any.
    limit
        Bytes of each line that are looked at.
    """
    first = max(number - before, 1)
    start = 0
    for _ in range(first - 1):
        start = data.find(b"\n", start) + 1
        if start == 0:
            return []
    found = []
    for current in range(first, number + after + 1):
        end = data.find(b"\n", start)
        stop = len(data) if end < 0 else end
        found.append((current, plain(data[start : min(stop, start + limit)])))
        if end < 0:
            break
        start = end + 1
    return found


UTF16_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def printable(name: str) -> str:
    """Return a file's name as text that can be printed and written.

    Bytes of a name that are no UTF-8 are lone surrogates in a Python string, which no encoder takes. They
    become U+FFFD; so this is what a file is called in words, and no name to open it by.
    """
    try:
        return name.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    except UnicodeEncodeError:
        # Half of a surrogate pair that stands for no byte.
        return name.encode("utf-8", "replace").decode("utf-8")


def to_utf8(data: bytes) -> bytes:
    """Return a text file's bytes in UTF-8, without a byte order mark.

    UTF-16 is told by its byte order mark, as PowerShell writes one. Bytes that are no valid UTF-16 for all
    that are returned as they are.
    """
    if data.startswith(codecs.BOM_UTF8):
        return data[len(codecs.BOM_UTF8) :]
    if not data.startswith(UTF16_MARKS):
        return data
    try:
        return data.decode("utf-16").encode()
    except UnicodeError:
        return data
