"""Tuning: Optuna on the real, noisy problem, from one laptop to many machines.

storage.py: where a study is kept; study.py: its search space, sampler and pruner; attempts.py: which of its trials
count and which are run again; objective.py: what a trial is worth; workers.py: who runs the trials; results.py and
study_plots.py: what a study leaves.
"""
