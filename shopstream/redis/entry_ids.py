"""Compare entry ids of a stream, as `1718000000000-0`."""


def place(entry_id: str) -> tuple[int, int]:
    """Split an entry id into milliseconds and number, by which ids are compared.

    An id without a number is the first of its millisecond.
    """
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
