"""Makes the contract's files out of the types in `shopstream/`: for maintainers, not in the wheel."""
