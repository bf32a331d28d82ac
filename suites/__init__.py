# SPDX-License-Identifier: MIT
"""The conformance specification: one requirement, one test function.

A docstring is the requirement's text, its first sentence the title; both stand in the
certificate and in docs/requirements.md.
"""
