#!/bin/sh
# Connections of this network namespace to Ostiary, IPv4 and IPv6. Run it once
# when the namespace is made, and again to replace the rules. They stay when Ostiary
# ends: what was redirected is refused then. To remove them:
#   for i in iptables ip6tables; do
#     $i -w -t nat -D OUTPUT -j OSTIARY_REDIRECT; $i -w -t nat -F OSTIARY_REDIRECT; $i -w -t nat -X OSTIARY_REDIRECT
#     $i -w -D OUTPUT -j OSTIARY_GUARD; $i -w -F OSTIARY_GUARD; $i -w -X OSTIARY_GUARD
#   done
set -eu
# first TABLES TABLE CHAIN: the jump to our chain, unless it is there.
first() { "$1" -w -t "$2" -C OUTPUT -j "$3" 2>/dev/null || echo "-I OUTPUT 1 -j $3"; }

iptables-restore -w --noflush <<END
*filter
:OSTIARY_GUARD - [0:0]
$(first iptables filter OSTIARY_GUARD)
-A OSTIARY_GUARD -m owner --uid-owner 1337 -j RETURN
-A OSTIARY_GUARD -o lo -j RETURN
-A OSTIARY_GUARD -d 127.0.0.0/8 -j RETURN
-A OSTIARY_GUARD -p udp --dport 443 -j REJECT --reject-with icmp-port-unreachable
COMMIT
END

ip6tables-restore -w --noflush <<END
*filter
:OSTIARY_GUARD - [0:0]
$(first ip6tables filter OSTIARY_GUARD)
-A OSTIARY_GUARD -m owner --uid-owner 1337 -j RETURN
-A OSTIARY_GUARD -o lo -j RETURN
-A OSTIARY_GUARD -d ::1/128 -j RETURN
-A OSTIARY_GUARD -p udp --dport 443 -j REJECT --reject-with icmp6-port-unreachable
COMMIT
END

iptables-restore -w --noflush <<END
*nat
:OSTIARY_REDIRECT - [0:0]
$(first iptables nat OSTIARY_REDIRECT)
-A OSTIARY_REDIRECT -m owner --uid-owner 1337 -j RETURN
-A OSTIARY_REDIRECT -o lo -j RETURN
-A OSTIARY_REDIRECT -d 127.0.0.0/8 -j RETURN
-A OSTIARY_REDIRECT -p tcp --dport 443 -j REDIRECT --to-ports 15001
COMMIT
END

ip6tables-restore -w --noflush <<END
*nat
:OSTIARY_REDIRECT - [0:0]
$(first ip6tables nat OSTIARY_REDIRECT)
-A OSTIARY_REDIRECT -m owner --uid-owner 1337 -j RETURN
-A OSTIARY_REDIRECT -o lo -j RETURN
-A OSTIARY_REDIRECT -d ::1/128 -j RETURN
-A OSTIARY_REDIRECT -p tcp --dport 443 -j REDIRECT --to-ports 15001
COMMIT
END
