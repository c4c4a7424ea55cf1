"""How good is the speech: metrics, tables and pictures.

Each file holds one measure, arrays in and numbers out: ``cepstrum`` (MCD with DTW),
``pitch`` (log-F0 RMSE), ``durations``, ``speed`` (RTF), ``mel_statistics`` (L1,
variance, spread over seeds), ``diversity`` (NDB, JSD) and ``resynthesis`` (PESQ, STOI).
``audio_scores`` and ``mel_scores`` apply them to decoded directories and to models,
``table`` writes the result and the ``plot_*`` files draw it. Nothing here knows how a
model is loaded.
"""
