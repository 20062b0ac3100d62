"""What editors are told of Heat's templates, HOT and CFN: what stands where, what names mean, how functions are called."""
