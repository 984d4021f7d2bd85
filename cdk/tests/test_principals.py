"""A bad principals file is rejected with the entry and the field, and without repeating what may be a secret."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import APP_DIR

from task_service import principals
from task_service.principals import PrincipalsError

TOKEN = "canary-token-3f2a"
DIGEST = hashlib.sha256(TOKEN.encode()).hexdigest()
OTHER_DIGEST = hashlib.sha256(b"another").hexdigest()


def entry(**overrides: object) -> dict[str, object]:
    return {"id": "alice", "owner": "team-a", "scopes": ["tasks:read"], "tokenSha256": DIGEST, **overrides}


def without(field: str) -> dict[str, object]:
    return {name: value for name, value in entry().items() if name != field}


def load(tmp_path: Path, content: object) -> list[principals.Principal]:
    path = tmp_path / "principals.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return principals.load(path)


def refusal(tmp_path: Path, content: object) -> str:
    with pytest.raises(PrincipalsError) as caught:
        load(tmp_path, content)
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", ["principals.json", "not JSON", "line 1"]),
        ({"id": "alice"}, ["JSON array"]),
        ([], ["at least one principal"]),
        (["alice"], ["entry 0", "object"]),
        ([entry(), without("id")], ["entry 1", "`id`"]),
        ([without("owner")], ["entry 0", "`owner`"]),
        ([without("scopes")], ["entry 0", "`scopes`"]),
        ([without("tokenSha256")], ["entry 0", "`tokenSha256`"]),
        ([entry(scope="tasks:read")], ["entry 0", "unknown field `scope`"]),
        ([entry(id="")], ["entry 0", "`id`", "1 to 128"]),
        ([entry(id=7)], ["entry 0", "`id`"]),
        ([entry(id="a" * 129)], ["entry 0", "`id`"]),
        ([entry(id="al ice")], ["entry 0", "`id`"]),
        ([entry(id="alice\n")], ["entry 0", "`id`"]),
        ([entry(owner="team/a")], ["entry 0", "`owner`"]),
        ([entry(id="unknown")], ["entry 0", "`id`", "reserved for the audit log"]),
        ([entry(owner="dynamodb-ttl")], ["entry 0", "`owner`", "reserved for the audit log"]),
        ([entry(scopes=[])], ["entry 0", "`scopes`"]),
        ([entry(scopes="tasks:read")], ["entry 0", "`scopes`"]),
        ([entry(scopes=["tasks:admin"])], ["entry 0", "`scopes`", "'tasks:admin'", "tasks:write"]),
        ([entry(scopes=[["tasks:read"]])], ["entry 0", "`scopes`"]),
        ([entry(scopes=["tasks:read", "tasks:read"])], ["entry 0", "`scopes`", "twice"]),
        ([entry(tokenSha256=DIGEST[:-1])], ["entry 0", "`tokenSha256`", "64 hex"]),
        ([entry(tokenSha256=None)], ["entry 0", "`tokenSha256`"]),
        ([entry(tokenSha256=hashlib.sha256(b"").hexdigest())], ["entry 0", "`tokenSha256`", "empty token"]),
        ([entry(expiresAt="tomorrow")], ["entry 0", "`expiresAt`", "RFC 3339"]),
        ([entry(expiresAt="2030-02-30T00:00:00Z")], ["entry 0", "`expiresAt`"]),
        ([entry(expiresAt="2030-01-01 00:00:00Z")], ["entry 0", "`expiresAt`"]),
        ([entry(expiresAt="2030-01-01T00:00:00")], ["entry 0", "`expiresAt`"]),
        ([entry(expiresAt=1893456000)], ["entry 0", "`expiresAt`"]),
        ([entry(expiresAt=None)], ["entry 0", "`expiresAt`"]),
        ([entry(), entry(id="bob")], ["entries 0 and 1", "`tokenSha256`"]),
        ([entry(), entry(owner="team-b", tokenSha256=OTHER_DIGEST)], ["entries 0 and 1", "`id`", "`owner`"]),
        ([entry(), entry(scopes=["tasks:write"], tokenSha256=OTHER_DIGEST)], ["entries 0 and 1", "`id`", "`scopes`"]),
        ('[{"id":"a","id":"b"}]', ["`id` twice"]),
    ],
)
def test_a_wrong_file_is_refused_by_entry_and_field(tmp_path: Path, content: object, named: list[str]) -> None:
    message = refusal(tmp_path, content)
    for part in named:
        assert part in message


@pytest.mark.parametrize("content", [[entry(tokenSha256=TOKEN)], [{**without("tokenSha256"), "token": TOKEN}]])
def test_a_token_instead_of_its_hash_is_refused_and_not_repeated(tmp_path: Path, content: object) -> None:
    message = refusal(tmp_path, content)
    assert "SHA-256" in message
    assert TOKEN not in message


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PrincipalsError, match=r"nowhere\.json cannot be read"):
        principals.load(tmp_path / "nowhere.json")


def test_one_principal_may_have_two_tokens_so_that_they_can_be_rotated(tmp_path: Path) -> None:
    loaded = load(tmp_path, [entry(), entry(tokenSha256=OTHER_DIGEST.upper())])
    assert [principal.token_sha256 for principal in loaded] == [DIGEST, OTHER_DIGEST]


def test_the_environment_variable_is_the_files_content(tmp_path: Path) -> None:
    content = [
        entry(expiresAt="2030-01-31T12:00:00+01:00"),
        entry(id="bob@team.example:x_1-2", tokenSha256=OTHER_DIGEST),
    ]
    assert json.loads(principals.to_environment(load(tmp_path, content))) == content


def test_the_file_can_be_judged_without_the_cdk(tmp_path: Path) -> None:
    path = tmp_path / "principals.json"

    def judged(content: object) -> tuple[int, str]:
        path.write_text(json.dumps(content))
        # Without site packages: `cargo xtask deploy` may run it before they are installed.
        command = [sys.executable, "-S", "-m", "task_service.principals", str(path)]
        run = subprocess.run(command, cwd=APP_DIR, capture_output=True, text=True, timeout=60, check=False)
        return run.returncode, run.stderr

    assert judged([entry()]) == (0, "")
    code, message = judged([entry(owner="team/a")])
    assert code == 2
    assert "entry 0, field `owner`" in message
    assert "Traceback" not in message
