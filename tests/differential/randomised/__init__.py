"""Random operations and random faults through PyMongo's AsyncMongoClient and through Motor, compared.

A seed chooses everything: what is called, with what, what the server answers and where a connection breaks. Both sides
go through it, and must send the same commands and come to the same results. `comparison.py` says what a comparison is,
`seen.py` what is kept of a side, `answers.py` and `stage.py` are the servers: one that answers by dice, and the tests'
server behind a proxy that cuts. The others have one comparison each, and `comparisons.py` has their list.

`scripts/fuzz compare` runs many seeds, `test_randomised.py` a few. With MOTOR_DIFFERENTIAL_SELF=1 both sides are
PyMongo.
"""
