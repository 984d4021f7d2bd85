"""The second CDK app: only the teardown stack, so that it is deployed, updated and deleted independently of any service."""

import sys
from datetime import UTC, datetime
from pathlib import Path

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from task_service.settings import SettingsError
from teardown.settings import TeardownSettings
from teardown.stack import TeardownStack


def main() -> int:
    app = App()
    try:
        settings = TeardownSettings.from_context(app.node, app_dir=Path(__file__).resolve().parent)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    TeardownStack(app, settings.teardown, settings=settings, now=datetime.now(UTC))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    app.synth()
    return 0


if __name__ == "__main__":
    sys.exit(main())
