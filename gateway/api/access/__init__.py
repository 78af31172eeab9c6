"""Decide whose calls are answered: tokens and roles, rates, and keys of calls that are sent again."""
