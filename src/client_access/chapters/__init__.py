"""What each command does, in rooms named after the chapters of the product's guide.

Every chapter tells its commands under the same headings: guards, decide, evolve, procedure.
"""
