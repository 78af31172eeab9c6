"""The former name of `shopstream_sandbox`, kept for `python -m sandbox`."""
