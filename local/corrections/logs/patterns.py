"""CloudWatch Logs filter patterns: terms and JSON ("Filter pattern syntax for metric filters, … and filter log events").

Terms: all plain ones must occur, and none of those after ``-``; if there are only ``?`` terms, one of them must occur. A term
with anything but letters, digits and underscores is quoted; ``%…%`` is a regular expression. JSON:
``{ $.a.b[0] = "x*" && … }``.
"""

from __future__ import annotations

import fnmatch
import functools
import json
import re
from collections.abc import Callable

Match = Callable[[str], bool]

_TERM = re.compile(r'\s*([?-]?)("(?:[^"\\]|\\.)*"|%[^%]+%|\S+)')
_TOKEN = re.compile(
    r'\s*(&&|\|\||[()]|!=|<=|>=|=|<|>|"(?:[^"\\]|\\.)*"|\$(?:\.[\w-]+|\[\d+\]|\["[^"]+"\])*|[^\s()=<>!&|"]+)'
)
_STEP = re.compile(r'\.([\w-]+)|\[(\d+)\]|\["([^"]+)"\]')
_MISSING = object()


class InvalidPattern(ValueError):
    """A pattern that CloudWatch Logs refuses."""


@functools.lru_cache(maxsize=256)
def compiled(pattern: str) -> Match:
    """Returns the test of a message against a pattern."""
    text = pattern.strip()
    if not text:
        return lambda message: True
    if text.startswith("{"):
        if not text.endswith("}"):
            raise InvalidPattern(pattern)
        return _json(text[1:-1])
    if text.startswith("["):
        raise InvalidPattern(f"{pattern} (space-delimited patterns are not known here)")
    return _terms(text)


def extracted(pattern: str, message: str) -> dict[str, object]:
    """Returns the fields that a JSON pattern names, as far as the message has them: ``{"$.field": value}``."""
    try:
        document = json.loads(message) if pattern.strip().startswith("{") else None
    except ValueError:
        return {}
    found = {selector: _at(document, selector) for selector in _selectors(pattern)} if document is not None else {}
    return {selector: value for selector, value in found.items() if value is not _MISSING}


def _selectors(pattern: str) -> list[str]:
    return [token[1] for token in _TOKEN.finditer(pattern.strip()[1:-1]) if token[1].startswith("$")]


def _terms(text: str) -> Match:
    found: dict[str, list[Match]] = {"": [], "?": [], "-": []}
    position = 0
    while position < len(text):
        term = _TERM.match(text, position)
        if term is None:
            break
        position = term.end()
        found[term[1]].append(_term(term[2]))
    needed, optional, excluded = found[""], found["?"], found["-"]

    def matches(message: str) -> bool:
        if any(one(message) for one in excluded) or not all(one(message) for one in needed):
            return False
        return bool(needed or excluded or not optional) or any(one(message) for one in optional)

    return matches


def _term(term: str) -> Match:
    if term.startswith('"') and term.endswith('"') and len(term) > 1:
        wanted = re.sub(r"\\(.)", r"\1", term[1:-1])
        return lambda message: wanted in message
    if term.startswith("%") and term.endswith("%") and len(term) > 2:
        expression = re.compile(term[1:-1])
        return lambda message: expression.search(message) is not None
    if not re.fullmatch(r"\w+", term):
        raise InvalidPattern(term)
    return lambda message: term in message


def _json(text: str) -> Match:
    tokens, position = [], 0
    while text[position:].strip():
        token = _TOKEN.match(text, position)
        if token is None:
            raise InvalidPattern(text)
        tokens.append(token[1])
        position = token.end()
    condition = _any(tokens)
    if tokens:
        raise InvalidPattern(text)

    def matches(message: str) -> bool:
        try:
            document = json.loads(message)
        except ValueError:
            return False
        return isinstance(document, (dict, list)) and condition(document)

    return matches


def _any(tokens: list[str]):
    return _joined(tokens, "||", lambda: _joined(tokens, "&&", lambda: _one(tokens), all), any)


def _joined(tokens: list[str], operator: str, part, together):
    parts = [part()]
    while tokens and tokens[0] == operator:
        tokens.pop(0)
        parts.append(part())
    return lambda document: together(one(document) for one in parts)


def _one(tokens: list[str]):
    try:
        token = tokens.pop(0)
        if token == "(":
            inner = _any(tokens)
            if tokens.pop(0) != ")":
                raise InvalidPattern(token)
            return inner
        if not token.startswith("$"):
            raise InvalidPattern(token)
        operator = tokens.pop(0)
        if operator == "EXISTS":
            return lambda document: _at(document, token) is not _MISSING
        if operator == "NOT" and tokens.pop(0) == "EXISTS":
            return lambda document: _at(document, token) is _MISSING
        value = tokens.pop(0)
    except IndexError:
        raise InvalidPattern("incomplete") from None
    if operator == "IS":
        wanted = {"TRUE": True, "FALSE": False, "NULL": None}.get(value, _MISSING)
        return lambda document: _at(document, token) is wanted
    return lambda document: _compared(_at(document, token), operator, value)


def _at(document, selector: str):
    for name, index, quoted in _STEP.findall(selector):
        if index:
            document = document[int(index)] if isinstance(document, list) and int(index) < len(document) else _MISSING
        else:
            document = document.get(name or quoted, _MISSING) if isinstance(document, dict) else _MISSING
    return document


def _compared(value, operator: str, wanted: str) -> bool:
    if value is _MISSING or isinstance(value, (dict, list, bool)) or value is None:
        return False
    try:
        number = None if wanted.startswith('"') else float(wanted)
    except ValueError:
        number = None
    if number is not None and isinstance(value, (int, float)):
        return {
            "=": value == number,
            "!=": value != number,
            "<": value < number,
            ">": value > number,
            "<=": value <= number,
            ">=": value >= number,
        }[operator]
    if operator not in ("=", "!="):
        return False
    text = wanted[1:-1] if wanted.startswith('"') else wanted
    same = fnmatch.fnmatchcase(str(value), text.replace("[", "[[]").replace("?", "[?]"))
    return same if operator == "=" else not same
