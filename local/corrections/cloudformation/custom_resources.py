"""Correction: a custom resource fails in CloudFormation's words.

What AWS does ("Lambda-backed custom resources"; the words as reported from deployments): a function that answers FAILED makes
``Received response status [FAILED] from custom resource. Message returned: …``. One that does not answer until ``ServiceTimeout``
(an hour by default) makes ``CloudFormation did not receive a response from your Custom Resource``. A function that is gone cannot be
called: the resource fails at once, with Lambda's ``Function not found``. Retained, it no longer keeps its stack
("How do I delete a Lambda-backed custom resource that's stuck in DELETE_FAILED status" on AWS re:Post).

What stock MiniStack does: fails in words of its own.

Not known: how CloudFormation words a function that is gone. Here it is Lambda's own answer, as the services' clients word it.
"""

from __future__ import annotations

import uuid


def apply() -> None:
    from ministack.services.cloudformation import custom_resource

    invoke = custom_resource.invoke_custom_resource

    def invoke_custom_resource(request_type, logical_id, props, *given, **named):
        from ministack.services import lambda_svc

        token = str(props.get("ServiceToken", ""))
        if lambda_svc._get_func_record_for_ref(token)[0] is None:
            raise RuntimeError(_gone(token))
        try:
            return invoke(request_type, logical_id, props, *given, **named)
        except TimeoutError:
            raise RuntimeError(_silent()) from None
        except RuntimeError as failure:
            raise RuntimeError(_failed(str(failure))) from failure

    custom_resource.invoke_custom_resource = invoke_custom_resource


def _gone(token: str) -> str:
    of = f"Service: AWSLambda; Status Code: 404; Error Code: ResourceNotFoundException; Request ID: {uuid.uuid4()}; Proxy: null"
    return f"Function not found: {token} ({of})"


def _silent() -> str:
    return (
        "CloudFormation did not receive a response from your Custom Resource. Please check your logs for requestId "
        f"[{uuid.uuid4()}]. If you are using the Python cfn-response module, you may need to update your Lambda function code so "
        "that CloudFormation can attach the updated version."
    )


def _failed(message: str) -> str:
    return f"Received response status [FAILED] from custom resource. Message returned: {message} (RequestId: {uuid.uuid4()})"
