"""Heat's templates, HOT and CFN, for the language server."""
