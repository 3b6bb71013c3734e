"""Tuning: Optuna on the real, noisy problem, from one laptop to many machines.

storage.py: where a study is kept; study.py: its search space, sampler, pruner, and its trials as slots; objective.py:
what a trial is worth; workers.py: who runs the trials, and what a study leaves; plots.py: its pictures.
"""
