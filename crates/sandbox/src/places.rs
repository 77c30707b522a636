//! What a program needs to start, to find a host and to check a certificate. None of it is secret.
//!
//! Not in it, on purpose: `/etc/passwd`, `/etc/ssl/private`, `/dev/shm`, `/dev/tty`, and `/proc`,
//! where every process of the user shows its command line.

/// May be read and executed, where it is there.
pub(crate) const READABLE: [&str; 38] = [
    // The dynamic loader and what it loads.
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/usr/lib",
    "/usr/lib32",
    "/usr/lib64",
    "/usr/libx32",
    "/usr/local/lib",
    "/usr/local/lib64",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    // Names of hosts and services.
    "/etc/gai.conf",
    "/etc/host.conf",
    "/etc/hosts",
    "/etc/nsswitch.conf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    // Certificates of authorities, and how TLS is to be used; no keys.
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/usr/local/share/ca-certificates",
    "/usr/share/ca-certificates",
    // Time zones and languages.
    "/etc/localtime",
    "/usr/share/locale",
    "/usr/share/zoneinfo",
    // How many processors there are.
    "/sys/devices/system/cpu",
    // Randomness.
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];

/// May be read and written, where it is there.
pub(crate) const WRITABLE: [&str; 1] = ["/dev/null"];
