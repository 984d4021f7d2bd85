"""The task service as CloudFormation: settings in, one stack out."""
