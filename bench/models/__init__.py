"""Reuse: cells fitted on all patients, how a model grades new studies, and what explains a cell or its features."""
