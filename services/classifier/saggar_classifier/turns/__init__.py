"""Whose turn it is: bounded work, early refusals, and answers in the order of the questions."""
