"""TXT records: which options come from DNS, and how they join those that the client was given."""

import dns.rcode
import dns.resolver
import pytest
from pymongo.errors import ConfigurationError, InvalidURI

from motor._pymongo import CaseInsensitiveDictionary
from motor.driver.sdam.srv import SrvSettings, merge_options, resolve_options
from tests.srv.conftest import lookup_fails

HOST = ("h.example.com", 27017)


async def options_of(server, *texts: str) -> dict[str, object]:
    server.records = {("a.example.com", "TXT"): list(texts)}
    return await resolve_options(SrvSettings("a.example.com", timeout=1))


class TestLookup:
    async def test_every_option_that_is_allowed(self, dns_server):
        found = await options_of(dns_server, '"AUTHSOURCE=db&replicaSet=rs&loadBalanced=false"')
        assert found == {"authsource": "db", "replicaset": "rs", "loadbalanced": False}

    async def test_strings_are_joined_without_a_space(self, dns_server):
        assert await options_of(dns_server, '"replicaS" "et=rep" "l0"') == {"replicaset": "repl0"}

    async def test_a_percent_sign(self, dns_server):
        assert await options_of(dns_server, '"authSource=%24external"') == {"authsource": "$external"}

    async def test_no_such_name(self, dns_server):
        assert await resolve_options(SrvSettings("nowhere.example.com")) == {}

    async def test_a_name_without_txt_records(self, dns_server):
        dns_server.records = {("a.example.com", "A"): ["127.0.0.1"]}
        assert await resolve_options(SrvSettings("a.example.com")) == {}

    async def test_an_empty_record(self, dns_server):
        assert await options_of(dns_server, '""') == {}

    async def test_two_records(self, dns_server):
        with pytest.raises(ConfigurationError, match="Only one TXT record is supported"):
            await options_of(dns_server, '"replicaSet=rs"', '"authSource=db"')

    @pytest.mark.parametrize("text", ["ssl=false", "socketTimeoutMS=500", "authSource=db&tls=true", "nonsense=1"])
    async def test_options_that_are_not_allowed(self, dns_server, text):
        with pytest.raises(ConfigurationError, match="Only authSource, replicaSet, and loadBalanced are supported"):
            await options_of(dns_server, f'"{text}"')

    @pytest.mark.parametrize("text", ["authSource", "v=spf1 -all", "replicaSet=rs&"])
    async def test_what_is_no_list_of_options(self, dns_server, text):
        with pytest.raises(InvalidURI):
            await options_of(dns_server, f'"{text}"')

    async def test_an_empty_auth_source(self, dns_server):
        with pytest.raises(InvalidURI):
            await options_of(dns_server, '"authSource="')

    async def test_a_value_that_is_not_valid_is_left_out_with_a_warning(self, dns_server):
        with pytest.warns(UserWarning, match="(?i)loadBalanced"):
            assert await options_of(dns_server, '"loadBalanced=maybe&authSource=db"') == {"authsource": "db"}

    async def test_what_is_not_utf_8(self, dns_server):
        with pytest.raises(ConfigurationError, match=r"The TXT record of a\.example\.com is not UTF-8"):
            await options_of(dns_server, '"replicaSet=\\255"')

    async def test_a_server_that_fails(self, dns_server):
        dns_server.rcode = dns.rcode.SERVFAIL
        with lookup_fails(dns.resolver.NoNameservers):
            await options_of(dns_server, '"replicaSet=rs"')

    async def test_a_server_that_is_silent(self, dns_server):
        dns_server.silent = True
        with lookup_fails(dns.resolver.LifetimeTimeout):
            await resolve_options(SrvSettings("a.example.com", timeout=0.2))


class TestMerge:
    def test_what_was_given_wins(self):
        given = CaseInsensitiveDictionary({"authSource": "mine"})
        merged = merge_options(given, {"authsource": "dns", "replicaset": "rs"}, [HOST], 0)
        assert merged["authSource"] == "mine"
        assert merged["replicaSet"] == "rs"
        assert given.get("replicaSet") is None

    def test_tls_unless_told_otherwise(self):
        assert merge_options(CaseInsensitiveDictionary(), {}, [HOST], 0)["tls"] is True
        assert merge_options(CaseInsensitiveDictionary({"TLS": False}), {}, [HOST], 0)["tls"] is False
        merged = merge_options(CaseInsensitiveDictionary({"ssl": False}), {}, [HOST], 0)
        assert merged["ssl"] is False
        assert "tls" not in merged

    def test_merging_again_changes_nothing(self):
        once = merge_options(CaseInsensitiveDictionary({"appName": "x"}), {}, [HOST], 0)
        assert merge_options(once, {}, [HOST], 0) == once

    @pytest.mark.parametrize(("option", "value"), [("loadBalanced", True), ("replicaSet", "rs")])
    @pytest.mark.parametrize("from_dns", [True, False])
    def test_options_that_exclude_srv_max_hosts(self, option, value, from_dns):
        given, found = ({}, {option.lower(): value}) if from_dns else ({option: value}, {})
        with pytest.raises(InvalidURI, match=f"You cannot specify {option} with srvMaxHosts"):
            merge_options(CaseInsensitiveDictionary(given), found, [HOST], 1)
        assert merge_options(CaseInsensitiveDictionary(given), found, [HOST], 0)[option] == value

    def test_a_load_balancer_is_one_host(self):
        with pytest.raises(ConfigurationError):
            merge_options(CaseInsensitiveDictionary(), {"loadbalanced": True}, [HOST, ("i.example.com", 1)], 0)

    def test_a_load_balancer_has_no_replica_set(self):
        given = CaseInsensitiveDictionary({"replicaSet": "rs"})
        with pytest.raises(ConfigurationError):
            merge_options(given, {"loadbalanced": True}, [HOST], 0)
