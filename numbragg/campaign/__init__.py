"""Campaigns: data sets of many shots, each a pure function of a description and its number, on one machine or many."""
