class AtlopError(ValueError):
    """Something that a user can cause and mend; the message says where, what, what was expected and what to do.

    The command line prints the message without a traceback and exits with code 2.
    """
