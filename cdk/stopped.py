"""Prints `stopped` if a function may run no invocation at all, and nothing otherwise.

`cargo xtask deploy` runs it after a deployment (xtask/src/service/stopped.rs), with the function's name and the profile, if any. It signs
in as the AWS CLI does; AWS_ENDPOINT_URL selects the local AWS.
"""

import os
import sys

import botocore.session
from botocore.exceptions import BotoCoreError, ClientError


def main() -> int:
    try:
        session = botocore.session.Session(profile=sys.argv[2] if len(sys.argv) > 2 else None)
        # The same order as CDK's.
        region = os.environ.get("AWS_REGION") or session.get_config_variable("region") or "us-east-1"
        answer = session.create_client("lambda", region_name=region).get_function_concurrency(FunctionName=sys.argv[1])
    except (BotoCoreError, ClientError) as error:
        print(error, file=sys.stderr)
        return 1
    if answer.get("ReservedConcurrentExecutions") == 0:
        print("stopped")
    return 0


if __name__ == "__main__":
    sys.exit(main())
