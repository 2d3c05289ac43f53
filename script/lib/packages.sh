# Debian packages by purpose, sourced by the scripts.
BUILD_PACKAGES=(python3-venv python3-dev gcc libc6-dev pkg-config libvirt-dev ca-certificates)
SERVICE_PACKAGES=(redis-server)
HYPERVISOR_PACKAGES=(
    libvirt-daemon-system libvirt-clients qemu-system-x86 qemu-utils dnsmasq-base ovmf swtpm swtpm-tools osinfo-db
    iproute2 iptables nftables openssh-client
)
# What requirements-ldap.txt is built with.
LDAP_PACKAGES=(libldap2-dev libsasl2-dev)
IMAGE_PACKAGES=(mmdebstrap grub-common grub-pc-bin e2fsprogs)
TEST_PACKAGES=(postgresql chromium tesseract-ocr procps slapd ldap-utils "${LDAP_PACKAGES[@]}")
