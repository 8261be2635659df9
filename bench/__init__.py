"""The engine, in the order of its work.

Ask (`grid`), decide (`plan`), compute (`stages`), carry (`tasks`), record (`run`), reuse (`models`).
"""
