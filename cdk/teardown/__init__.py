"""The teardown stack: the workflow that removes service stacks, apart from them and from any bootstrap role."""
