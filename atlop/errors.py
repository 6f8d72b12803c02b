class AtlopError(ValueError):
    """Something that a user can cause and mend; the message says where, what, what was expected and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """


class StoppedError(Exception):
    """A training that was asked to stop, and has kept all that it needs to go on; the message says how.

    The command line prints the message and exits with `exit_code`.
    """

    def __init__(self, message: str, *, exit_code: int):
        """Keep the message and the code."""
        super().__init__(message)
        self.exit_code = exit_code
