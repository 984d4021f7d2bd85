"""Correction: DeleteObjects takes at most 1000 keys.

What AWS does ("DeleteObjects", API reference): "The request can contain a list of up to 1,000 keys"; more are MalformedXML and
nothing is deleted. What stock MiniStack does: deletes any number.
"""

from __future__ import annotations

import re

MOST_KEYS = 1000


def apply() -> None:
    from ministack.services import s3

    delete = s3._delete_objects

    def delete_objects(bucket_name, body, headers=None):
        if len(re.findall(rb"<(?:\w+:)?Object[\s>]", body)) > MOST_KEYS:
            return s3._error("MalformedXML", s3._MALFORMED_XML, 400)
        return delete(bucket_name, body, headers)

    s3._delete_objects = delete_objects
