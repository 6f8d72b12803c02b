"""Decoding of UTF-8."""

from atlop.errors import AtlopError


def decode_line(line: bytes, *, where: str) -> str:
    """Return the text of a line.

    Raises:
        AtlopError: It is not UTF-8; the message begins with `where`.
    """
    try:
        return line.decode()
    except UnicodeDecodeError as error:
        raise AtlopError(f"{where}: byte {error.start} of the line is not UTF-8; expected a file in UTF-8") from None
