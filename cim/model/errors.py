"""The exception tree of everything below the wires: our fault on one side, the peer's or user's on the other."""


class IlesError(Exception):
    """Any error ILES raises on purpose. Its text is one clear sentence: which field, which value, what was expected."""


class BadInput(IlesError):
    """What a person or a file gave us does not fit: shown as one sentence, exit code 2."""


class ProgrammingFault(IlesError):
    """Our own fault: a rule inside ILES was broken. Worth a traceback."""
