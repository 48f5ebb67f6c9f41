"""Prefixes that systems put before each line, one pattern each, with where it is known from.

``NL`` stands for the end of a line; blanks that would end a line are often trimmed, so an empty line may have
its prefix without them (that is what the group ``bare`` is for). The group ``name`` tells programs apart.

========== ===================================================== ==========================================
system     grammar of a prefix                                   known from
========== ===================================================== ==========================================
github-cli job TAB step TAB [BOM] stamp " "                      ``gh run view --log``
gitlab     stamp " " hex hex ("O" | "E") (" " | "+")             GitLab Runner, ``FF_TIMESTAMPS``: number and
                                                                 name of the stream; "+" goes on with the
                                                                 stream's last line
cri        stamp " " stream " " ("F" | "P") " "                  Kubernetes, CRI logging format: "P" for a
                                                                 part of a line, which the next one continues
syslog     stamp " " host " " program ["[" pid "]"] ": "         RFC 3164; ``journalctl``'s short formats
cloud-build "Step #" number [" - " DQUOTE id DQUOTE] ": "        Google Cloud Build, builds of several steps
tekton     "[" task " : " step "] "                              ``tkn pipelinerun logs``
act        "[" workflow "/" job "] " { " " } "| "                ``act``, GitHub's actions run locally
jenkins-branch "[" branch "] "                                   Jenkins Pipeline, parallel branches in
                                                                 copied consoles; ``tkn taskrun logs``
drone      "[" step ":" number "] "                              Drone's and Woodpecker's command lines
compose    [colour] service { " " } "|" [colour] " "             Docker Compose
git-remote "remote: "                                            git, what the other side prints while it
                                                                 receives a push (Heroku, Dokku)
buildkite  ESC "_bk;t=" milliseconds BEL                         Buildkite's agent, with ANSI timestamps
numbers    number (TAB | "|" | ": ")                             ``cat -n``, ``grep -n``, copied web pages
stamps     ["["] stamp ["]"] separator                           any of :mod:`.stamps`: GitHub's and Azure's
                                                                 runners, Jenkins's timestamper, ``ts``, Go
indent     blanks                                                copies in Markdown, ``sed 's/^/    /'``
========== ===================================================== ==========================================

CodeBuild prints ``[Container] 2024/05/01 10:11:12 `` only before lines of its own agent, and Cloud Build in
one step and CircleCI print nothing before a program's lines: such logs hold the builder's text as it is.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from logparse.parser.wrappings.marks import COLOURS
from logparse.parser.wrappings.stamps import ISO, STAMPS

__all__ = ["SYSTEMS", "Prefix"]

_DIGITS = b"0123456789"
_LETTERS = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

_OR_BARE = rb"(?: |(?P<bare>(?=[\r\n]|\Z)))"
"""The blank at a prefix's end, which an empty line may miss."""

_BOM = rb"(?:\xef\xbb\xbf)?"


@dataclass(frozen=True, slots=True)
class Prefix:
    """What one system puts before lines.

    Parameters
    ----------
    system
        Its name here.
    probe
        Matches the whole of what stands before a builder's words, if it is this system's.
    pattern
        Gives the pattern of the system's prefixes, of a match of `probe`.
    begins
        The bytes with which one can begin, all if empty.
    weak
        Whether programs print the like: then only names in whose lines a builder speaks count.
    plain
        Whether it is so telling that a text without any builder's words is freed of it too.
    """

    system: str
    probe: re.Pattern[bytes]
    pattern: Callable[[re.Match[bytes]], re.Pattern[bytes]]
    begins: bytes = b""
    weak: bool = False
    plain: bool = False

    def name_of(self, match: re.Match[bytes], data: bytes) -> str:
        """What to call it: time stamps tell by their form whose they are."""
        if self.system != "stamps":
            return self.system
        if "zone" not in match.re.groupindex or match.group("zone") != b"Z":
            return "time-stamps"
        digits = len(match.group("fraction") or b"")
        if digits == 3 and match.group("open") == b"[":  # noqa: PLR2004 - milliseconds
            return "jenkins-timestamper"
        if digits == 7:  # noqa: PLR2004 - .NET's ticks
            return "azure-pipelines" if b"##[section]" in data[: 1 << 16] else "github-actions"
        return "time-stamps"


def _fixed(
    system: str, pattern: bytes, *, begins: bytes = b"", weak: bool = False, plain: bool = False
) -> Prefix:
    compiled = re.compile(pattern)
    return Prefix(system, compiled, lambda _: compiled, begins, weak, plain)


def _stamps(body: bytes) -> Prefix:
    """Stamps with whatever is around them: which brackets and separator it is, the builder's lines tell."""
    probe = re.compile(
        rb"(?P<open>[\[(]?)" + body + rb"(?P<close>[\])]?)(?P<tail>[ \t]{0,2}(?:[|:>-][ \t]{0,2})?)(?<=\W)"
    )

    def pattern(match: re.Match[bytes]) -> re.Pattern[bytes]:
        before, close = re.escape(match.group("open")), re.escape(match.group("close"))
        return re.compile(before + body + close + _tail(match.group("tail")))

    # Those with a date alone are telling enough without a builder's words.
    begins = _LETTERS if body.startswith((b"[", b"(?P<name_of_month>")) else _DIGITS
    return Prefix("stamps", probe, pattern, b"[(" + begins, plain=b"<day>" in body)


def _indent() -> Prefix:
    return Prefix(
        "indent", re.compile(rb"[ \t]{1,80}"), lambda match: re.compile(re.escape(match.group())), b" \t"
    )


def _numbers() -> Prefix:
    probe = re.compile(rb"[ \t]{0,8}(?P<counter>\d{1,7})(?P<tail>[ \t]{0,2}(?:[|:][ \t]{0,2})?)(?<=\D)")

    def pattern(match: re.Match[bytes]) -> re.Pattern[bytes]:
        return re.compile(rb"[ \t]{0,8}(?P<counter>\d{1,7})" + _tail(match.group("tail")))

    return Prefix("numbers", probe, pattern, b" \t" + _DIGITS)


def _tail(tail: bytes) -> bytes:
    """What separates a prefix from its line, and what is left of it where the line is empty."""
    short = tail.rstrip()
    if short == tail:
        return re.escape(tail)
    return rb"(?:" + re.escape(tail) + rb"|" + re.escape(short) + rb"(?P<bare>(?=[\r\n]|\Z)))"


SYSTEMS: tuple[Prefix, ...] = (
    _fixed(
        "github-cli",
        # A job is not named like what a system around this one puts there.
        rb"(?P<name>(?!\[?\d{4}[-/]\d\d[-/]\d\d|\d\d:\d\d:\d\d\b|[A-Z][a-z]{2} [ 0-3]\d \d\d:\d\d|\x1b_bk"
        rb"|remote: )[^\t\n]{1,160}\t[^\t\n]{1,160})\t" + _BOM + ISO + _OR_BARE,
        plain=True,
    ),
    _fixed("gitlab", ISO + rb" (?P<stream>[0-9a-f]{2}[OE])(?P<joined>[ +])", begins=_DIGITS, plain=True),
    _fixed(
        "cri",
        ISO + rb" (?P<stream>stdout|stderr) (?P<partial>[FP])(?::[^\s:]{1,16}){0,4}" + _OR_BARE,
        begins=_DIGITS,
        plain=True,
    ),
    *(
        _fixed(
            "syslog",
            # No host is named like a stream of GitLab's, or like a step of Cloud Build's.
            stamp
            + rb" (?P<name>(?![0-9a-f]{2}[OE] |Step #)[\w.-]{1,64} [^\s:\[\]]{1,64}(?:\[\d{1,9}\])?):"
            + _OR_BARE,
            begins=begins,
        )
        for stamp, begins in ((STAMPS["month"], _LETTERS), (ISO, _DIGITS))
    ),
    _fixed(
        "cloud-build",
        rb"(?P<name>Step #\d{1,4}(?: - \"[^\"\n]{1,128}\")?):" + _OR_BARE,
        begins=b"S",
    ),
    _fixed(
        "tekton",
        rb"[ \t]{0,8}\[(?P<name>[a-z0-9.-]{1,128} : [a-z0-9.-]{1,128})\]" + _OR_BARE,
        begins=b" \t[",
    ),
    _fixed("act", rb"\[(?P<name>[^\]\n]{1,128})\] {1,32}\|" + _OR_BARE, begins=b"["),
    _fixed("drone", rb"\[(?P<name>[^\]:\n]{1,64}):(?P<counter>\d{1,7})\]" + _OR_BARE, begins=b"[", weak=True),
    *(_stamps(body) for body in STAMPS.values()),
    _fixed(
        "jenkins-branch",
        rb"\[(?!\d{1,4}/\d{1,4}\]|Pipeline\])(?P<name>[^\]\[\n\r\x1b]{1,64})\]" + _OR_BARE,
        begins=b"[",
        weak=True,
    ),
    _fixed(
        "compose",
        COLOURS + rb"(?P<name>[A-Za-z0-9][\w.-]{0,63}) {0,32}\|(?:\x1b\[[0-9;]{0,16}m){0,2}" + _OR_BARE,
        weak=True,
    ),
    _fixed("git-remote", rb"remote:" + _OR_BARE, begins=b"r"),
    _fixed("buildkite", rb"\x1b_bk;t=(?P<epoch>\d{13})\x07", begins=b"\x1b", plain=True),
    _numbers(),
    _indent(),
)
