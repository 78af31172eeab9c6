"""What `wire` tells beside the designs: starts, latencies, memory, walks, more workers."""
