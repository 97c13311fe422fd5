"""`opendeep doctor`: looks at each part from outside and says what to do about what is not right.

Every check is bounded, changes nothing, and answers with findings. Providers are asked for something that is free.
"""
