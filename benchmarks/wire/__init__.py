"""Throughput and cost per product: the real system beside what others would write, against one lean upstream."""
