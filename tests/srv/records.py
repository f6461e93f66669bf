"""The records of ``test.build.10gen.cc`` that the tests of "Initial DNS Seedlist Discovery" are written against.

They are what the expectations of those tests say they must be.
"""

from __future__ import annotations

_DOMAIN = "test.build.10gen.cc"


def _srv(*hosts: str) -> list[str]:
    """SRV records for hosts with ports; their priority and weight mean nothing to MongoDB."""
    return ["0 0 {1} {0}.".format(*host.split(":")) for host in hosts]


_HOSTS = {
    "test1": ["localhost.test.build.10gen.cc:27017", "localhost.test.build.10gen.cc:27018"],
    "test2": ["localhost.test.build.10gen.cc:27018", "localhost.test.build.10gen.cc:27019"],
    "test3": ["localhost.test.build.10gen.cc:27017"],
    # test4 has no SRV record.
    "test5": ["localhost.test.build.10gen.cc:27017"],
    "test6": ["localhost.test.build.10gen.cc:27017"],
    "test7": ["localhost.test.build.10gen.cc:27017"],
    "test8": ["localhost.test.build.10gen.cc:27017"],
    "test10": ["localhost.test.build.10gen.cc:27017"],
    "test11": ["localhost.test.build.10gen.cc:27017"],
    "test12": ["localhost.build.10gen.cc:27017"],
    "test13": ["test.build.10gen.cc:27017"],
    "test14": ["localhost.not-test.build.10gen.cc:27017"],
    "test15": ["localhost.test.not-build.10gen.cc:27017"],
    "test16": ["localhost.test.build.not-10gen.cc:27017"],
    "test17": ["localhost.test.build.10gen.not-cc:27017"],
    "test18": ["localhost.sub.test.build.10gen.cc:27017"],
    "test19": ["localhost.evil.build.10gen.cc:27017", "localhost.test.build.10gen.cc:27017"],
    "test20": ["localhost.test.build.10gen.cc:27017"],
    "test21": ["localhost.test.build.10gen.cc:27017"],
    "test23": ["localhost.test.build.10gen.cc:8000"],
    "test24": ["localhost.test.build.10gen.cc:8000"],
}

_OPTIONS = {
    "test5": ['"replicaSet=repl0&authSource=thisDB"'],
    "test6": ['"replicaSet=repl0"', '"authSource=db2"'],
    "test7": ['"ssl=false"'],
    "test8": ['"authSource"'],
    "test10": ['"socketTimeoutMS=500"'],
    "test11": ['"replicaS" "et=rep" "l0"'],
    "test20": ['"loadBalanced=true"'],
    "test21": ['"loadBalanced=false"'],
    "test24": ['"loadBalanced=true"'],
}

RECORDS: dict[tuple[str, str], list[str]] = {
    (f"localhost.{_DOMAIN}", "A"): ["127.0.0.1"],
    (f"localhost.sub.{_DOMAIN}", "A"): ["127.0.0.1"],
    **{(f"_mongodb._tcp.{name}.{_DOMAIN}", "SRV"): _srv(*hosts) for name, hosts in _HOSTS.items()},
    (f"_customname._tcp.test22.{_DOMAIN}", "SRV"): _srv(f"localhost.{_DOMAIN}:27017", f"localhost.{_DOMAIN}:27018"),
    ("_mongodb._tcp.test.build.10gen.cc", "SRV"): _srv("test.build.10gen.cc:27017"),
    ("_mongodb._tcp.build.10gen.cc", "SRV"): _srv("build.10gen.cc:27017"),
    **{(f"{name}.{_DOMAIN}", "TXT"): texts for name, texts in _OPTIONS.items()},
}
"""By name and type, the records as a zone file has them."""
