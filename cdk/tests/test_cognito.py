"""The user pool of `-c auth=cognito`, and what the authorizer is told to trust."""

import json
from pathlib import Path
from typing import Any

from conftest import Project, Synthesised
from test_issuers import ISSUER


def trusted(synthesised: Synthesised) -> list[dict[str, Any]]:
    """Returns ISSUERS with the names that the deployment fills in as `<LogicalId>`."""
    authorizer = synthesised.only("AWS::Lambda::Function", Description="Token to principal and policy")
    joined = authorizer["Properties"]["Environment"]["Variables"]["ISSUERS"]["Fn::Join"][1]
    return json.loads("".join(part if isinstance(part, str) else f"<{part['Ref']}>" for part in joined))


def client(synthesised: Synthesised, *, secret: bool) -> dict[str, Any]:
    return synthesised.only("AWS::Cognito::UserPoolClient", GenerateSecret=secret)["Properties"]


def test_without_the_setting_there_is_no_pool_and_nothing_is_trusted(dev: Synthesised) -> None:
    assert not any(resource["Type"].startswith("AWS::Cognito::") for resource in dev.resources.values())
    for function in dev.of_type("AWS::Lambda::Function").values():
        assert "ISSUERS" not in function["Properties"]["Environment"]["Variables"]


def test_the_authorizer_trusts_the_pools_access_tokens_for_its_own_clients(prod: Synthesised) -> None:
    (pool,) = prod.of_type("AWS::Cognito::UserPool")
    issuer = f"https://cognito-idp.<AWS::Region>.<AWS::URLSuffix>/<{pool}>"
    (entry,) = trusted(prod)
    assert {f"<{name}>" for name in prod.of_type("AWS::Cognito::UserPoolClient")} == set(entry.pop("clientIds"))
    assert entry == {
        "issuer": issuer,
        "tokenUse": "access",
        "algorithms": ["RS256"],
        "jwksUri": f"{issuer}/.well-known/jwks.json",
        "ownerClaim": "sub",
        "ownerPrefix": "cognito:",
        "scopeClaim": "scope",
        "scopes": {"tasks/read": "tasks:read", "tasks/write": "tasks:write"},
    }
    server = prod.only("AWS::Cognito::UserPoolResourceServer")["Properties"]
    assert {f"{server['Identifier']}/{scope['ScopeName']}" for scope in server["Scopes"]} == set(entry["scopes"])


def test_other_issuers_stand_beside_the_pool_and_no_token_is_needed(project: Project, tmp_path: Path) -> None:
    path = tmp_path / "issuers.json"
    path.write_text(json.dumps([ISSUER]))
    both = project.synthesise(tmp_path / "out", auth="cognito", principals=None, issuers=str(path))
    assert [entry["issuer"].split("/")[2].split(".")[0] for entry in trusted(both)] == ["cognito-idp", "login"]
    authorizer = both.only("AWS::Lambda::Function", FunctionName="tasks-dev-authorizer")
    assert authorizer["Properties"]["Environment"]["Variables"]["PRINCIPALS"] == "[]"


def test_the_keys_may_be_fetched_elsewhere(project: Project, tmp_path: Path) -> None:
    """The local AWS's tokens name AWS as their issuer, but their keys are at the local AWS."""
    local = project.synthesise(tmp_path, auth="cognito", cognitoJwksUri="http://127.0.0.1:1/{pool}/keys")
    (pool,) = local.of_type("AWS::Cognito::UserPool")
    (entry,) = trusted(local)
    assert entry["jwksUri"] == f"http://127.0.0.1:1/<{pool}>/keys"
    assert entry["issuer"].startswith("https://cognito-idp.")


def test_nobody_signs_up_by_themselves_unless_told_otherwise(cognito: Synthesised, prod: Synthesised) -> None:
    for synthesised, only_admins, mfa in ((cognito, True, "OPTIONAL"), (prod, False, "ON")):
        pool = synthesised.only("AWS::Cognito::UserPool")["Properties"]
        assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": only_admins}
        assert (pool["MfaConfiguration"], pool["EnabledMfas"]) == (mfa, ["SOFTWARE_TOKEN_MFA"])
        policy = pool["Policies"]["PasswordPolicy"]
        assert policy["MinimumLength"] == 12
        assert all(policy[f"Require{what}"] for what in ("Lowercase", "Numbers", "Symbols", "Uppercase"))


def test_the_pool_goes_with_the_stack_and_is_protected_as_the_table_is(cognito: Synthesised, prod: Synthesised) -> None:
    for synthesised, protection in ((cognito, "INACTIVE"), (prod, "ACTIVE")):
        pool = synthesised.only("AWS::Cognito::UserPool")
        assert pool["Properties"]["DeletionProtection"] == protection
        assert (pool["DeletionPolicy"], pool["UpdateReplacePolicy"]) == ("Delete", "Delete")


def test_an_app_has_no_secret_and_signs_in_at_the_hosted_ui_alone(cognito: Synthesised, prod: Synthesised) -> None:
    for synthesised, callbacks in (
        (cognito, ["http://localhost:3000/signed-in"]),
        (prod, ["https://a.example/signed-in", "myapp://signed-in"]),
    ):
        people = client(synthesised, secret=False)
        assert people["AllowedOAuthFlows"] == ["code"]
        assert people["CallbackURLs"] == callbacks
        assert people["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
        assert (people["AccessTokenValidity"], people["TokenValidityUnits"]["AccessToken"]) == (60, "minutes")


def test_a_client_for_machines_is_made_on_request(cognito: Synthesised, prod: Synthesised) -> None:
    assert len(cognito.of_type("AWS::Cognito::UserPoolClient")) == 1
    machines = client(prod, secret=True)
    assert machines["AllowedOAuthFlows"] == ["client_credentials"]
    assert machines["ExplicitAuthFlows"] == ["ALLOW_REFRESH_TOKEN_AUTH"]
    assert "CallbackURLs" not in machines


def test_the_domain_is_unique_by_default_and_may_be_chosen(cognito: Synthesised, prod: Synthesised) -> None:
    domain = cognito.only("AWS::Cognito::UserPoolDomain")["Properties"]["Domain"]
    assert domain == {"Fn::Join": ["-", ["tasks-dev", {"Ref": "AWS::AccountId"}]]}
    assert prod.only("AWS::Cognito::UserPoolDomain")["Properties"]["Domain"] == "tasks-of-the-shop"


def test_the_outputs_name_what_a_client_needs(cognito: Synthesised, prod: Synthesised) -> None:
    needed = {"UserPoolId", "UserPoolClientId", "Issuer", "HostedUi", "TokenEndpoint"}
    for synthesised, more in ((cognito, set()), (prod, {"MachineClientId"})):
        outputs = synthesised.template.to_json()["Outputs"]
        assert needed | more <= set(outputs)
        assert ("MachineClientId" in outputs) == bool(more)
    joined = prod.template.to_json()["Outputs"]["TokenEndpoint"]["Value"]["Fn::Join"][1]
    text = "".join(part if isinstance(part, str) else "REGION" for part in joined)
    assert text == "https://tasks-of-the-shop.auth.REGION.amazoncognito.com/oauth2/token"
