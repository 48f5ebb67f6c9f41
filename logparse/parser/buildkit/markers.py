"""What BuildKit's plain display prints: every line that the parser knows, as patterns.

Each pattern is bounded, excludes its own terminator or repeats possessively, so matching costs what it
covers, whatever the bytes.
"""

from __future__ import annotations

import re

from logparse.model import Kind

__all__ = [
    "BLOCK",
    "CLOSING",
    "CLOSING_NEARBY",
    "CONTROL",
    "EXCERPT_END",
    "EXPORT",
    "FIRST",
    "GLUED_END",
    "HEADING",
    "KIND_OF_WORDS",
    "MARK",
    "RUN",
    "SIGN",
    "STEP",
    "SUMMARY_END",
    "TAIL",
    "TOKEN",
    "WORDS",
    "WORDS_LINE",
    "kind_of_status",
]

_SGR = rb"(?:\x1b\[[0-9;]{0,16}[mK]){0,4}"
_END = rb"(?:\n|\Z)"
_REST = rb"[^\n]*+" + _END
_EOL = rb"[ \t\r]{0,64}" + _END

# -- lines that begin with a vertex's number --------------------------------------------------------------

TOKEN = re.compile(
    rb"#(?P<number>\d{1,6}+) "
    # What a program printed begins with its clock. All lines of one vertex that follow each other are one.
    rb"(?:(?P<output>\d[^\n]*+" + _END + rb"(?:#(?P=number) \d" + _REST + rb")*+)"
    rb"|(?P<layers>(?:sha256:|extracting )[^\n]*+"
    + _END
    + rb"(?:#(?P=number) (?:sha256:|extracting )"
    + _REST
    + rb")*+)"
    rb"|(?P<rest>[^\n]*+)" + _END + rb")"
    rb"|(?P<gap>(?:(?!#\d{1,6}+ )[^\n]*+\n)++(?:(?!#\d{1,6}+ )[^\n]++\Z)?+|[^\n]++\Z)"
)
"""The next thing in a log: lines of one vertex, or all lines up to the next one of a vertex."""

BLOCK = re.compile(
    rb"(?P<blank>\n*+)#(?P<number>\d{1,6}+) (?P<name>(?:\[|exporting to )[^\n]*+)\n"
    rb"(?P<context>(?:#(?P=number) transferring [^\n]*+\n)*+)"
    rb"(?P<progress>(?:#(?P=number) (?:sha256:[0-9a-f]{64} \d|extracting |resolve |exporting )[^\n]*+\n)*+)"
    rb"(?P<result>(?:#(?P=number) writing image [^\n]*+\n)*+)"
    rb"(?P<tag>(?:#(?P=number) naming to [^\n]*+\n)*+)"
    rb"(?P<output>(?:#(?P=number) \d[^\n]*+\n)*+)"
    rb"(?:#(?P=number) (?:(?P<done>DONE \d{1,7}\.\ds)|(?P<cached>CACHED)|(?P<going>\.\.\.))\r?+\n)?+"
)
"""All that a vertex says at once, in the common order: a shortcut, :data:`TOKEN` finds the same."""

MARK = re.compile(rb"#\d{1,6} (?:\d{1,7}\.\d{1,3}(?: |(?=\r?\n|\Z)))?")
"""What stands before each line of a program: the vertex and the seconds since that began."""

_NAME = (
    rb"(?:\[[^\n\[\]]{1,512}\] |FROM |exporting to |exporting cache|importing cache|resolve image config for "
    rb"|resolving provenance |docker-image://|local://|git://|https?://|copy /|merging |mkfile |mkdir "
    rb"|upload |building with )"
)
HEADING = re.compile(_NAME)
"""How names of vertices begin, as far as the builder itself gives them."""

SIGN = re.compile(
    rb"(?:\A|[\r\n])"
    + _SGR
    + rb"#\d{1,4} (?:\[(?:internal|auth|context)[ \]]|\[[^\n\[\]]{0,256}\d{1,4}/\d{1,4}\] [A-Z]"
    rb"|\[[^\n\[\]]{1,256} internal\] |building with \"|resolve image config for |DONE \d{1,7}\.\ds"
    rb"|CACHED\r?\n|transferring (?:context|dockerfile): \d|exporting to image)"
)
"""A line that only this display prints."""

FIRST = re.compile(rb"\n#\d{1,6} (?:" + _NAME + rb"|DONE |CACHED|CANCELED|ERROR: )")
"""The same, looked for fast: where none is, BuildKit did not speak."""

CONTROL = re.compile(
    rb"(?:(?P<going>\.\.\.)|(?P<done>DONE(?: \d{1,7}\.\ds)?)|(?P<cached>CACHED)|(?P<canceled>CANCELED))"
    rb"[ \t\r]{0,64}\Z|(?P<error>ERROR: )|(?P<warning>WARN(?:ING)?: )"
)
"""What becomes of a vertex, and what is said about it: the rest of a line behind the number."""

GLUED_END = re.compile(rb"#(\d{1,6}) (?:DONE(?: \d{1,7}\.\ds)?|CACHED)\r?\n?\Z")
"""The end of a vertex whose program did not end its last line, until BuildKit 0.10."""

STEP = re.compile(rb"\[ {0,8}(?:[^\s\[\]]{1,256} {1,4}){0,4}\d{1,6}/\d{1,6}\] ?")
EXPORT = re.compile(rb"(?:\[[^\n\[\]]{1,512}\] )?exporting to ")
"""Names of vertices with which a build ends."""
RUN = re.compile(STEP.pattern + rb"RUN\b")

_STATUS = re.compile(
    rb"(?P<context>transferring )|(?P<result>writing image )|(?P<tag>naming to )|(?P<push>pushing )"
    rb"|(?P<digest>sha256:[0-9a-f]{64}[ \t\r]{0,64}\Z)"
    rb"|(?P<event> {1,16}(?:digest|name|started|completed|duration|cached|error): )"
    rb"|(?P<progress>sha256:|extracting |resolve |exporting |unpacking |preparing |sending |done|storing "
    rb"|creating |pulling |inferred |importing |copying |mounting |writing |loading |reusing )"
)
_KINDS = {
    "context": Kind.CONTEXT,
    "result": Kind.RESULT,
    "tag": Kind.TAG,
    "push": Kind.PUSH,
    "digest": Kind.NOTE,
    "event": Kind.NOTE,
    "progress": Kind.PROGRESS,
}


def kind_of_status(rest: bytes) -> Kind | None:
    """What a line of a vertex is that is neither a program's nor says what became of the vertex."""
    found = _STATUS.match(rest)
    return _KINDS[found.lastgroup] if found is not None and found.lastgroup is not None else None


# -- other lines ------------------------------------------------------------------------------------------

_RULE = rb"-{20}" + _EOL
_FAILED = (
    rb"(?:failed to (?:solve|build)\b|executor failed running |failed to execute bake: "
    rb"|failed to receive status: |listing workers for Build: |failed to dial gRPC: )"
)
CLOSING = (
    rb"(?:(?:ERROR|error|Error): )?(?:target [^\s:]{1,128}: )?(?:failed to build: )?"
    + _FAILED
    + rb"|Check complete, \d|(?:ERROR: )?Service '[^'\n]{1,128}' failed to build ?: "
    rb"|ERROR: process \"[^\n]{1,4096}\" did not complete"
)
"""How the builder's closing words begin, wherever they stand."""

CLOSING_NEARBY = re.compile(
    _SGR + rb"(?:ERROR: |error: |Error response from daemon: |rpc error: |context canceled|failed to "
    rb"|unable to prepare context: |process \"|dockerfile parse error|target [^\s:]{1,128}: "
    rb"|unexpected EOF|error reading from server|error during connect: |unknown flag: )" + _REST
)
"""How they may begin right behind the last thing that a vertex said."""

_WORDS: tuple[tuple[str, bytes], ...] = (
    ("summary", rb"------" + _EOL + rb"(?: > |[ \t\r]*\n > )"),
    (
        "excerpt",
        rb"(?! )[^\n:]{1,512}:\d{1,7}" + _EOL + rb"(?:[ \t\r]{0,64}\n)?" + _RULE,
    ),
    ("rule", _RULE),
    ("closing", _SGR + rb"(?:" + CLOSING + rb")" + _REST),
    (
        "warning",
        rb"[ \t]{0,4}"
        + _SGR
        + rb"\d{1,5} warnings? found[^\n]*(?:\n|\Z)(?:(?:[ \t\r]*\n){0,2}"
        + _SGR
        + rb" - [A-Z][A-Za-z]{1,64}: "
        + _REST
        + rb")*+(?:\x1b\[0m)?",
    ),
    (
        "notice",
        rb"WARNING: No output specified"
        + _REST
        + rb"|WARNING: [A-Z][A-Za-z]{1,64}(?: - https?://[^\n]*+)?\n[^\n]++"
        + _END
        + rb"|WARN\[\d{4}\] "
        + _REST,
    ),
    (
        "note",
        _SGR
        + rb"(?:View build details: |time=\"[^\"\n]{1,64}\" level=|Check complete, |What's [Nn]ext"
        + rb"|Use 'docker scan' |Learn more about |    (?:View (?:a )?summary|View build details)"
        + rb"| {1,2}(?:Image|Service|Container|Network|Volume) \S{1,256} {1,2}[A-Z]|\[\+\] \w{1,32} \d)"
        + _REST,
    ),
    ("echo", rb"(?:\^C){1,16}(?=#\d{1,6} )"),
)
WORDS = re.compile(rb"|".join(b"(?P<%s>%s)" % (name.encode(), words) for name, words in _WORDS))
"""What the builder, its client or Compose say that begins with no vertex's number, at a line's start."""

# Each begins with a letter of its own, so that a line that is none of them is left at once.
_OPENINGS = (
    rb"------|\d{1,5} warnings? found|ERROR: |error: |Error: |target |failed to |executor failed "
    rb"|listing workers |Service '|Check complete, |WARNING: |WARN\[|View build details: |time=\""
    rb"|What's [Nn]ext|Use 'docker scan|Learn more about |\[\+\] |\^C"
)
WORDS_LINE = re.compile(
    rb"\n(?=(?:[ \t]{0,4}\x1b\[[0-9;]{0,16}[mK]){0,4}(?:"
    + _OPENINGS
    + rb"| {1,4}(?:\d{1,5} warnings? found|(?:Image"
    rb"|Service|Container|Network|Volume|View) )))"
)
"""A line that may be such words, or the rule around lines of a Dockerfile."""

KIND_OF_WORDS = {
    "summary": Kind.EXCERPT,
    "excerpt": Kind.EXCERPT,
    "rule": Kind.EXCERPT,
    "closing": Kind.FAILURE,
    "warning": Kind.WARNING,
    "notice": Kind.WARNING,
    "note": Kind.NOTE,
    "echo": Kind.UNKNOWN,
}

SUMMARY_END = re.compile(rb"\n------" + _EOL)
EXCERPT_END = re.compile(rb"\n" + _RULE)

TAIL = re.compile(
    rb"(?P<summary>------\n > [^\n]*+\n(?:(?!------" + _EOL + rb")[^\n]*+\n)*+------\n)?+"
    rb"(?P<excerpt>[^\n:# -][^\n:]{0,511}:\d{1,7}\n-{20}\n(?:(?!" + _RULE + rb")[^\n]*+\n)*+-{20}\n)?+"
    rb"(?P<closing>ERROR: failed to (?:solve|build): [^\n]*+\n)?+"
)  # fmt: skip
"""All that a build ends with that failed, in the common order: a shortcut, :data:`WORDS` finds the same."""
