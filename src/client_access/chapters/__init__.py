"""What each command does, in chapters named after those of the product's guide.

A chapter is sorted by command. Under one heading are its guards, what it decides, what its event
makes of a client, and its row of rules §8, which also names who is told.
"""
