"""A user pool with a client for machines, and what its tokens say."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlencode

from local.tests.stacks import fresh

POOL = {
    "Type": "AWS::Cognito::UserPool",
    "Properties": {
        "AdminCreateUserConfig": {"AllowAdminCreateUserOnly": True},
        "AutoVerifiedAttributes": ["email"],
        "Policies": {"PasswordPolicy": {"MinimumLength": 12, "TemporaryPasswordValidityDays": 7}},
        "UserPoolTags": {"service": "tasks"},
    },
}
SERVER = {
    "Type": "AWS::Cognito::UserPoolResourceServer",
    "Properties": {
        "UserPoolId": {"Ref": "Pool"},
        "Identifier": "tasks",
        "Name": "tasks",
        "Scopes": [{"ScopeName": "read", "ScopeDescription": "read"}],
    },
}
CLIENT = {
    "Type": "AWS::Cognito::UserPoolClient",
    "DependsOn": "Server",
    "Properties": {
        "UserPoolId": {"Ref": "Pool"},
        "GenerateSecret": True,
        "AllowedOAuthFlows": ["client_credentials"],
        "AllowedOAuthFlowsUserPoolClient": True,
        "AllowedOAuthScopes": ["tasks/read"],
    },
}
MACHINES = {"Pool": POOL, "Server": SERVER, "Client": CLIENT}


def domain() -> dict:
    return {
        "Type": "AWS::Cognito::UserPoolDomain",
        "Properties": {"UserPoolId": {"Ref": "Pool"}, "Domain": fresh("domain")},
    }


def machine_token(aws, stack) -> str:
    """Returns an access token that the client gets with its secret."""
    ids = {"UserPoolId": stack.physical("Pool"), "ClientId": stack.physical("Client")}
    client = aws.client("cognito-idp").describe_user_pool_client(**ids)["UserPoolClient"]
    basic = base64.b64encode(f"{client['ClientId']}:{client['ClientSecret']}".encode()).decode()
    headers = {"authorization": f"Basic {basic}", "content-type": "application/x-www-form-urlencoded"}
    return aws.call("POST", "/oauth2/token", urlencode({"grant_type": "client_credentials"}).encode(), headers).json[
        "access_token"
    ]


def parts(token: str) -> tuple[dict, dict]:
    """Returns header and claims of a token."""
    header, claims, _ = token.split(".")
    return tuple(json.loads(base64.urlsafe_b64decode(part + "==")) for part in (header, claims))


def kids(aws, pool: str) -> list[str]:
    return [key["kid"] for key in aws.call("GET", f"/{pool}/.well-known/jwks.json").json["keys"]]
