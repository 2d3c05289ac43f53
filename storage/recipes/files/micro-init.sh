#!/bin/sh
# /etc/rc of the micro guest, run once by busybox init: devices, modules, name, network, banner.
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
mkdir -p /dev/pts /run /disk /seed
mount -t devpts pts /dev/pts
mount -t tmpfs run /run

while read -r module; do insmod "/lib/modules/$module.ko" 2>/dev/null; done </etc/modules

mount -t ext4 /dev/vda1 /disk 2>/dev/null || mount -t ext4 /dev/sda1 /disk 2>/dev/null

# A NoCloud seed gives the guest its name; see cloud-init's documentation of that data source.
name=micro
for device in /dev/vd[b-z] /dev/sr? /dev/sd[b-z]; do
    [ -b "$device" ] && mount -t iso9660 -o ro "$device" /seed 2>/dev/null || continue
    seed_name=$(sed -n 's/^ *"\?local-hostname"\?: *"\?\([a-z0-9-]*\).*/\1/p' /seed/meta-data 2>/dev/null | head -n 1)
    [ -n "$seed_name" ] && name=$seed_name
    umount /seed
    break
done
hostname "$name"

ip link set lo up
for nic in /sys/class/net/eth*; do
    [ -e "$nic" ] || continue
    nic=${nic##*/}
    ip link set "$nic" up
    udhcpc -b -q -S -T 2 -t 15 -A 10 -i "$nic" -x "hostname:$name" -s /etc/udhcpc.script >/dev/null 2>&1 &
done
acpid -l /dev/null -p /run/acpid.pid 2>/dev/null

read -r uptime _ </proc/uptime
for screen in /dev/tty1 /dev/ttyS0; do
    {
        printf '\033[2J\033[H\n  kvmweb micro guest ready\n\n'
        printf '  name      %s\n  kernel    %s\n  started   in %s s\n\n' "$name" "$(uname -r)" "$uptime"
        printf '  This is a tiny Linux that lives in memory; what you write to /disk is kept.\n'
        printf '  Type "poweroff" to switch it off.\n\n'
    } >"$screen" 2>/dev/null
done
