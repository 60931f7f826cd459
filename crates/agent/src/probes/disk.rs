//! Room on the disks.

use super::finding::{Finding, Outcome, Unmeasured};
use super::reading;
use crate::host::{Host, RunLimits};

pub(super) fn space(host: &dyn Host, paths: &[String], max_used_percent: u32) -> Outcome {
    let mut there = Vec::new();
    for path in paths {
        if reading::exists(host, path)? {
            there.push(path.as_str());
        }
    }
    let mut full = Vec::new();
    for (options, what) in [("-Pk", "space"), ("-Pi", "inodes")] {
        let argv: Vec<&str> = ["df", options].into_iter().chain(there.iter().copied()).collect();
        let text = reading::answer(host, &argv, RunLimits::QUICK)?;
        // POSIX form: source, total, used, available, percent, mount point. File systems without inodes print `-`.
        for line in text.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (Some(percent), Some(point)) = (fields.get(4), fields.get(5)) else {
                return Err(Unmeasured::unknown("the answer was not understood", argv.join(" ")));
            };
            let used = percent.strip_suffix('%').and_then(|number| number.parse::<u32>().ok());
            if used.is_some_and(|used| used > max_used_percent) {
                full.push(format!("{point} ({what})"));
            }
        }
    }
    let fine = format!("at most {max_used_percent} percent used");
    let reason = format!("more than {max_used_percent} percent are used");
    Ok(Finding::offenders(full, &fine, &reason, "df"))
}
