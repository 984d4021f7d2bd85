"""A Cognito user pool whose access tokens the authorizer accepts: people sign in at its hosted UI, machines with a secret.

Cognito gives a scope to whoever asks for it through an app client that is allowed it, and has none per user. So everybody in the
pool may read and write tasks: tasks of their own, since each user is an owner. That is why people do not sign themselves up
unless the deployment says so.
"""

from collections.abc import Sequence

from aws_cdk import Aws, Duration, Fn, RemovalPolicy
from aws_cdk import aws_cognito as cognito
from constructs import Construct

from task_service import nag
from task_service.issuers import Issuer
from task_service.settings import CognitoSettings

# The resource server's scopes, as tokens carry them: `tasks/read`, `tasks/write`.
RESOURCE_SERVER = "tasks"
SCOPES = {"read": "tasks:read", "write": "tasks:write"}

# Owners are `cognito:<sub>`, which no other issuer and no principal may be.
OWNER_PREFIX = "cognito:"

_TOKEN_LIFETIME = Duration.hours(1)


class Cognito(Construct):
    """The pool goes with the stack. `deletion_protection` makes the deletion fail instead, as the table's does."""

    def __init__(
        self,
        scope: Construct,
        construct_id: str,
        *,
        stage: str,
        settings: CognitoSettings,
        deletion_protection: bool,
    ) -> None:
        super().__init__(scope, construct_id)
        self._jwks_uri = settings.jwks_uri
        self.pool = self._user_pool(stage, settings=settings, deletion_protection=deletion_protection)
        # Prefixes are unique among all accounts of a region.
        prefix = settings.domain or Fn.join("-", ["tasks", stage, Aws.ACCOUNT_ID])
        self.pool.add_domain("Domain", cognito_domain=cognito.CognitoDomainOptions(domain_prefix=prefix))
        scopes = [cognito.ResourceServerScope(scope_name=name, scope_description=SCOPES[name]) for name in SCOPES]
        server = self.pool.add_resource_server("Scopes", identifier=RESOURCE_SERVER, scopes=scopes)
        allowed = [cognito.OAuthScope.resource_server(server, scope) for scope in scopes]
        self.people = self._people(allowed, settings.callback_urls)
        self.machines = self._machines(allowed) if settings.machine_client else None
        self.hosted_ui = Fn.join("", ["https://", prefix, ".auth.", Aws.REGION, ".amazoncognito.com"])
        # Not the attribute ProviderURL, which has no scheme.
        self.issuer = Fn.join(
            "", ["https://cognito-idp.", Aws.REGION, ".", Aws.URL_SUFFIX, "/", self.pool.user_pool_id]
        )

    def trust(self) -> Issuer:
        """Returns the pool as an entry of `ISSUERS`."""
        clients = [self.people, *([self.machines] if self.machines else [])]
        jwks_uri = f"{self.issuer}/.well-known/jwks.json"
        if self._jwks_uri is not None:
            jwks_uri = self._jwks_uri.replace("{pool}", self.pool.user_pool_id)
        return {
            "issuer": self.issuer,
            # An access token of Cognito has no `aud`: the client is its audience.
            "clientIds": [client.user_pool_client_id for client in clients],
            "tokenUse": "access",
            "algorithms": ["RS256"],
            "jwksUri": jwks_uri,
            "ownerClaim": "sub",
            "ownerPrefix": OWNER_PREFIX,
            "scopeClaim": "scope",
            "scopes": {f"{RESOURCE_SERVER}/{name}": ours for name, ours in SCOPES.items()},
        }

    def outputs(self) -> dict[str, str]:
        outputs = {
            "UserPoolId": self.pool.user_pool_id,
            "UserPoolClientId": self.people.user_pool_client_id,
            "Issuer": self.issuer,
            "HostedUi": self.hosted_ui,
            "TokenEndpoint": f"{self.hosted_ui}/oauth2/token",
        }
        if self.machines:
            outputs["MachineClientId"] = self.machines.user_pool_client_id
        return outputs

    def _user_pool(self, stage: str, *, settings: CognitoSettings, deletion_protection: bool) -> cognito.UserPool:
        pool = cognito.UserPool(
            self,
            "Pool",
            user_pool_name=f"tasks-{stage}",
            self_sign_up_enabled=settings.self_sign_up,
            sign_in_aliases=cognito.SignInAliases(email=True),
            auto_verify=cognito.AutoVerifiedAttrs(email=True),
            account_recovery=cognito.AccountRecovery.EMAIL_ONLY,
            # An app's second factor. A text message would need a role, and is billed.
            mfa=cognito.Mfa.REQUIRED if settings.mfa_required else cognito.Mfa.OPTIONAL,
            mfa_second_factor=cognito.MfaSecondFactor(otp=True, sms=False),
            password_policy=cognito.PasswordPolicy(
                min_length=12,
                require_digits=True,
                require_lowercase=True,
                require_symbols=True,
                require_uppercase=True,
                temp_password_validity=Duration.days(7),
            ),
            deletion_protection=deletion_protection,
            removal_policy=RemovalPolicy.DESTROY,
        )
        if not settings.mfa_required:
            nag.accept(
                pool,
                "AwsSolutions-COG2",
                reason="Each user decides about a second factor; -c cognitoMfaRequired=true demands one of everybody",
            )
        nag.accept(
            pool,
            "AwsSolutions-COG8",
            reason="The Plus tier's threat protection is billed for each active user; throttling and a strong password policy "
            "stand without it, and an operator may switch it on",
        )
        return pool

    def _people(self, scopes: Sequence[cognito.OAuthScope], callback_urls: Sequence[str]) -> cognito.UserPoolClient:
        """An app in a browser or on a device cannot keep a secret: PKCE binds the code to it instead."""
        client = self.pool.add_client(
            "People",
            generate_secret=False,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(authorization_code_grant=True),
                scopes=[cognito.OAuthScope.OPENID, *scopes],
                callback_urls=list(callback_urls),
            ),
            supported_identity_providers=[cognito.UserPoolClientIdentityProvider.COGNITO],
            prevent_user_existence_errors=True,
            access_token_validity=_TOKEN_LIFETIME,
            id_token_validity=_TOKEN_LIFETIME,
            refresh_token_validity=Duration.days(30),
        )
        return _without_passwords(client)

    def _machines(self, scopes: Sequence[cognito.OAuthScope]) -> cognito.UserPoolClient:
        """A program with a secret. It is an owner of its own: `sub` is the client's id."""
        client = self.pool.add_client(
            "Machines",
            generate_secret=True,
            o_auth=cognito.OAuthSettings(
                flows=cognito.OAuthFlows(client_credentials=True),
                scopes=list(scopes),
            ),
            prevent_user_existence_errors=True,
            access_token_validity=_TOKEN_LIFETIME,
        )
        return _without_passwords(client)


def _without_passwords(client: cognito.UserPoolClient) -> cognito.UserPoolClient:
    """Allows no sign-in through Cognito's API; without this list, it would allow one by SRP ("CreateUserPoolClient")."""
    resource = client.node.default_child
    assert isinstance(resource, cognito.CfnUserPoolClient)
    resource.explicit_auth_flows = ["ALLOW_REFRESH_TOKEN_AUTH"]
    return client
