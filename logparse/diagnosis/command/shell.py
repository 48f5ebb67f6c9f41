"""Reading a shell script: which commands it has, where, and how they are joined.

The reading is tree-sitter's, by its grammar of bash, which takes in what ``sh`` knows. Of a text that is no
such script, or goes beyond the bounds below, there are fewer and larger commands, and never an error.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from logparse.diagnosis.command.pieces import pieces
from logparse.diagnosis.command.script import Command, Join, Node, Options, Script
from logparse.diagnosis.command.words import program, script_word, unquoted

if TYPE_CHECKING:
    from tree_sitter import Node as Tree
    from tree_sitter import Parser

__all__ = ["LONGEST", "read_script"]

LONGEST = 1 << 14
"""Characters of a script that are read; what is beyond them counts as one command. The grammar's parser takes
time that grows with the square of some texts."""
_DEEPEST = 24
"""Statements inside of each other. What is deeper counts as one command."""
_SCRIPTS = 2
"""Scripts inside of each other, as in ``bash -c 'sh -c "..."'``."""
_WORDS = 32
"""Words that are told apart in a stretch that is not understood."""

_REDIRECTIONS = frozenset({"file_redirect", "heredoc_redirect", "herestring_redirect"})
_NO_WORDS = _REDIRECTIONS | {"variable_assignment", "comment"}
_ASSIGNMENTS = frozenset({"variable_assignment", "variable_assignments"})
_EXPRESSIONS = frozenset({"binary_expression", "parenthesized_expression", "unary_expression"})
_SUBSTITUTIONS = frozenset({"command_substitution", "process_substitution"})
_OPERATORS = frozenset({"!", "&&", "|", "|&", "||"})
_COMPOUND = frozenset({
    "c_style_for_statement", "case_statement", "compound_statement", "for_statement", "function_definition",
    "if_statement", "subshell", "while_statement",
})  # fmt: skip
_STATEMENTS = _COMPOUND | {
    "command", "declaration_command", "list", "negated_command", "pipeline", "redirected_statement",
    "test_command", "unset_command", "variable_assignment", "variable_assignments",
}  # fmt: skip
_CONTAINERS = frozenset({"heredoc_redirect", "list", "negated_command", "pipeline"})


@cache
def _parser() -> Parser:
    # The two are imported for builds that failed at a shell's command, and for no others.
    import tree_sitter_bash  # noqa: PLC0415
    from tree_sitter import Language, Parser  # noqa: PLC0415

    return Parser(Language(tree_sitter_bash.language()))


def read_script(
    text: str,
    options: Options | None = None,
    *,
    script: str | None = None,
    places: Sequence[int] | None = None,
) -> Script:
    """Read a shell script.

    Parameters
    ----------
    text
        Any text.
    options
        What the shell is started with, as in ``bash -eo pipefail -c``.
    script
        The script, where that is only a part of the text, or stands in it with other quotes.
    places
        Where in the text each character of `script` is.
    """
    commands: list[Command] = []
    root = _script(_Text(text if script is None else script, places), commands, depth=0)
    order = sorted(range(len(commands)), key=lambda index: (commands[index].start, -commands[index].end))
    place = {index: number for number, index in enumerate(order)}
    left = [root]
    while left:
        node = left.pop()
        node.command = place.get(node.command, -1)
        left.extend(node.parts)
    in_order = tuple(replace(commands[index], index=place[index]) for index in order)
    return Script(text, root, in_order, options or Options())


class _Text:
    """A script, and where each of its characters is in the outermost one."""

    __slots__ = ("_places", "text")

    def __init__(self, text: str, places: Sequence[int] | None = None) -> None:
        self.text = text
        self._places = places

    def place(self, index: int) -> int:
        if not self._places:
            return index
        return self._places[index] if index < len(self._places) else self._places[-1] + 1

    def end(self, index: int) -> int:
        """Where what ends before `index` ends."""
        return self.place(index - 1) + 1 if index else self.place(0)


def _script(text: _Text, commands: list[Command], depth: int) -> Node:
    """The tree of a script; its commands are added to `commands`."""
    end = len(text.text)
    if end <= LONGEST:
        return _sequence(_stretch(text, 0, end, commands, depth))
    # Nobody can say how the rest is joined to what is read: either may end the script.
    cut = max(text.text.rfind(mark, LONGEST // 2, LONGEST) for mark in ("&&", ";", "\n"))
    cut = cut if cut > 0 else LONGEST
    read = _sequence(_stretch(text, 0, cut, commands, depth))
    begin = end - len(text.text[cut:].lstrip("&|; \t\r\n"))
    return Node(Join.LIST, (read, _opaque(text, begin, end, commands)), ("&&",))


def _stretch(text: _Text, start: int, end: int, commands: list[Command], depth: int) -> list[Node]:
    """The statements of a part of a script."""
    whole = _Reader(text, start, end, commands, depth)
    if whole.understood:
        return whole.statements()
    # What can be told apart is read alone, so that one odd command leaves the others as they are.
    nodes: list[Node] = []
    items: list[tuple[str, Node]] = []
    cut = list(pieces(text.text, start, end))
    for operator, first, last in cut:
        part = _Reader(text, first, last, commands, depth) if len(cut) > 1 else whole
        node = _sequence(part.statements()) if part.understood else _opaque(text, first, last, commands)
        if operator == ";":
            nodes += _joined(items)
            items = []
        items.append((operator, node))
    return nodes + _joined(items)


def _opaque(text: _Text, start: int, end: int, commands: list[Command]) -> Node:
    """A stretch as one command, for want of knowing better."""
    piece = text.text[start:end]
    start += len(piece) - len(piece.lstrip())
    end = max(start, end - len(piece) + len(piece.rstrip()))
    words = tuple(map(unquoted, text.text[start : min(end, start + LONGEST)].split(None, _WORDS)[:_WORDS]))
    return _add(text, start, end, words, commands)


def _add(
    text: _Text,
    start: int,
    end: int,
    words: tuple[str, ...],
    commands: list[Command],
    *,
    starts_script: bool = False,
) -> Node:
    index = len(commands)
    name, arguments = program(words)
    commands.append(Command(index, text.place(start), text.end(end), words, name, arguments, starts_script))
    return Node(Join.COMMAND, command=index)


def _sequence(nodes: Sequence[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Node(Join.SEQUENCE, tuple(nodes))


def _joined(items: Sequence[tuple[str, Node]]) -> list[Node]:
    """One node of statements, each given with the operators before it: ``|`` binds first, then ``!``."""
    pipes: list[tuple[str, list[Node]]] = []
    for operator, node in items:
        if operator == "|" and pipes:
            pipes[-1][1].append(node)
        else:
            pipes.append((operator, [node]))
    parts: list[Node] = []
    for operator, nodes in pipes:
        node = nodes[0] if len(nodes) == 1 else Node(Join.PIPE, tuple(nodes))
        parts.append(Node(Join.NOT, (node,)) if operator.count("!") % 2 else node)
    if len(parts) <= 1:
        return parts
    return [Node(Join.LIST, tuple(parts), tuple(operator[:2] for operator, _ in pipes[1:]))]


class _Reader:
    """Turns the grammar's tree of one stretch into nodes."""

    def __init__(self, text: _Text, start: int, end: int, commands: list[Command], depth: int) -> None:
        self._text = text
        self._start = start
        self._commands = commands
        self._depth = depth
        # Each character that UTF-8 cannot write becomes one that it can: all offsets stay.
        data = text.text[start:end].encode("utf-8", "replace")
        self._size = len(data)
        self._begins: list[int] | None = None
        if len(data) != end - start:
            self._begins = [at for at, byte in enumerate(data) if byte & 0xC0 != 0x80]  # noqa: PLR2004
        self._root = _parser().parse(data).root_node
        self.understood = not self._root.has_error

    def _at(self, offset: int) -> int:
        """The character of the script to which a byte of the stretch belongs."""
        if self._begins is not None:
            offset = bisect_right(self._begins, offset) - (offset < self._size)
        return self._start + offset

    def _source(self, tree: Tree) -> str:
        return self._text.text[self._at(tree.start_byte) : self._at(tree.end_byte)]

    def statements(self) -> list[Node]:
        """What the stretch is made of."""
        return self._statements(self._root, 0)

    def _statements(self, tree: Tree, depth: int) -> list[Node]:
        nodes: list[Node] = []
        for child in tree.children:
            if child.type == "&" and nodes:
                nodes[-1] = Node(Join.BACKGROUND, (nodes[-1],))
            elif child.type in _STATEMENTS:
                nodes.append(self._statement(child, depth + 1))
        return nodes

    def _statement(self, tree: Tree, depth: int) -> Node:
        if depth > _DEEPEST:
            start, end = self._at(tree.start_byte), self._at(tree.end_byte)
            return _opaque(self._text, start, end, self._commands)
        return _joined(self._items(tree, depth))[0]

    def _items(self, tree: Tree, depth: int) -> list[tuple[str, Node]]:
        """What a list or a pipe is made of, each part with the operators before it; of others, themselves.

        The grammar's own nesting is not kept: it does not always bind ``|`` before ``||``, takes ``!`` for
        the first command's alone, puts all of a list inside of a redirection that is its last command's, and
        what follows a here-document's word on its line inside of that.
        """
        items: list[tuple[str, Node]] = []
        operator = kind = ""
        left: list[Tree | int] = [tree]
        while left:
            one = left.pop()
            if isinstance(one, int):
                # The redirections of a group belong to no command of it.
                if kind not in _COMPOUND:
                    self._extend(items[-1][1], one)
            elif one.type in _OPERATORS:
                operator += "|" if one.type == "|&" else one.type
            elif one.type == "redirected_statement" and one.child_by_field_name("body") is not None:
                body, *redirections = one.children
                left += [*reversed(redirections), _redirection_end(one), body]
            elif one.type in _CONTAINERS:
                left += reversed(one.children)
            elif one.type in _STATEMENTS:
                items.append((operator, self._single(one, depth)))
                operator, kind = "", one.type
        return items

    def _extend(self, node: Node, end: int) -> None:
        """Let the last command of `node` take in the redirections behind it, which end at a byte."""
        if end and node.command >= 0:
            command = self._commands[node.command]
            last = max(command.end, self._text.end(self._at(end)))
            self._commands[node.command] = replace(command, end=last)

    def _single(self, tree: Tree, depth: int) -> Node:
        kind = tree.type
        if kind == "if_statement":
            return self._if(tree, depth)
        if kind in {"while_statement", "for_statement", "c_style_for_statement"}:
            return self._loop(tree, depth)
        if kind == "case_statement":
            branches = [child for child in tree.children if child.type == "case_item"]
            return Node(Join.CASE, tuple(self._inner(branch, depth) for branch in branches))
        if kind == "function_definition":
            name = tree.child_by_field_name("name")
            word = "" if name is None else self._source(name)
            return Node(Join.FUNCTION, (self._inner(tree, depth),), name=word)
        if kind == "compound_statement" and tree.children[0].type == "{":
            return self._inner(tree, depth)
        if kind == "subshell":
            return Node(Join.SUBSHELL, (self._inner(tree, depth),))
        return self._command(tree, depth)

    def _inner(self, tree: Tree, depth: int) -> Node:
        return _sequence(self._statements(tree, depth))

    def _if(self, tree: Tree, depth: int) -> Node:
        parts: list[list[Node]] = [[]]
        left = list(reversed(tree.children))
        while left:
            child = left.pop()
            if child.type in {"elif_clause", "else_clause"}:
                left.extend(reversed(child.children))
            elif child.type in {"then", "elif", "else"}:
                parts.append([])
            elif child.type in _STATEMENTS:
                parts[-1].append(self._statement(child, depth + 1))
        return Node(Join.IF, tuple(map(_sequence, parts)))

    def _loop(self, tree: Tree, depth: int) -> Node:
        condition: list[Node] = []
        body: list[Node] = []
        for child in tree.children:
            if child.type in {"do_group", "compound_statement"}:
                body += self._statements(child, depth)
            elif tree.type == "while_statement" and child.type in _STATEMENTS:
                condition.append(self._statement(child, depth + 1))
        return Node(Join.LOOP, (_sequence(condition), _sequence(body)))

    def _command(self, tree: Tree, depth: int) -> Node:
        start, end = self._at(tree.start_byte), self._at(tree.end_byte)
        trees = list(_words(tree))
        words = tuple(unquoted(self._source(word)) for word in trees)
        script = script_word(words) if self._depth < _SCRIPTS else None
        node = _add(self._text, start, end, words, self._commands, starts_script=script is not None)
        if script is not None:
            position, options = script
            word = trees[position]
            inner = _unwrapped(self._text, self._at(word.start_byte), self._at(word.end_byte))
            parts = (_script(inner, self._commands, self._depth + 1),)
            return Node(Join.SCRIPT, parts, command=node.command, options=options)
        node.parts = tuple(Node(Join.SUBSHELL, (self._inner(one, depth),)) for one in _substitutions(tree))
        return node


def _words(tree: Tree) -> Iterator[Tree]:
    """The words of a simple command, its name the first, and those of a test."""
    left = [] if tree.type in _ASSIGNMENTS else list(reversed(tree.children))
    while left:
        child = left.pop()
        if child.type in _EXPRESSIONS:
            left.extend(reversed(child.children))
        elif child.type not in _NO_WORDS:
            yield child


def _substitutions(tree: Tree) -> Iterator[Tree]:
    """What is substituted in the words of a command: the outermost substitutions."""
    left = list(reversed(tree.children))
    while left:
        child = left.pop()
        if child.type in _SUBSTITUTIONS:
            yield child
        elif child.type != "heredoc_redirect":
            left.extend(reversed(child.children))


def _redirection_end(tree: Tree) -> int:
    """The byte at which the redirections of a statement end: a here-document at its word."""
    end = 0
    for child in tree.children:
        if child.type == "heredoc_redirect":
            end = max([end, *(one.end_byte for one in child.children if one.type == "heredoc_start")])
        elif child.type in _REDIRECTIONS:
            end = max(end, child.end_byte)
    return end


def _unwrapped(text: _Text, start: int, end: int) -> _Text:
    """A quoted word as a script that knows where its characters stand."""
    source = text.text
    quote = source[start : start + 1]
    if quote in {"'", '"'} and end - start > 1 and source[end - 1] == quote:
        start, end = start + 1, end - 1
    kept: list[str] = []
    places: list[int] = []
    at = start
    while at < end:
        if quote != "'" and source[at] == "\\" and at + 1 < end and source[at + 1] in '\\"$`':
            at += 1
        kept.append(source[at])
        places.append(text.place(at))
        at += 1
    return _Text("".join(kept), places)
