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
    if there.is_empty() {
        return Err(Unmeasured::unknown("none of the folders is there", paths.join(", ")));
    }
    let mut full = Vec::new();
    for (options, what) in [("-Pk", "space"), ("-Pi", "inodes")] {
        let argv: Vec<&str> = ["df", options].into_iter().chain(there.iter().copied()).collect();
        let unclear = || Unmeasured::unknown("the answer was not understood", argv.join(" "));
        let text = reading::answer(host, &argv, RunLimits::QUICK)?;
        let lines: Vec<Line<'_>> =
            text.lines().skip(1).map(parse).collect::<Option<_>>().ok_or_else(unclear)?;
        // One line for each folder, or it does not speak of all of them.
        if lines.len() != there.len() {
            return Err(unclear());
        }
        for line in lines {
            match line.used_percent {
                Some(used) if used > max_used_percent => full.push(format!("{} ({what})", line.point)),
                Some(_) => {}
                // File systems without a fixed number of inodes print a dash.
                None if what == "inodes" => {}
                None => return Err(unclear()),
            }
        }
    }
    let fine = format!("at most {max_used_percent} percent used");
    let reason = format!("more than {max_used_percent} percent are used");
    Ok(Finding::offenders(full, &fine, &reason, "df"))
}

struct Line<'a> {
    used_percent: Option<u32>,
    point: &'a str,
}

/// The POSIX form: source, total, used, available, percent, mount point. Sources and mount points may hold spaces.
fn parse(line: &str) -> Option<Line<'_>> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let is_number = |word: &&str| **word == *"-" || word.parse::<i64>().is_ok();
    let percent = (4..words.len()).find(|&place| {
        words.get(place - 3..place).is_some_and(|numbers| numbers.iter().all(is_number))
            && words.get(place).is_some_and(|word| *word == "-" || word.ends_with('%'))
    })?;
    let word = words.get(percent)?;
    let used_percent = match word.strip_suffix('%') {
        Some(number) => Some(number.parse().ok()?),
        None => None,
    };
    let point = words.get(percent + 1)?;
    // As it is written, spaces included.
    let point = line.rfind(&format!(" {point}")).and_then(|start| line.get(start + 1..)).unwrap_or(point);
    Some(Line { used_percent, point })
}
