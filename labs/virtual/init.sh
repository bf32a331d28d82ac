#!/bin/sh
# SPDX-License-Identifier: MIT
# The first process of a guest: what the image needs at @NAME@ is filled in when it is made.
export PATH=/bin HOME=/root LC_ALL=C.UTF-8
busybox mount -t proc proc /proc
busybox mount -t sysfs sys /sys
busybox mount -t devtmpfs dev /dev
busybox mount -t tmpfs tmp /tmp
busybox mount -t tmpfs run /run
busybox mkdir -p /dev/shm /run/netns
busybox mount -t tmpfs shm /dev/shm
busybox mount -t bpf bpf /sys/fs/bpf
busybox mount -t tracefs trace /sys/kernel/tracing

case "$(busybox cat /proc/cmdline)" in
*lab.probe*) echo "lab: up"; busybox poweroff -f ;;
esac

# The job imports what it needs meanwhile, on the other processor.
(
    while read -r name; do
        busybox insmod "/lab/modules/$name.ko" || echo "lab: module $name was refused"
    done < /lab/modules/order
    busybox ip link set lo up
    echo > @READY@
) &

cd @PROJECT@ || busybox poweroff -f
export PYTHONPATH=@SITE@ PYTHONDONTWRITEBYTECODE=1 PYTEST_DISABLE_PLUGIN_AUTOLOAD=1
@PYTHON@ -S -m labs.virtual.guest || echo "lab: the job ended with $?"
busybox sync
busybox poweroff -f
