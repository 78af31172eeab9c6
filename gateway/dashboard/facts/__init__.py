"""Derive from stored facts the sentences, lists, forecasts and charts of the dashboard's pages. All of it is pure."""
