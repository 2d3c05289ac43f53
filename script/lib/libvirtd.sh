#!/usr/bin/env bash
# Brings up the machine's own libvirt (qemu:///system) with its "default" network and pool, and does nothing when
# they are already there. Where systemd is PID 1 it asks systemd; elsewhere (containers, small sandboxes) it starts
# virtlogd and libvirtd as detached daemons that outlive the console, so that guests keep running.
# Run it by itself or let script/server do it. Exit status 0: libvirt answers. 3: not possible here, the reason was printed.
set -u

URI=qemu:///system
RUN_DIR=/run/kvmweb
IMAGES=/var/lib/libvirt/images

say() { printf '    %s\n' "$*"; }
fail() { printf '    %s\n' "$*" >&2; exit 3; }

answers() { LC_ALL=C timeout "${1:-10}" virsh -q -c "$URI" uri </dev/null >/dev/null 2>&1; }

kvm_works() { grep -qwE 'vmx|svm' /proc/cpuinfo && [ -c /dev/kvm ]; }

has_systemd() { [ -d /run/systemd/system ] && command -v systemctl >/dev/null; }

# A /dev/kvm that opens but cannot run guests makes libvirt redo its capability probe for every call: 32-92 s per
# define (libvirt 9.0). The daemon therefore gets a mount namespace in which the device is an empty, closed file.
start_daemon() {
    if kvm_works || [ ! -e /dev/kvm ]; then
        setsid "$@" </dev/null >"$RUN_DIR/start.log" 2>&1
        return
    fi
    install -m 000 /dev/null "$RUN_DIR/no-kvm" || return
    # The namespace follows mounts made outside (slave) and is shared again inside: libvirt hands bind mounts to the
    # private namespace of each QEMU by propagation and fails with "Unable to move ... /dev/kvm" without it.
    setsid unshare --mount --propagation slave \
        sh -c 'mount --make-rshared / && mount --bind "$0" /dev/kvm && exec "$@"' "$RUN_DIR/no-kvm" "$@" </dev/null >"$RUN_DIR/start.log" 2>&1
}

is_alive() { [ -r "$1" ] && kill -0 "$(cat "$1")" 2>/dev/null; }

start_with_systemd() {
    systemctl start virtlogd.socket libvirtd.service || fail "systemd could not start libvirtd; see: journalctl -u libvirtd"
    if [ -e /dev/kvm ] && ! kvm_works; then
        say "This CPU has no vmx/svm flag but /dev/kvm exists; libvirt may then take half a minute for each call. Fix:"
        say "  printf '[Service]\\nInaccessiblePaths=/dev/kvm\\n' | sudo install -D /dev/stdin /etc/systemd/system/libvirtd.service.d/no-kvm.conf"
        say "  sudo systemctl daemon-reload && sudo systemctl restart libvirtd"
    fi
}

start_by_hand() {
    mkdir -p "$RUN_DIR" /var/log/libvirt /run/libvirt || fail "cannot write to /run; run this as root."
    is_alive /run/virtlogd.pid || start_daemon virtlogd -d || fail "virtlogd did not start: $(tail -n 2 "$RUN_DIR/start.log")"
    is_alive /run/libvirtd.pid || start_daemon libvirtd -d || fail "libvirtd did not start: $(tail -n 2 "$RUN_DIR/start.log")"
}

start_libvirtd() {
    answers && return
    [ "$(id -u)" = 0 ] || fail "libvirt does not answer and starting it needs root: sudo script/lib/libvirtd.sh"
    command -v libvirtd >/dev/null || fail "libvirtd is not installed: apt-get install libvirt-daemon-system libvirt-clients qemu-system-x86"
    say "starting libvirtd$(kvm_works || echo ' (no hardware virtualisation: guests will be emulated)')"
    if has_systemd; then start_with_systemd; else start_by_hand; fi
    for _ in $(seq 60); do
        answers 5 && return
        sleep 0.5
    done
    fail "libvirtd was started but does not answer on $URI; see /var/log/libvirt or run: libvirtd -v"
}

free_subnet() {
    for third in 122 123 124 125 126 127 130 140 150; do
        if ! ip -4 addr show | grep -q "inet 192\.168\.$third\." && ! ip -4 route show | grep -q "^192\.168\.$third\."; then
            echo "192.168.$third"
            return
        fi
    done
    return 1
}

virsh_system() { LC_ALL=C timeout 60 virsh -q -c "$URI" "$@" </dev/null; }

free_bridge() {
    for number in 0 1 2 3 4 5 6 7 8 9; do
        [ -e /sys/class/net/virbr$number ] || { echo virbr$number; return; }
    done
    return 1
}

define_network() {
    local net file
    net=$(free_subnet) || fail "no free 192.168.x.0/24 for the default network; define one by hand: virsh net-define"
    file=$(mktemp) || return
    cat >"$file" <<XML
<network><name>default</name><forward mode='nat'/><bridge name='$(free_bridge)' stp='on' delay='0'/>
<ip address='$net.1' netmask='255.255.255.0'><dhcp><range start='$net.2' end='$net.254'/></dhcp></ip></network>
XML
    virsh_system net-define "$file" >/dev/null
    rm -f "$file"
    say "defined network default ($net.0/24, NAT)"
}

start_network() {
    local output net bridge
    output=$(virsh_system net-start default 2>&1) && return
    case $output in *"already in use"* | *"already active"*) ;; *) say "network default did not start: $output"; return 1 ;; esac
    # Debian ships the network on 192.168.122.0/24; a nested machine often has that subnet on its own uplink.
    net=$(free_subnet) && bridge=$(free_bridge) || return 1
    virsh_system net-dumpxml --inactive default |
        sed "s/192\.168\.[0-9]*\./$net./g; s/bridge name='[^']*'/bridge name='$bridge'/" >"$RUN_DIR/net.xml"
    virsh_system net-define "$RUN_DIR/net.xml" >/dev/null && virsh_system net-start default >/dev/null
    say "moved network default to $net.0/24 on $bridge, its subnet was taken"
}

# virsh pads the names of some lists with blanks, hence awk and not grep -x.
lists_default() { virsh_system "$@" --name | awk '$1 == "default" { found = 1 } END { exit !found }'; }

ensure_network() {
    lists_default net-list && return
    [ "$(id -u)" = 0 ] && mkdir -p "$RUN_DIR"
    lists_default net-list --all || define_network
    start_network && virsh_system net-autostart default >/dev/null && say "network default is up"
}

ensure_pool() {
    lists_default pool-list && return
    if ! lists_default pool-list --all; then
        virsh_system pool-define-as default dir --target "$IMAGES" >/dev/null && virsh_system pool-build default >/dev/null
    fi
    virsh_system pool-start default >/dev/null && virsh_system pool-autostart default >/dev/null && say "pool default is up ($IMAGES)"
}

start_libvirtd
ensure_network || say "continuing without the default network; guests can still be created without a NIC."
ensure_pool || say "continuing without the default pool; see: virsh -c $URI pool-list --all"
exit 0
