//! Limits of the container that the process runs in.

use std::fs;

/// Returns the memory limit of the container in bytes, if it has one: of version 2 of control groups, or of version 1, where the number
/// without a limit is larger than any machine's memory.
#[must_use]
pub fn container_memory() -> Option<u64> {
    let files = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    files.iter().find_map(|file| fs::read_to_string(file).ok()?.trim().parse().ok())
}
