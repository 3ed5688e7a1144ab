"""Runs policyd-spf with one name server, at 127.0.0.1: policyd-spf.py PORT CONFIGURATION."""

import runpy
import sys

PORT = int(sys.argv[1])
PROGRAM = "/usr/bin/policyd-spf"

try:
    import dns.resolver

    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = PORT
    dns.resolver.default_resolver = resolver
except ImportError:
    import DNS

    DNS.defaults.update(server=["127.0.0.1"], port=PORT)

sys.argv = [PROGRAM, *sys.argv[2:]]
runpy.run_path(PROGRAM, run_name="__main__")
