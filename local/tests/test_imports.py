"""Neither modules nor rooms import each other in a circle, and nothing imports MiniStack too early."""

from __future__ import annotations

import ast
import graphlib
import pathlib
from collections.abc import Iterator

from local.corrections import order
from local.tests.aws import ROOT

FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "local").rglob("*.py"))
}


def imported(path: pathlib.Path) -> set[str]:
    """Returns the modules of ``local`` that a file imports, inside its functions too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {name if (name := f"{node.module}.{alias.name}") in FILES else node.module for alias in node.names}
    return found & FILES.keys()


def graph() -> dict[str, set[str]]:
    modules = {name: imported(path) for name, path in FILES.items()}
    modules["local.corrections.order"] |= {f"local.corrections.{name}" for name in order.NAMES}  # imported by name
    return modules


def circle(edges: dict[str, set[str]]) -> list[str]:
    try:
        graphlib.TopologicalSorter(edges).prepare()
    except graphlib.CycleError as error:
        return error.args[1]
    return []


def room(module: str) -> str:
    """Returns the folder of a module; a module in no room is a room of its own."""
    folder = module.rpartition(".")[0]
    return module if folder in ("local", "local.corrections") else folder


def test_no_module_imports_itself_through_others():
    assert circle(graph()) == []


def test_no_room_imports_itself_through_others():
    rooms: dict[str, set[str]] = {}
    for module, needed in graph().items():
        if not module.startswith("local.tests"):
            rooms.setdefault(room(module), set()).update(room(other) for other in needed)
    assert circle({name: needed - {name} for name, needed in rooms.items()}) == []


def test_every_correction_is_applied():
    corrections = {name for name, path in FILES.items() if name.startswith("local.corrections.") and applies(path)}
    assert corrections - {"local.corrections.order"} == {f"local.corrections.{name}" for name in order.NAMES}


def applies(path: pathlib.Path) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "apply" for node in ast.parse(path.read_text()).body)


def test_ministack_is_imported_inside_functions_only():
    """It reads the environment as it is imported, which the launcher has to prepare first."""
    assert [(name, found) for name, path in FILES.items() for found in imported_at_once(path)] == []


def imported_at_once(path: pathlib.Path) -> Iterator[str]:
    for node in ast.parse(path.read_text()).body:
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.split(".")[0] == "ministack")
