"""Correction: tables and roles get no tags of CloudFormation's own.

What AWS does ("CloudFormation resource tagging", the types' schemas: ``tagging.cloudFormationSystemTags``): the stack's tags go
to every resource that can be tagged, ``aws:cloudformation:stack-name`` and its like only where the type takes system tags.
DynamoDB and IAM do not, so that no policy can know a table or a role by them.

What stock MiniStack does: hands them to every type as if they were the user's.
"""

from __future__ import annotations

UNTAGGED = ("AWS::DynamoDB::Table", "AWS::IAM::Role")
PREFIX = "aws:cloudformation:"


def apply() -> None:
    from ministack.services.cloudformation import provisioners, stacks

    add = provisioners._with_stack_tags

    def with_stack_tags(kind, *more):
        props = add(kind, *more)
        if kind not in UNTAGGED:
            return props
        return {**props, "Tags": [tag for tag in props["Tags"] if not tag["Key"].startswith(PREFIX)]}

    provisioners._with_stack_tags = stacks._with_stack_tags = with_stack_tags
