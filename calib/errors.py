"""The exceptions that mean "the input, not the program, is wrong"; every floor above raises them too."""


class InputError(ValueError):
    """Input that cannot be used. The message is one line: which file, what was found, what was wanted, what to do."""


class CalibrationError(InputError):
    """A calibration that is missing, malformed, or contradicted by the data."""
