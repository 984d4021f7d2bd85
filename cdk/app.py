"""The CDK app: reads settings from context, builds the service stack and the account stack, and runs cdk-nag on every synthesis."""

import sys
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from task_service.account_stack import AccountStack
from task_service.environment import EnvironmentSizeError
from task_service.json_file import FileError
from task_service.service_stack import ServiceStack
from task_service.settings import Settings, SettingsError


def main() -> int:
    app = App()
    try:
        settings = Settings.from_context(app.node, app_dir=Path(__file__).resolve().parent)
        ServiceStack(app, f"tasks-{settings.stage}", settings=settings)
        AccountStack(app)
    except (SettingsError, FileError, EnvironmentSizeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
