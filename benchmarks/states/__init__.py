"""States of products as workers store them, made up in number: to train dictionary 1, and to measure its worth."""
