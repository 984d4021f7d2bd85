"""The task service as CloudFormation: turns settings into one stack."""
