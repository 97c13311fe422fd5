"""`opendeep demo`: the whole product on embedded defaults, driven through its public HTTP API as a person would."""
