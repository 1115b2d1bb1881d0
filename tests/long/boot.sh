#!/bin/sh
# Boots the Debian in the folder $1 with its systemd as process 1, in namespaces that the caller made:
#   unshare --mount --pid --fork --uts --ipc --net --cgroup tests/long/boot.sh FOLDER
set -eu
root=$1
ip link set lo up
hostname picket-boot
mount --make-rprivate /
mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs dev
for node in null zero full random urandom tty; do
    touch dev/$node
    mount --bind /dev/$node dev/$node
done
mkdir dev/pts dev/shm mnt/old
mount -t devpts -o ptmxmode=0666 devpts dev/pts
mount -t tmpfs tmpfs dev/shm
ln -s /proc/self/fd dev/fd
ln -s pts/ptmx dev/ptmx
pivot_root . mnt/old
umount -l /mnt/old
rmdir /mnt/old
mount --make-rshared / # as on a machine; LoadCredential= needs it
exec env -i container=other PATH=/usr/sbin:/usr/bin:/sbin:/bin /lib/systemd/systemd
