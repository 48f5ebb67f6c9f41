"""Which instruction of a Dockerfile a step is, and which of their characters are the same ones."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from logparse.dockerfile.reading import Dockerfile, Instruction
from logparse.model import FailedCommand, Step, base_image

__all__ = ["Match", "match"]

_BARE = re.compile(r"[^\s\\]")
"""What of a text all builders print as it stands."""
_FILLED_IN = re.compile(r"\$(?:\{[^{}]{0,512}\}|\w{1,128})")
_SUMMARY = re.compile(
    r"(?P<head>.{0,16384}?<<-?[\"']?\w{1,128}[\"']?)\s{1,16}\((?P<first>.{0,512}?)\.\.\.\)\Z", re.DOTALL
)
_ALIKE, _AHEAD = 0.75, 0.1
"""Share of words in common by which two instructions are the same one, and how far others must be behind."""
_QUOTES = str.maketrans("", "", "'\"")
_FEWEST = 8
"""Characters that an instruction must have beside its variables to be found by them."""
_SHORTEST = 12
"""Characters of an instruction by which it is known where the rest was cut off."""
_WORDS = 4000
_TEXT = 1 << 16


@dataclass(frozen=True, slots=True)
class Match:
    """A step and its instruction.

    `here` and `there` are where the bare characters of the two texts are, and `blocks` which stretches of
    those agree, in order: where in the one, where in the other, and how many.
    """

    instruction: Instruction
    here: Sequence[int]
    there: Sequence[int]
    blocks: Sequence[tuple[int, int, int]]

    def span(self, command: FailedCommand) -> tuple[int, int] | None:
        """Where in the Dockerfile a command stands, ``None`` if that cannot be told."""
        if command.start is None or command.end is None:
            return self._of_text(command.text)
        first = bisect_right(self.here, command.start - 1)
        last = bisect_right(self.here, command.end - 1) - 1
        begin, end = self._at(first, following=False), self._at(last, following=True)
        if first > last or begin is None or end is None or begin > end:
            return None
        return self.instruction.places[self.there[begin]], self.instruction.places[self.there[end]] + 1

    def _at(self, index: int, *, following: bool) -> int | None:
        """The instruction's bare character for one of the step's; between two blocks, the end of the gap."""
        before: tuple[int, int, int] | None = None
        for block in self.blocks:
            if block[0] <= index < block[0] + block[2]:
                return block[1] + index - block[0]
            if block[0] > index:
                if following:
                    return block[1] - 1
                break
            before = block
        if following:
            return len(self.there) - 1
        return before[1] + before[2] if before is not None else None

    def _of_text(self, text: str) -> tuple[int, int] | None:
        """Where a text that is not in the step's stands in the instruction, if it is there once."""
        start = self.instruction.text.find(text) if text else -1
        if start < 0 or self.instruction.text.find(text, start + 1) >= 0:
            return None
        places = self.instruction.places
        return places[start], places[start + len(text) - 1] + 1


def _bare(text: str) -> tuple[str, list[int]]:
    places = [match.start() for match in _BARE.finditer(text, 0, _TEXT)]
    return "".join(text[place] for place in places), places


def match(step: Step, dockerfile: Dockerfile) -> Match | None:
    """The instruction that a step is, if there is just one that it can be."""
    same = [one for one in dockerfile.instructions if one.keyword == step.instruction]
    text, here = _bare(_compared(step.text))
    summary = _SUMMARY.match(step.text)
    if summary is not None:
        text, here = _bare(summary["head"])
        same = [one for one in same if _begins(one, dockerfile, summary["first"])]
    bare = [(one, *_bare(_compared(one.text))) for one in same]
    equal = [(one, there, [(0, 0, len(text))]) for one, other, there in bare if other == text]
    if not equal:
        filled = ((one, there, _filled_in(_compared(one.text), text)) for one, _, there in bare)
        equal = [(one, there, blocks) for one, there, blocks in filled if blocks]
    if not equal:
        # BuildKit leaves out the quotes of a here-document's word.
        plain = text.translate(_QUOTES)
        alike = [(one, there) for one, other, there in bare if other.translate(_QUOTES) == plain]
        equal = [(one, there, _common(step.text, one.text)) for one, there in alike]
    if not equal and len(text) >= _SHORTEST:
        # A terminal that was too narrow for it.
        equal = [(one, there, [(0, 0, len(text))]) for one, other, there in bare if other.startswith(text)]
    if not equal and (likest := _alike(step, same, dockerfile)) is not None:
        equal = [(likest, _bare(likest.text)[1], _common(step.text, likest.text))]
    chosen = _only([one for one, _, _ in equal], step)
    if chosen is None:
        return None
    there, blocks = next((there, blocks) for one, there, blocks in equal if one is chosen)
    return Match(chosen, here, there, blocks)


_IMPLIED = re.compile(r"\A(?:docker\.io/)?(?:library/)?|(?::latest)?(?:@sha256:[0-9a-f]{0,64})?\Z")


def _compared(text: str) -> str:
    """What an instruction is known by: of a ``FROM`` the image, without what BuildKit adds to its name."""
    if not text.startswith("FROM "):
        return text
    return _IMPLIED.sub("", base_image(text.partition(" ")[2]))


def _begins(instruction: Instruction, dockerfile: Dockerfile, first: str) -> bool:
    """Whether an instruction's first here-document begins as a step's name says."""
    if not instruction.documents:
        return False
    start, end = instruction.documents[0]
    return dockerfile.text[start:end].lstrip().startswith(first.strip())


def _only(found: Sequence[Instruction], step: Step) -> Instruction | None:
    """The one of several equal instructions that a step can only be; ``None`` if it may be more than one."""
    left = list(found)
    for holds in (_of_stage, _on_line, _of_number, _of_layer):
        left = [one for one in left if holds(one, step)] or left
    return left[0] if len(left) == 1 else None


_UNNAMED = re.compile(r"stage-(\d{1,6})\Z")
"""How BuildKit calls a stage without a name, by its number."""


def _of_stage(instruction: Instruction, step: Step) -> bool:
    if step.stage_name is None:
        return False
    if instruction.stage_name is not None:
        return instruction.stage_name.lower() == step.stage_name.lower()
    unnamed = _UNNAMED.match(step.stage_name)
    return unnamed is not None and int(unnamed[1]) == instruction.stage


def _on_line(instruction: Instruction, step: Step) -> bool:
    return step.lines is not None and instruction.first_line == step.lines[0]


def _of_number(instruction: Instruction, step: Step) -> bool:
    return (instruction.number, instruction.stage) == (step.number, step.stage)


def _of_layer(instruction: Instruction, step: Step) -> bool:
    return (instruction.layer, instruction.stage) == (step.number, step.stage)


def _filled_in(text: str, printed: str) -> list[tuple[int, int, int]]:
    """How a text with variables agrees with one in which they were filled in; empty if it does not.

    `printed` has bare characters only.
    """
    variables = [found.span() for found in _FILLED_IN.finditer(text, 0, _TEXT)]
    if not variables:
        return []
    blocks: list[tuple[int, int, int]] = []
    place = there = start = 0
    for first, behind in [*variables, (len(text), len(text))]:
        literal = _bare(text[start:first])[0]
        if first == len(text):
            begin = max(place, len(printed) - len(literal))
        else:
            begin = printed.find(literal, place) if start else 0
        if begin < 0 or not printed.startswith(literal, begin):
            return []
        blocks.append((begin, there, len(literal)))
        place = begin + len(literal)
        there += len(literal) + len(_bare(text[first:behind])[0])
        start = behind
    if place < len(printed):
        return []
    return blocks if sum(size for _, _, size in blocks) >= _FEWEST else []


def _alike(step: Step, instructions: Sequence[Instruction], dockerfile: Dockerfile) -> Instruction | None:
    """The instruction that has most words in common with a step, if these are enough and clearly most.

    Of the part of a Dockerfile that a log repeats, the one on the step's line is meant, whatever it says.
    """
    if not dockerfile.whole:
        return next((one for one in instructions if _on_line(one, step)), None)
    words = Counter(step.text[:_TEXT].split()[:_WORDS])
    scores = []
    for one in instructions:
        others = Counter(one.text[:_TEXT].split()[:_WORDS])
        shared = sum((words & others).values())
        scores.append((2 * shared / max(1, words.total() + others.total()), one.number, one))
    scores.sort(key=lambda score: (-score[0], score[1]))
    if not scores or scores[0][0] < _ALIKE:
        return None
    return scores[0][2] if len(scores) == 1 or scores[0][0] - scores[1][0] >= _AHEAD else None


def _common(text: str, other: str) -> list[tuple[int, int, int]]:
    """Stretches of bare characters that two texts have in common, found word by word."""
    words, others = text.split()[:_WORDS], other.split()[:_WORDS]
    ends, other_ends = _ends(words), _ends(others)
    blocks = SequenceMatcher(None, words, others).get_matching_blocks()
    return [(ends[a], other_ends[b], ends[a + size] - ends[a]) for a, b, size in blocks if size]


def _ends(words: Sequence[str]) -> list[int]:
    """How many bare characters stand before each word, and behind the last."""
    ends = [0]
    for word in words:
        ends.append(ends[-1] + len(_bare(word)[0]))
    return ends
