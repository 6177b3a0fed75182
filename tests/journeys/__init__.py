"""Whole journeys through the real `gofer` program."""
