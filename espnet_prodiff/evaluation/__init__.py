"""Measure speech: metrics, tables and plots.

`evaluate.evaluate` does it all: it takes an `EvaluationSet`, decoded directories
(`System`) and model files, and writes a table and pictures. ``metrics`` holds each
formula with its record, ``score_speech`` and ``score_mels`` apply them to decoded
directories and to models (`MelModel`), ``table`` writes the results, ``plots`` the
pictures. A new metric is a file in ``metrics`` and its name in a family there.
"""
