"""Suppresses cdk-nag rules, each beside the resource it concerns and with a reason."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, rule: str, *, reason: str) -> None:
    """Accepts a rule (`AwsSolutions-S1`) or one finding of it (`AwsSolutions-IAM5[Resource::*]`)."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
