"""Other ways to do the worker's work, each as its own authors advise: what ours is measured against."""
