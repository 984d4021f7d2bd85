"""The local AWS: MiniStack, started in this process and made as strict as AWS.

Run from the root of the repository::

    python -m local --port 0 --state-dir .local/aws

The map:

- ``__main__``    command line: bind the port, start, stop.
- ``environment`` what the emulator and the functions may see of the caller's environment.
- ``server``      the HTTP server, ``ready.json``, the way down.
- ``processes``   the functions' processes: find, kill, never outlive the launcher.
- ``door``        the ASGI door every request passes: fault injector, recorder, admin endpoints.
- ``corrections`` the list of corrections; each is one module with an ``apply()``.
"""
