"""The same call through PyMongo's AsyncMongoClient and through Motor, compared.

`harness.py` runs a case on both sides, `normal.py` holds what must differ between two runs,
`differences.py` what Motor does better, `cases/` says what is called, `test_differential.py`
compares.

A new case is a line in a module of `cases/`. With MOTOR_DIFFERENTIAL_SELF=1 both sides are PyMongo:
a case that fails then is not the same each time, or `normal.py` lacks something.
"""
