#!/bin/sh
# Called by udhcpc with the lease in variables; tells both consoles which address the guest got.
case $1 in
deconfig) ip addr flush dev "$interface" ;;
bound | renew)
    ip addr replace "$ip/${mask:-24}" dev "$interface"
    [ -n "$router" ] && ip route replace default via "${router%% *}" dev "$interface"
    : >/etc/resolv.conf
    for server in $dns; do echo "nameserver $server" >>/etc/resolv.conf; done
    [ "$1" = bound ] || exit 0
    for screen in /dev/tty1 /dev/ttyS0; do
        printf '\r\033[K  address   %s on %s\n%s:/# ' "$ip" "$interface" "$(hostname)" >"$screen" 2>/dev/null
    done
    ;;
esac
