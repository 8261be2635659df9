"""Reuse: cells fitted on all patients, what a model says of new studies, and what an autoencoder learnt."""
