"""Places in a stream, as entry ids name them: `1718000000000-0`."""


def place(entry_id: str) -> tuple[int, int]:
    """Split an entry id into what ids are compared by: milliseconds and number.

    An id without a number is the first of its moment.
    """
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number or 0)
