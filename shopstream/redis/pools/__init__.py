"""Have the calls of a pool learn together that Redis is away."""
