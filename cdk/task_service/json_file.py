"""The JSON files that a deployment is given (principals, issuers): how they are read, and judged before anything is compiled."""

import json
import sys
from collections.abc import Callable
from pathlib import Path


class FileError(ValueError):
    """A file cannot be used; the message names the place in it, and says what to do."""


def read(path: Path, what: str, error: type[FileError]) -> object:
    """Reads the `what` file at `path`, in which no object has a member twice."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as failure:
        raise error(f"the {what} file {path} cannot be read: {failure.strerror}") from failure
    except UnicodeDecodeError as failure:
        raise error(f"the {what} file {path} is not UTF-8") from failure
    try:
        return json.loads(text, object_pairs_hook=_object_without_duplicates)
    except json.JSONDecodeError as failure:
        raise error(f"{path} is not JSON: {failure.msg} (line {failure.lineno}, column {failure.colno})") from failure
    except _DuplicateMemberError as failure:
        raise error(f"{path}: an entry has `{failure}` twice") from failure


def judge(load: Callable[[Path], object]) -> None:
    """Loads the file that the command line names, and ends the process with the reason if it cannot be used."""
    try:
        load(Path(sys.argv[1]))
    except FileError as error:
        print(error, file=sys.stderr)
        sys.exit(2)


class _DuplicateMemberError(Exception):
    pass


def _object_without_duplicates(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Rejects a JSON object with a repeated member; json.loads alone would silently keep the last one."""
    result: dict[str, object] = {}
    for name, value in pairs:
        if name in result:
            raise _DuplicateMemberError(name)
        result[name] = value
    return result
