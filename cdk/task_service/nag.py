"""Suppressions of cdk-nag rules, each with the reason beside the resource it concerns."""

from aws_cdk import Acknowledgment, Validations
from constructs import IConstruct


def accept(construct: IConstruct, rule: str, *, reason: str) -> None:
    """`rule` is a rule (`AwsSolutions-S1`) or one finding of it (`AwsSolutions-IAM5[Resource::*]`)."""
    Validations.of(construct).acknowledge(Acknowledgment(id=rule, reason=reason))
