"""Draws the state machine: statemachine/teardown.asl.json -> docs/teardown.svg.

    python3 statemachine/picture.py           writes the picture
    python3 statemachine/picture.py --check   fails when the picture is not the one of the definition

The main path runs from top to bottom, waits stand at its left, what leaves it and the abort path at its right. A Catch
to the state that most tasks fall back to, and the Retry that tasks share, are said once, in the note.
Colours are chosen to be read on a light and on a dark page. Standard library only.
"""

import json
import re
import sys
from collections import Counter
from html import escape
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEFINITION = ROOT / "statemachine" / "teardown.asl.json"
CONTRACT = ROOT / "statemachine" / "contract.json"
PICTURE = ROOT / "docs" / "teardown.svg"

STEP = 58  # from row to row
TOP = 46
WAIT_X, MAIN_X, SIDE_X = 212, 465, 750  # the columns' middles
WIDTH = 1000
LANES_X = 130  # the first lane of edges that skip rows, at the left; the next ones are further left
SIZE = {"Task": (150, 34), "Choice": (128, 28), "Wait": (150, 28), "Pass": (84, 26), "Succeed": (116, 32)}
SIZE["Fail"] = SIZE["Succeed"]
FILL = {"Task": "#fbe9d7", "Choice": "#eceff2", "Wait": "#e8eef7", "Pass": "#eceff2", "Succeed": "#dcefdc"}
FILL["Fail"] = "#f7dcdc"
EVENTS_FILL = "#e8eef7"  # a call of AWS's own, not of the step function
INK, GREY = "#1f2328", "#6e7781"


class Machine:
    def __init__(self, definition, contract):
        self.states, self.start = definition["States"], definition["StartAt"]
        # The first state that changes anything outside the teardown's own evidence.
        self.first_change = next(state["name"] for state in contract["states"] if state["effect"] != "nothing")
        self.abort = self._usual_catch()
        self.path = self._path()
        self.rows = self._rows()

    def kind(self, name):
        return self.states[name]["Type"]

    def edges(self, name):
        """Returns (target, label) of every edge that is no Catch."""
        state = self.states[name]
        found = [(choice["Next"], words(choice["Condition"])) for choice in state.get("Choices", [])]
        found += [(state["Default"], "else")] if "Default" in state else []
        return found + ([(state["Next"], "")] if "Next" in state else [])

    def catches(self, name):
        """Returns (target, label) of every Catch."""
        catches = self.states[name].get("Catch", [])
        return [(catch["Next"], ", ".join(catch["ErrorEquals"]).replace("States.ALL", "Catch")) for catch in catches]

    def _usual_catch(self):
        return Counter(target for name in self.states for target, _ in self.catches(name)).most_common(1)[0][0]

    def _path(self):
        """Goes from the start always on to what is new: the default first, never to a failure, nor to a wait that goes back."""
        path = [self.start]
        while True:
            targets = sorted(self.edges(path[-1]), key=lambda edge: edge[1] != "else")
            on = [t for t, _ in targets if t not in path and self.kind(t) != "Fail" and not self._goes_back(t, path)]
            if not on:
                return path
            path.append(on[0])

    def _goes_back(self, name, path):
        return self.kind(name) == "Wait" and self.states[name]["Next"] in path

    def _rows(self):
        """Returns column and row of every state."""
        at = {name: (MAIN_X, row) for row, name in enumerate(self.path)}
        for name in self.path:
            for target, _ in self.edges(name):
                column = WAIT_X if self.kind(target) == "Wait" else SIDE_X
                at.setdefault(target, (column, at[name][1]))
            for target, _ in self.catches(name):
                if target != self.abort:
                    at.setdefault(target, (SIDE_X, at[name][1]))
        (after,) = [target for target, _ in self.edges(self.abort)]
        at[self.abort] = (SIDE_X, at[after][1] - 2)
        lost = set(self.states) - set(at)
        if lost:
            sys.exit(f"no place in the picture for {', '.join(sorted(lost))}")
        return at


def words(condition):
    """Writes JSONata for people."""
    text = re.sub(r"\{%\s*|\s*%\}|\$states\.input\.|request\.", "", condition)
    return re.sub(r" = true|['\[\]]", "", text)


class Drawing:
    def __init__(self, machine):
        self.machine, self.lines, self.texts = machine, [], []
        self.lanes = []  # (first row, last row) by lane

    def middle(self, name):
        x, row = self.machine.rows[name]
        return x, TOP + row * STEP

    def side(self, name, where):
        """Returns the middle of a side: left, right, top or bottom."""
        (x, y), (width, height) = self.middle(name), SIZE[self.machine.kind(name)]
        dx, dy = {"left": (-1, 0), "right": (1, 0), "top": (0, -1), "bottom": (0, 1)}[where]
        return x + dx * width / 2, y + dy * height / 2

    def line(self, points, *, dashed=False):
        path = "M" + " L".join(f"{x:g} {y:g}" for x, y in points)
        self.lines.append(f'<path d="{path}"{DASH if dashed else ""}/>')

    def label(self, x, y, text, *, anchor="start"):
        if text:
            self.texts.append(f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>')

    def edges(self):
        for name in self.machine.states:
            for target, label in self.machine.edges(name):
                self.edge(name, target, label)
            for target, label in self.machine.catches(name):
                if target != self.machine.abort and target not in [t for t, _ in self.machine.edges(name)]:
                    self.caught(name, target, label)

    def edge(self, name, target, label):
        (x, row), (to_x, to_row) = self.machine.rows[name], self.machine.rows[target]
        if (x, to_x) == (MAIN_X, MAIN_X) and to_row == row + 1:
            (bx, by), end = self.side(name, "bottom"), self.side(target, "top")
            self.line([(bx, by), end])
            self.label(bx + 7, (by + end[1]) / 2 + 4, label)
        elif x == to_x == SIDE_X:
            self.line([self.side(name, "bottom"), self.side(target, "top")])
        elif (x, to_x) == (MAIN_X, MAIN_X) and to_row > row:
            self.skip(name, target, label)
        elif (x, to_x) == (MAIN_X, MAIN_X):
            self.back(name, target, label)
        elif x == MAIN_X:
            where, other = ("left", "right") if to_x < x else ("right", "left")
            start, end = self.side(name, where), self.side(target, other)
            self.line([start, end])
            self.label(end[0] + (14 if to_x < x else -14), start[1] - 6, label, anchor="start" if to_x < x else "end")
        elif x == WAIT_X:
            (tx, ty), (ex, ey) = self.side(name, "top"), self.side(target, "left")
            ey += 9 if self.arrivals(target) else 0
            self.line([(tx, ty), (tx, ey), (ex, ey)])
        elif to_row < row:  # a side state that goes back
            (tx, ty), end = self.side(name, "top"), self.side(target, "right")
            self.line([(tx, ty), (tx, end[1] - 8), (end[0], end[1] - 8)])
        else:  # a side state that goes on
            (bx, by), end = self.side(name, "bottom"), self.side(target, "right")
            self.line([(bx, by), (bx, end[1]), end])

    def skip(self, name, target, label):
        """Draws a line down a lane at the left, one that is free from row to row."""
        first, last = self.machine.rows[name][1], self.machine.rows[target][1]
        lane = next((i for i, taken in enumerate(self.lanes) if all(last < a or first > b for a, b in taken)), None)
        if lane is None:
            lane = len(self.lanes)
            self.lanes.append([])
        self.lanes[lane].append((first, last))
        x = LANES_X - 30 * lane
        leaves = [t for t, _ in self.machine.edges(name) if self.machine.rows[t] > (MAIN_X, first + 1)]
        waits = any(self.machine.kind(t) == "Wait" for t, _ in self.machine.edges(name))
        arrives = self.arrivals(target)
        (sx, sy), (ex, ey) = self.side(name, "left"), self.side(target, "left")
        # Beside a wait the line runs below it; several from one state, or to one, keep apart.
        nth = leaves.index(target)
        sy += 22 + 9 * nth if waits else 9 * nth - 4 * (len(leaves) > 1)
        ey += 8 * arrives.index(name) - 4 * (len(arrives) - 1) - 2
        bottom = MAIN_X - 26 - 12 * nth
        start = [(bottom, self.side(name, "bottom")[1]), (bottom, sy)] if waits else [(sx, sy)]
        self.line([*start, (x, sy), (x, ey), (ex, ey)])
        below = nth > 0 or (waits and len(leaves) == 1)
        self.label(MAIN_X - 72, sy + (13 if below else -5), label, anchor="end")

    def arrivals(self, name):
        """Lists the states whose edges skip rows to this one."""
        row = self.machine.rows[name][1]
        path = self.machine.path
        return [n for n in path for t, _ in self.machine.edges(n) if t == name and self.machine.rows[n][1] < row - 1]

    def back(self, name, target, label):
        (sx, sy), (ex, ey) = self.side(name, "right"), self.side(target, "right")
        x = MAIN_X + 97
        self.line([(sx, sy - 8), (x, sy - 8), (x, ey + 8), (ex, ey + 8)])
        self.label(x + 6, (sy + ey) / 2 + 4, label)

    def caught(self, name, target, label):
        (x, row), (to_x, to_row) = self.machine.rows[name], self.machine.rows[target]
        if row == to_row:
            start, end = self.side(name, "right"), self.side(target, "left")
            self.line([start, end], dashed=True)
            self.label((start[0] + end[0]) / 2, start[1] - 6, label, anchor="middle")
        else:
            (sx, sy), (ex, ey) = self.side(name, "right"), self.side(target, "right")
            lane = max(sx, ex) + 24
            self.line([(sx, sy), (lane, sy), (lane, ey), (ex, ey)], dashed=True)
            inside = x == SIDE_X
            self.label(lane + (-6 if inside else 6), (sy + ey) / 2 + 12, label, anchor="end" if inside else "start")

    def box(self, name):
        state, kind = self.machine.states[name], self.machine.kind(name)
        (x, y), (width, height) = self.middle(name), SIZE[kind]
        fill = EVENTS_FILL if "events:" in state.get("Resource", "") else FILL[kind]
        radius = {"Choice": height / 2, "Succeed": height / 2, "Fail": height / 2}.get(kind, 6)
        shape = (
            f'<rect x="{x - width / 2:g}" y="{y - height / 2:g}" width="{width}" height="{height}" rx="{radius:g}" '
            f'fill="{fill}" stroke="{GREY}"{DASH if kind == "Wait" else ""}/>'
        )
        text = f"{name} · {_pause(state)} s" if "Seconds" in state else name
        weight = ' font-weight="600"' if kind in ("Task", "Succeed", "Fail") else ' font-size="12"'
        return f'{shape}<text x="{x:g}" y="{y + 5:g}" text-anchor="middle"{weight}>{escape(text)}</text>'

    def note(self):
        """Puts the note into the side column below the border, with a line to where every abort goes."""
        lines = _note(self.machine)
        height = 18 * len(lines) + 14
        left, right = SIDE_X - SIZE["Task"][0] / 2 - 45, WIDTH - 20
        top = self.middle(self.machine.first_change)[1] + STEP
        end, lane = self.side(self.machine.abort, "right"), right - 40
        self.line([(lane, top + height), (lane, end[1]), end], dashed=True)
        at = [(left + 12, top + 21 + 18 * i) for i in range(len(lines))]
        rows = [f'<text x="{x:g}" y="{y:g}">{escape(line)}</text>' for (x, y), line in zip(at, lines, strict=True)]
        return (
            f'<g font-size="13"><rect x="{left:g}" y="{top:g}" width="{right - left:g}" height="{height}" rx="6" '
            f'fill="#fff8e1" stroke="{GREY}"{DASH}/>{"".join(rows)}</g>'
        )

    def border(self):
        """Draws the border between what only reads and what changes something."""
        y = self.middle(self.machine.first_change)[1] - STEP / 2 + 1
        self.lines.append(f'<path d="M{MAIN_X + 50} {y:g} H{WIDTH - 20}" stroke-dasharray="2 5" marker-end="none"/>')
        self.label(WIDTH - 20, y - 7, "above: only reads", anchor="end")
        self.label(WIDTH - 20, y + 16, "below: an abort restores", anchor="end")

    def svg(self):
        self.edges()
        note = self.note()
        self.border()
        boxes = "\n    ".join(self.box(name) for name in self.machine.rows)
        height = TOP + STEP * len(self.machine.path)
        newline = "\n    "
        return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"
     font-family="system-ui, sans-serif" font-size="14"
     aria-label="{escape(_alternative(self.machine))}">
  <!-- Made by statemachine/picture.py from statemachine/teardown.asl.json. -->
  <defs>
    <marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">
      <path d="M0 0 L10 5 L0 10 z" fill="{GREY}"/>
    </marker>
  </defs>
  <g fill="none" stroke="{GREY}" stroke-width="1.5" stroke-linejoin="round" marker-end="url(#tip)">
    {newline.join(self.lines)}
  </g>
  <g fill="{GREY}" font-size="12">
    {newline.join(self.texts)}
  </g>
  <g fill="{INK}" stroke-width="1.5">
    {note}
    {boxes}
  </g>
</svg>
"""


DASH = ' stroke-dasharray="5 4"'


def _note(machine):
    states = machine.states
    caught = [name for name in states if machine.abort in [target for target, _ in machine.catches(name)]]
    steps = [name for name, state in states.items() if "lambda:" in state.get("Resource", "")]
    retries = {json.dumps(states[name].get("Retry")) for name in steps if name != machine.abort}
    if len(retries) != 1:
        sys.exit("the steps' Retry differ: the note of the picture says them once; correct _note")
    attempts = json.loads(retries.pop())[0]["MaxAttempts"]
    once = [name for name in caught if "Retry" not in states[name]]
    return [
        f"Every task from {caught[0]} to {caught[-1]}:",
        f"a passing error is tried again, up to {attempts} times",
        f"(not in {', '.join(once)});",
        "any other, or one that lasts, is caught",
        f"and goes to {machine.abort}, which itself",
        f"is tried up to {states[machine.abort]['Retry'][0]['MaxAttempts']} times.",
    ]


def _alternative(machine):
    tasks = [name for name in machine.path if machine.kind(name) == "Task"]
    order = f"The states of a teardown in order: {', '.join(tasks)}."
    return f"{order} An error in any of them leads to {machine.abort} and a failed execution."


def _pause(wait):
    """Returns the seconds of a wait. An expression has two: a short pause at first, and a long one after some times."""
    return "–".join(re.findall(r"[?:] ([0-9]+)", str(wait["Seconds"]))) or wait["Seconds"]


def main(arguments):
    if arguments not in ([], ["--check"]):
        sys.exit(__doc__)
    definition, contract = (json.loads(path.read_text(encoding="utf-8")) for path in (DEFINITION, CONTRACT))
    picture = Drawing(Machine(definition, contract)).svg()
    if not arguments:
        PICTURE.write_text(picture, encoding="utf-8")
    elif not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != picture:
        sys.exit(f"{PICTURE.relative_to(ROOT)} is not up to date: python3 {Path(__file__).relative_to(ROOT)}")


if __name__ == "__main__":
    main(sys.argv[1:])
