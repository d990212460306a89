"""Measures of how far another backend's results lie from the CPU's, run on a GPU or on its double.

Each function of `checks` compares one part on the same input and yields `ParityFigure`s; whether
they pass is decided here, once, so that a GPU and the double answer to the same demands.
"""
