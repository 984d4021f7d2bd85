"""Metric math, as far as this project's alarms need it.

"Using math expressions with CloudWatch metrics": numbers, ids, + - * /, comparisons, AND and OR, lists, and the functions FILL
(with a number or REPEAT), IF, MAX, METRICS, MIN and SUM. Anything else is refused, rather than computed wrongly.

A value is a number, a time series (data points by their time) or a list of time series. A missing point counts as 0 where
another series has one; a division by zero leaves the point out.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

Series = dict[float, float]
Value = float | Series | list[Series] | None

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*|\.\d+)|([A-Za-z_]\w*)|(\"[^\"]*\"|'[^']*')|(==|!=|<=|>=|&&|\|\||[-+*/<>(),\[\]]))")
_OPERATORS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": lambda a, b: a / b if b else None,
    **{
        sign: lambda a, b, compare=compare: float(compare(a, b))
        for sign, compare in (
            ("==", operator.eq), ("!=", operator.ne), ("<", operator.lt),
            ("<=", operator.le), (">", operator.gt), (">=", operator.ge),
        )
    },
    "AND": lambda a, b: float(bool(a) and bool(b)),
    "OR": lambda a, b: float(bool(a) or bool(b)),
}  # fmt: skip
_SAME = {"&&": "AND", "||": "OR"}
_PRECEDENCE = (("OR",), ("AND",), ("==", "!=", "<", "<=", ">", ">="), ("+", "-"), ("*", "/"))


class BadExpression(ValueError):
    """An expression that CloudWatch refuses, or that is beyond what is emulated here."""


@dataclass(frozen=True)
class Scope:
    """What an expression sees: ids, the request's metrics in order, and every time that can have a data point."""

    resolve: Callable[[str], Value]
    metrics: Mapping[str, Series]
    times: Sequence[float]


def evaluate(text: str, scope: Scope) -> Value:
    return _Parser(text).tree()(scope)


class _Parser:
    """Turns an expression into a function of its scope."""

    def __init__(self, text: str):
        self._tokens, place = [], 0
        while text[place:].strip():
            found = _TOKEN.match(text, place)
            if found is None:
                raise BadExpression(f"Unexpected character '{text[place:].strip()[0]}'")
            self._tokens.append(_SAME.get(found[0].strip(), found[0].strip()))
            place = found.end()

    def tree(self):
        found = self._binary(0)
        if self._tokens:
            raise BadExpression(f"Unexpected '{self._tokens[0]}'")
        return found

    def _binary(self, level: int):
        if level == len(_PRECEDENCE):
            return self._unary()
        left = self._binary(level + 1)
        while self._tokens and self._tokens[0] in _PRECEDENCE[level]:
            apply = _OPERATORS[self._tokens.pop(0)]
            left = lambda scope, a=left, b=self._binary(level + 1), apply=apply: _combined(apply, a(scope), b(scope))
        return left

    def _unary(self):
        if self._tokens[:1] == ["-"]:
            self._tokens.pop(0)
            negated = self._unary()
            return lambda scope: _combined(operator.sub, 0.0, negated(scope))
        return self._primary()

    def _primary(self):
        token = self._next()
        if token == "(":
            inner = self._binary(0)
            self._next(")")
            return inner
        if token == "[":
            items = self._arguments("]")
            return lambda scope: [series for item in items for series in _listed(item(scope))]
        if token[0] in "\"'":
            return lambda scope: token[1:-1]
        if token[0].isdigit() or token[0] == ".":
            return lambda scope: float(token)
        if self._tokens[:1] == ["("]:
            self._next()
            return _call(token, self._arguments(")"))
        if token[0].islower():
            return lambda scope: scope.resolve(token)
        if token == "REPEAT":
            return lambda scope: token
        raise BadExpression(f"Unexpected '{token}'")

    def _arguments(self, closing: str) -> list:
        if self._tokens[:1] == [closing]:
            self._next()
            return []
        found = [self._binary(0)]
        while (token := self._next()) == ",":
            found.append(self._binary(0))
        if token != closing:
            raise BadExpression(f"Expected '{closing}' instead of '{token}'")
        return found

    def _next(self, wanted: str | None = None) -> str:
        if not self._tokens:
            raise BadExpression("Unexpected end")
        token = self._tokens.pop(0)
        if wanted not in (None, token):
            raise BadExpression(f"Expected '{wanted}' instead of '{token}'")
        return token


def _call(name: str, arguments: list):
    if name not in _FUNCTIONS:
        raise BadExpression(f"The function {name} is not supported")
    function, least, most = _FUNCTIONS[name]
    if not least <= len(arguments) <= most:
        raise BadExpression(f"{name} takes {least} to {most} arguments")
    return lambda scope: function(scope, *(argument(scope) for argument in arguments))


def _combined(apply, a: Value, b: Value) -> Value:
    if isinstance(a, str) or isinstance(b, str):
        raise BadExpression("Text is no operand")
    if isinstance(a, list) and isinstance(b, list):
        raise BadExpression("An operator takes one list at most")
    if isinstance(a, list):
        return [_combined(apply, series, b) for series in a]
    if isinstance(b, list):
        return [_combined(apply, a, series) for series in b]
    if not isinstance(a, dict) and not isinstance(b, dict):
        return None if a is None or b is None else apply(a, b)
    times = sorted({time for value in (a, b) if isinstance(value, dict) for time in value})
    found = ((time, _combined(apply, _at(a, time), _at(b, time))) for time in times)
    return {time: value for time, value in found if value is not None}


def _at(value: Value, time: float) -> float | None:
    return value.get(time, 0.0) if isinstance(value, dict) else value


def _listed(value: Value) -> list[Series]:
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise BadExpression("A list holds time series")


def _fill(scope: Scope, value: Value, filler) -> Value:
    if isinstance(value, list):
        return [_fill(scope, series, filler) for series in value]
    if not isinstance(value, dict) or not (filler == "REPEAT" or isinstance(filler, float)):
        raise BadExpression("FILL takes time series, and a number or REPEAT")
    filled, last = {}, None if filler == "REPEAT" else filler
    for time in scope.times:
        if filler == "REPEAT":
            last = value.get(time, last)
        if time in value or last is not None:
            filled[time] = value.get(time, last)
    return filled


def _if(scope: Scope, condition: Value, then: Value, otherwise: Value = None) -> Value:
    if any(isinstance(value, list | str) for value in (condition, then, otherwise)):
        raise BadExpression("IF takes numbers and single time series")
    if not isinstance(condition, dict):
        chosen = then if condition else otherwise
        return {} if chosen is None else chosen
    found = {}
    for time, holds in condition.items():
        value = _at(then, time) if holds else otherwise.get(time) if isinstance(otherwise, dict) else otherwise
        if value is not None:
            found[time] = value
    return found


def _metrics(scope: Scope, part: str = "") -> Value:
    if not isinstance(part, str):
        raise BadExpression("METRICS takes a string")
    return [series for name, series in scope.metrics.items() if part in name]


def _aggregate(choose: Callable):
    """Returns a function that makes a number of one series, and one series of a list of them."""

    def aggregated(_: Scope, value: Value) -> Value:
        if isinstance(value, dict):
            return choose(value.values()) if value or choose is sum else None
        if not isinstance(value, list):
            raise BadExpression("Time series are expected")
        times = sorted({time for series in value for time in series})
        return {time: choose([series[time] for series in value if time in series]) for time in times}

    return aggregated


_FUNCTIONS: dict[str, tuple[Callable, int, int]] = {
    "FILL": (_fill, 2, 2),
    "IF": (_if, 2, 3),
    "MAX": (_aggregate(max), 1, 1),
    "METRICS": (_metrics, 0, 1),
    "MIN": (_aggregate(min), 1, 1),
    "SUM": (_aggregate(sum), 1, 1),
}
