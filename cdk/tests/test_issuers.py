"""A wrong issuers file is refused with the entry and the member, before the authorizer would refuse to start with it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import APP_DIR

from task_service import issuers
from task_service.issuers import IssuersError
from task_service.principals import Principal

KEY = {"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}
ISSUER = {
    "issuer": "https://login.example/realm",
    "audience": ["tasks"],
    "algorithms": ["RS256", "ES256"],
    "jwksUri": "https://login.example/realm/keys",
    "ownerPrefix": "login:",
    "scopes": {"tasks.read": "tasks:read", "tasks.write": "tasks:write"},
}
OF_COGNITO = {"audience": None, "clientIds": ["abc"], "tokenUse": "access"}


def entry(**overrides: object) -> dict[str, object]:
    """An entry with members changed; None leaves one out."""
    return {name: value for name, value in {**ISSUER, **overrides}.items() if value is not None}


def load(tmp_path: Path, content: object) -> list[issuers.Issuer]:
    path = tmp_path / "issuers.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return issuers.load(path)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ("{", ["issuers.json", "not JSON", "line 1"]),
        ('[{"issuer":"https://a.example","issuer":"https://b.example"}]', ["issuers.json", "`issuer` twice"]),
        ({}, ["JSON array"]),
        ([], ["at least one issuer"]),
        (["https://login.example"], ["entry 0", "object"]),
        ([entry(), entry(issuer=None)], ["entry 1", "lacks `issuer`"]),
        ([entry(algorithms=None)], ["entry 0", "lacks `algorithms`"]),
        ([entry(ownerPrefix=None)], ["entry 0", "lacks `ownerPrefix`"]),
        ([entry(ownerPrefix="")], ["entry 0", "`ownerPrefix`", "1 to 64"]),
        ([entry(ownerPrefix="unknow")], ["entry 0", "`ownerPrefix`", "'unknown'"]),
        ([entry(ownerPrefix='a"')], ["entry 0", "`ownerPrefix`", "such as `login:`"]),
        ([entry(jwks_uri="x")], ["entry 0", "unknown member `jwks_uri`"]),
        ([entry(), entry()], ["the issuer https://login.example/realm twice"]),
        ([entry(issuer="http://login.example")], ["entry 0", "`issuer`", "https URL"]),
        ([entry(issuer=7)], ["entry 0", "`issuer`"]),
        ([entry(audience=None)], ["entry 0", "either `audience`", "`clientIds`"]),
        ([entry(clientIds=["abc"], tokenUse="access")], ["entry 0", "either `audience`"]),
        ([entry(audience=[])], ["entry 0", "`audience`", "non-empty array"]),
        ([entry(audience="tasks")], ["entry 0", "`audience`", "non-empty array"]),
        ([entry(audience=[" "])], ["entry 0", "`audience`", "non-empty text"]),
        ([entry(audience=None, clientIds=["abc"])], ["entry 0", "`clientIds` and `tokenUse` go together"]),
        ([entry(tokenUse="access")], ["entry 0", "go together"]),
        ([entry(**OF_COGNITO | {"tokenUse": "id"})], ["entry 0", "`tokenUse`", "must be access"]),
        ([entry(algorithms=["none"])], ["entry 0", "`algorithms`", "'none'", "RS256, ES256, EdDSA"]),
        ([entry(algorithms=["HS256"])], ["entry 0", "'HS256'"]),
        ([entry(algorithms=[])], ["entry 0", "`algorithms`"]),
        ([entry(jwksUri=None)], ["entry 0", "needs `jwks`", "`jwksUri`"]),
        ([entry(jwksUri="http://login.example/keys")], ["entry 0", "`jwksUri`", "https URL"]),
        ([entry(jwks=[KEY])], ["entry 0", "`jwks`", "RFC 7517"]),
        ([entry(jwks={"keys": []})], ["entry 0", "`jwks`"]),
        ([entry(ownerClaim="")], ["entry 0", "`ownerClaim`"]),
        ([entry(scopes={})], ["entry 0", "`scopes`"]),
        ([entry(scopes={"a b": "tasks:read"})], ["entry 0", "`scopes`", "'a b'"]),
        ([entry(scopes={"all": "tasks:all"})], ["entry 0", "`scopes`", "'all'", "'tasks:all'", "tasks:write"]),
    ],
)
def test_a_wrong_file_is_refused_by_entry_and_member(tmp_path: Path, content: object, named: list[str]) -> None:
    with pytest.raises(IssuersError) as caught:
        load(tmp_path, content)
    for part in named:
        assert part in str(caught.value)


@pytest.mark.parametrize("secret", ["d", "k"])
def test_a_private_key_is_refused_and_not_repeated(tmp_path: Path, secret: str) -> None:
    with pytest.raises(IssuersError, match="private or secret") as caught:
        load(tmp_path, [entry(jwks={"keys": [{**KEY, secret: "canary-3f2a"}]})])
    assert "canary-3f2a" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(IssuersError, match=r"nowhere\.json cannot be read"):
        issuers.load(tmp_path / "nowhere.json")


def test_owner_and_scopes_are_read_from_the_usual_claims_unless_said_otherwise(tmp_path: Path) -> None:
    groups = entry(**OF_COGNITO, jwks={"keys": [KEY]}, jwksUri=None, ownerClaim="email", scopeClaim="cognito:groups")
    usual, special = load(tmp_path, [entry(), {**groups, "issuer": "https://other.example"}])
    assert (usual["ownerClaim"], usual["scopeClaim"]) == ("sub", "scope")
    assert load(tmp_path, [entry(scopes=None)])[0]["scopes"] == {"tasks:read": "tasks:read", "tasks:write": "tasks:write"}
    assert (special["ownerClaim"], special["scopeClaim"]) == ("email", "cognito:groups")


@pytest.mark.parametrize(
    ("prefixes", "owner", "refused"),
    [
        (["a:", "b:"], "team", None),
        (["a:", "a:b:"], "team", "neither may begin with the other"),
        (["a:"], "a:team", "the principal alice begins with 'a:'"),
    ],
)
def test_no_owner_can_be_of_two_origins(prefixes: list[str], owner: str, refused: str | None) -> None:
    principal = Principal(id="alice", owner=owner, scopes=("tasks:read",), token_sha256="0" * 64)
    trusted = [entry(ownerPrefix=prefix) for prefix in prefixes]
    if refused is None:
        issuers.check_owners(trusted, [principal])
    else:
        with pytest.raises(IssuersError, match=refused):
            issuers.check_owners(trusted, [principal])


def test_the_file_is_judged_without_the_cdk(tmp_path: Path) -> None:
    path = tmp_path / "issuers.json"
    for content, code, said in (([ISSUER], 0, ""), ([entry(audience=None)], 2, "either `audience`")):
        path.write_text(json.dumps(content))
        run = subprocess.run(
            [sys.executable, "-m", "task_service.issuers", str(path)],
            cwd=APP_DIR,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert run.returncode == code
        assert said in run.stderr
        assert "Traceback" not in run.stderr
