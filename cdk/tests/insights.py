"""Runs queries of CloudWatch Logs Insights on lines, as AWS's pages describe the few constructs that the saved queries use.

"CloudWatch Logs Insights language query syntax" (filter, fields, stats, sort, limit, dedup), "Supported operations and functions"
(ispresent, coalesce), "Fields in JSON logs" (nested members and places of a list are joined by dots). Everything else is refused,
so that no query is taken for tried that is not.
"""

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

Row = dict[str, Any]
Value = Callable[[Row], Any]

_TOKEN = re.compile(r'\s*("[^"]*"|@?[A-Za-z][\w.]*|\d+|!=|>=|<=|[()\[\],=<>*+-])')
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "max": lambda values: max(values, default=None),
    "min": lambda values: min(values, default=None),
}
_COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class UnknownConstruct(ValueError):
    """The query uses something that is not implemented here."""


def run(query: str, lines: Iterable[str]) -> list[Row]:
    """Returns the rows that the query shows of these lines, of which the first is the oldest."""
    rows = [
        {**flattened(json.loads(line)), "@timestamp": place} for place, line in enumerate(lines) if line.startswith("{")
    ]
    shown: list[str] | None = None
    deduplicated = False
    for command in (part.strip() for part in query.split("|")):
        name, _, rest = command.partition(" ")
        if deduplicated and name != "limit":
            raise UnknownConstruct(f"{name} after dedup, which AWS refuses")
        rows, fields = _command(name, _Tokens(rest), rows)
        shown = fields or shown
        deduplicated = deduplicated or name == "dedup"
    return [{field: row.get(field) for field in shown} if shown else row for row in rows]


def flattened(value: Any, name: str = "") -> Row:
    """Returns the fields that Insights discovers in a JSON line. A null is a field that is not there."""
    if isinstance(value, dict):
        members = value.items()
    elif isinstance(value, list):
        members = ((str(place), member) for place, member in enumerate(value))
    else:
        return {} if value is None else {name: value}
    return {key: found for part, member in members for key, found in flattened(member, f"{name}.{part}".lstrip(".")).items()}


def _command(name: str, tokens: "_Tokens", rows: list[Row]) -> tuple[list[Row], list[str] | None]:
    """Returns the rows after a command, and the fields that it shows from then on, if it says so."""
    if name == "filter":
        condition = tokens.condition()
        tokens.end()
        return [row for row in rows if condition(row)], None
    if name == "fields":
        named = tokens.listed(tokens.named)
        tokens.end()
        return [{**row, **{field: value(row) for field, value in named}} for row in rows], [field for field, _ in named]
    if name == "stats":
        return _stats(tokens, rows)
    if name == "sort":
        field, order = tokens.take(), tokens.take()
        tokens.end()
        if order not in ("asc", "desc"):
            raise UnknownConstruct(f"sort {field} {order}")
        return sorted(rows, key=lambda row: row[field], reverse=order == "desc"), None
    if name == "limit":
        most = int(tokens.take())
        tokens.end()
        return rows[:most], None
    if name == "dedup":
        field = tokens.take()
        tokens.end()
        seen: set[Any] = set()
        # A line without the field is no duplicate.
        return [row for row in rows if row.get(field) is None or not (row[field] in seen or seen.add(row[field]))], None
    raise UnknownConstruct(name)


def _stats(tokens: "_Tokens", rows: list[Row]) -> tuple[list[Row], list[str]]:
    aggregates = tokens.listed(tokens.aggregate)
    keys: list[str] = []
    if tokens.peek() == "by":
        tokens.take()
        keys = tokens.listed(tokens.take)
    tokens.end()
    groups: dict[tuple, list[Row]] = {}
    for row in rows:
        groups.setdefault(tuple(row.get(key) for key in keys), []).append(row)
    results = []
    for key, members in groups.items():
        result: Row = dict(zip(keys, key, strict=True))
        for field, value in aggregates:
            result[field] = value(members, result)
        results.append(result)
    return results, [*keys, *(field for field, _ in aggregates)]


class _Tokens:
    def __init__(self, text: str) -> None:
        self._left: list[str] = []
        position = 0
        while text[position:].strip():
            found = _TOKEN.match(text, position)
            if found is None:
                raise UnknownConstruct(text[position:])
            self._left.append(found[1])
            position = found.end()

    def peek(self) -> str | None:
        return self._left[0] if self._left else None

    def take(self, wanted: str | None = None) -> str:
        if not self._left or wanted not in (None, self._left[0]):
            raise UnknownConstruct(f"{self._left[:3]} where {wanted or 'more'} is expected")
        return self._left.pop(0)

    def end(self) -> None:
        if self._left:
            raise UnknownConstruct(" ".join(self._left))

    def listed(self, one: Callable[[], Any]) -> list[Any]:
        found = [one()]
        while self.peek() == ",":
            self.take()
            found.append(one())
        return found

    def condition(self) -> Callable[[Row], bool]:
        either = [self._both()]
        while self.peek() == "or":
            self.take()
            either.append(self._both())
        return lambda row: any(one(row) for one in either)

    def _both(self) -> Callable[[Row], bool]:
        every = [self._test()]
        while self.peek() == "and":
            self.take()
            every.append(self._test())
        return lambda row: all(one(row) for one in every)

    def _test(self) -> Callable[[Row], bool]:
        if self.peek() == "ispresent":
            self.take()
            field = self._in_brackets(self.take)
            return lambda row: row.get(field) is not None
        value, operator = self.value(), self.take()
        if operator == "in":
            self.take("[")
            wanted = [one({}) for one in self.listed(self.value)]
            self.take("]")
            return lambda row: value(row) in wanted
        if operator not in _COMPARISONS:
            raise UnknownConstruct(operator)
        compare, other = _COMPARISONS[operator], self.value()
        return lambda row: None not in (value(row), other(row)) and compare(value(row), other(row))

    def named(self) -> tuple[str, Value]:
        """Reads `FIELD` or `VALUE as FIELD`."""
        first = self.peek() or ""
        value = self.value()
        if self.peek() != "as":
            return first, value
        self.take()
        return self.take(), value

    def value(self) -> Value:
        token = self.take()
        if token.startswith('"'):
            return lambda row: token[1:-1]
        if token.isdigit():
            return lambda row: int(token)
        if self.peek() != "(":
            return lambda row: row.get(token)
        if token != "coalesce":
            raise UnknownConstruct(token)
        choices = self._in_brackets(lambda: self.listed(self.value))
        return lambda row: next((found for one in choices if (found := one(row)) is not None), None)

    def aggregate(self) -> tuple[str, Callable[[list[Row], Row], Any]]:
        """Reads `COUNT(FIELD) as NAME`, or a sum of names that come before it in the same command."""
        token = self.take()
        if token in _AGGREGATES and self.peek() == "(":
            field, calculate = self._in_brackets(self.take), _AGGREGATES[token]
            value = lambda rows, _: calculate(  # noqa: E731
                rows if field == "*" else [row[field] for row in rows if row.get(field) is not None]
            )
        else:
            value = self._sum(token)
        self.take("as")
        return self.take(), value

    def _sum(self, first: str) -> Callable[[list[Row], Row], Any]:
        terms = [("+", first)]
        while self.peek() in ("+", "-"):
            terms.append((self.take(), self.take()))

        def total(_rows: list[Row], result: Row) -> Any:
            values = [(sign, int(term) if term.isdigit() else result[term]) for sign, term in terms]
            if any(value is None for _, value in values):
                return None
            return sum(value if sign == "+" else -value for sign, value in values)

        return total

    def _in_brackets(self, inner: Callable[[], Any]) -> Any:
        self.take("(")
        found = inner()
        self.take(")")
        return found
