"""The rules of the house: code, words and pages keep to them."""
