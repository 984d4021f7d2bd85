"""The local AWS: MiniStack, started in this process and made as strict as AWS.

Run from the root of the repository::

    python -m local --port 0 --state-dir .local/aws

``README.md`` has the map.
"""
