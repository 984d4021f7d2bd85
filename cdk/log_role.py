"""Prints the role that API Gateway writes logs with in an account and region, or an empty line if none is set.

`cargo xtask` runs it before it deploys (xtask/src/service/log_role.rs). It signs in as the AWS CLI does, with the profile given as
the first argument, if any; AWS_ENDPOINT_URL selects the local AWS.
"""

import os
import sys

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError


def main() -> int:
    try:
        session = botocore.session.Session(profile=sys.argv[1] if len(sys.argv) > 1 else None)
        # The same order as CDK's.
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
        account = session.create_client("apigateway", region_name=region).get_account()
    except (BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    print(account.get("cloudwatchRoleArn") or "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
