//! How much memory there is, as the kernel counts it.

use std::fs;

/// What the kernel thinks can be had without swapping.
pub(super) fn available() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}

/// What this process holds now.
pub(super) fn held() -> Option<u64> {
    let text = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = text.split(' ').nth(1)?.parse().ok()?;
    Some(pages * procfs::page_size())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_holds_some_and_there_is_more() {
        assert!(held().unwrap() > 1 << 20);
        assert!(available().unwrap() > 1 << 20);
    }
}
