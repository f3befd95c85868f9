//! What the process and the machine use, read from /proc: CPU, memory, file descriptors.
//!
//! In: the text of some files; out: numbers. Where a file is not there (another system), 0: a page that shows nothing
//! is better than a gateway that does not run. Reading blocks for a moment, and for some milliseconds with thousands of
//! open descriptors, so it belongs on a blocking thread.

use std::fs;

use metrics::{counter, gauge};

/// Use of the process and the machine at one moment; CPU times since their start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    pub cpu_ms: u64,
    pub machine_busy_ms: u64,
    pub machine_total_ms: u64,
    pub memory_bytes: u64,
    pub memory_machine_bytes: u64,
    pub files: u64,
    pub files_bound: u64,
}

impl Usage {
    /// Reads it all now.
    pub fn read() -> Usage {
        let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (machine_busy_ms, machine_total_ms) = machine(&text("/proc/stat"));
        Usage {
            cpu_ms: cpu_ms(&text("/proc/self/stat")),
            machine_busy_ms,
            machine_total_ms,
            memory_bytes: kib(&text("/proc/self/status"), "VmRSS:"),
            memory_machine_bytes: kib(&text("/proc/meminfo"), "MemTotal:"),
            files: fs::read_dir("/proc/self/fd").map_or(0, |d| d.count() as u64),
            files_bound: rustix::process::getrlimit(rustix::process::Resource::Nofile).current.unwrap_or(u64::MAX),
        }
    }

    /// Cores that the process has used on average since `earlier`, `ms` ago.
    pub fn cores_since(&self, earlier: &Usage, ms: u64) -> f32 {
        self.cpu_ms.saturating_sub(earlier.cpu_ms) as f32 / ms.max(1) as f32
    }

    /// Share of the machine's cores that was busy since `earlier`, 0 to 1.
    pub fn machine_busy_since(&self, earlier: &Usage) -> f32 {
        let total = self.machine_total_ms.saturating_sub(earlier.machine_total_ms);
        let busy = self.machine_busy_ms.saturating_sub(earlier.machine_busy_ms);
        if total == 0 { 0.0 } else { busy as f32 / total as f32 }
    }

    /// Puts it into the metrics.
    pub fn tell(&self) {
        counter!("skyeye_node_cpu_ms_total").absolute(self.cpu_ms);
        gauge!("skyeye_node_memory_bytes").set(self.memory_bytes as f64);
        gauge!("skyeye_node_memory_machine_bytes").set(self.memory_machine_bytes as f64);
        gauge!("skyeye_node_files").set(self.files as f64);
        gauge!("skyeye_node_files_bound").set(self.files_bound as f64);
    }
}

/// The kernel counts in hundredths of a second on every Linux that we run on (USER_HZ).
const MS_A_TICK: u64 = 10;

/// User and system time of `/proc/self/stat`. The name of the program in brackets may hold anything.
fn cpu_ms(stat: &str) -> u64 {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let field = |n: usize| after.split_ascii_whitespace().nth(n).and_then(|f| f.parse::<u64>().ok()).unwrap_or(0);
    // Fields 14 and 15 of the whole line (proc(5)); the state behind the bracket is field 3.
    (field(11) + field(12)) * MS_A_TICK
}

/// Busy and whole time of the first line of `/proc/stat`.
fn machine(stat: &str) -> (u64, u64) {
    let fields: Vec<u64> = stat
        .lines()
        .next()
        .unwrap_or_default()
        .split_ascii_whitespace()
        .skip(1)
        .take(8)
        .map(|f| f.parse().unwrap_or(0))
        .collect();
    let total: u64 = fields.iter().sum();
    // Idle, and waiting for a disk.
    let idle: u64 = fields.iter().skip(3).take(2).sum();
    (total.saturating_sub(idle) * MS_A_TICK, total * MS_A_TICK)
}

fn kib(text: &str, name: &str) -> u64 {
    let value = text.lines().find_map(|l| l.strip_prefix(name));
    value.and_then(|v| v.trim().trim_end_matches("kB").trim().parse::<u64>().ok()).unwrap_or(0) * 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let stat = "77 (sky) eye (x) S 1 77 77 0 -1 4194304 9 8 7 6 250 50 3 4 20 0 9 0 5 6 7";
        assert_eq!(cpu_ms(stat), 3000);
        assert_eq!(cpu_ms("nonsense"), 0);
        assert_eq!(machine("cpu  100 0 50 800 50 0 0 0 0 0\ncpu0 1 2 3\n"), (1500, 10_000));
        assert_eq!(machine(""), (0, 0));
        assert_eq!(kib("VmPeak:\t 9 kB\nVmRSS:\t    2048 kB\n", "VmRSS:"), 2 << 20);
    }

    #[test]
    fn this_process_uses_something() {
        let usage = Usage::read();
        assert!(usage.memory_bytes > 1 << 20 && usage.memory_machine_bytes > usage.memory_bytes);
        assert!(usage.files >= 3 && usage.files_bound > usage.files);
        let later = Usage { cpu_ms: usage.cpu_ms + 500, ..usage };
        assert!((later.cores_since(&usage, 1000) - 0.5).abs() < 1e-6);
    }
}
