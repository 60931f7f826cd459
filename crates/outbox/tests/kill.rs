//! kill -9 of the owning process at random instants, many times over one queue, and a real full disk.
//!
//! The child is this very test binary. It says on its standard output what it is about to do and what it has done; the
//! parent kills it after a random number of such lines and compares the queue with what was said.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::UNIX_EPOCH;

use proofline_outbox::{Limits, Outbox, OutboxError};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

const CHILD_QUEUE: &str = "PROOFLINE_OUTBOX_TEST_QUEUE";
const CHILD_SEED: &str = "PROOFLINE_OUTBOX_TEST_SEED";
const KILLS: u64 = 60;

fn payload(seq: u64) -> Vec<u8> {
    format!("payload {seq} ").repeat(usize::try_from(1 + seq % 90).expect("small")).into_bytes()
}

fn child(test: &str, queue: &Path, seed: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("has a path"));
    command.args(["--exact", test, "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(CHILD_QUEUE, queue).env(CHILD_SEED, seed.to_string()).stdout(Stdio::piped());
    command
}

fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "@{line}").and_then(|()| out.flush()).expect("the parent listens");
}

/// Appends batches and acknowledges at random for ever.
#[test]
#[ignore = "the child of the test below"]
fn child_that_works_until_killed() {
    let Some(path) = std::env::var_os(CHILD_QUEUE) else { return };
    let seed: u64 = std::env::var(CHILD_SEED).expect("is set").parse().expect("is a number");
    let mut random = StdRng::seed_from_u64(seed);
    let outbox = Outbox::open(path, Limits { max_receipts: 20, ..Limits::default() }).expect("opens");
    loop {
        let waiting = outbox.peek(30, usize::MAX).expect("peeks");
        if waiting.len() < 30 && random.random_bool(0.7) {
            let count = random.random_range(1..=5_u64);
            let first = outbox.last().map_or(1, |(seq, _)| seq + 1);
            say(&format!("appending {count}"));
            outbox
                .write(|batch| -> Result<(), OutboxError> {
                    for seq in first..first + count {
                        batch.append(UNIX_EPOCH, &payload(seq))?;
                    }
                    batch.set_note("last", &(first + count - 1).to_le_bytes())
                })
                .expect("appends");
            say(&format!("appended {}", first + count - 1));
        } else if !waiting.is_empty() {
            let picked: Vec<u64> =
                waiting.iter().map(|item| item.seq).filter(|_| random.random_bool(0.5)).collect();
            let text = picked.iter().map(u64::to_string).collect::<Vec<_>>().join(" ");
            say(&format!("acknowledging {text}"));
            outbox.acknowledge(picked.iter().map(|seq| (*seq, &b"r"[..]))).expect("acknowledges");
            say(&format!("acknowledged {text}"));
        }
    }
}

/// What the child has said so far.
#[derive(Default)]
struct Said {
    last: u64,
    waiting: BTreeSet<u64>,
    under_way: Option<UnderWay>,
}

enum UnderWay {
    Appending(u64),
    Acknowledging(Vec<u64>),
}

impl Said {
    fn hear(&mut self, line: &str) {
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let numbers: Vec<u64> = rest.split_whitespace().map(|n| n.parse().expect("is a number")).collect();
        match word {
            "appending" => self.under_way = Some(UnderWay::Appending(numbers[0])),
            "acknowledging" => self.under_way = Some(UnderWay::Acknowledging(numbers)),
            "appended" => {
                self.waiting.extend(self.last + 1..=numbers[0]);
                (self.last, self.under_way) = (numbers[0], None);
            }
            "acknowledged" => {
                self.waiting.retain(|seq| !numbers.contains(seq));
                self.under_way = None;
            }
            other => panic!("unknown line {other}"),
        }
    }

    /// What is true if the write under way when the child died did commit.
    fn with_under_way(&self) -> (u64, BTreeSet<u64>) {
        let mut waiting = self.waiting.clone();
        match &self.under_way {
            None => (self.last, waiting),
            Some(UnderWay::Appending(count)) => {
                waiting.extend(self.last + 1..=self.last + count);
                (self.last + count, waiting)
            }
            Some(UnderWay::Acknowledging(picked)) => {
                waiting.retain(|seq| !picked.contains(seq));
                (self.last, waiting)
            }
        }
    }
}

fn run_and_kill(mut child: Child, random: &mut StdRng, said: &mut Said) {
    let (lines, delay) = (random.random_range(1..60), random.random_range(0..100_000));
    let output = BufReader::new(child.stdout.take().expect("is piped"));
    let mut heard = 0_u64;
    for line in output.lines() {
        let line = line.expect("is text");
        let Some(line) = line.split_once('@').map(|(_, line)| line) else { continue };
        said.hear(line);
        heard += 1;
        if heard == lines {
            // Some way into what follows the line, not always at its beginning.
            (0..delay).for_each(|_| std::hint::spin_loop());
            child.kill().expect("is killed");
        }
    }
    assert!(heard >= lines, "the child ended by itself after {heard} lines");
    child.wait().expect("is reaped");
}

#[test]
fn nothing_is_lost_or_doubled_or_half_there_whenever_the_process_is_killed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let path = dir.path().join("queue.db");
    let mut random = StdRng::seed_from_u64(20_261_122);
    let mut said = Said::default();
    let mut committed_unsaid = 0;
    for round in 0..KILLS {
        let child = child("child_that_works_until_killed", &path, round).spawn().expect("starts");
        run_and_kill(child, &mut random, &mut said);

        let outbox = Outbox::open(&path, Limits::default()).expect("opens after a kill");
        assert!(outbox.losses().expect("reads").is_empty(), "round {round}");
        let items = outbox.peek(1_000, usize::MAX).expect("peeks");
        for item in &items {
            assert_eq!(item.payload, payload(item.seq), "round {round}");
        }
        let waiting: BTreeSet<u64> = items.iter().map(|item| item.seq).collect();
        let last = outbox.last().map_or(0, |(seq, _)| seq);
        let note = outbox
            .note("last")
            .expect("reads")
            .map_or(0, |n| u64::from_le_bytes(n.try_into().expect("8 bytes")));
        assert_eq!(note, last, "round {round}: the note was written with its payloads");
        let found = (last, waiting);
        let (without, with) = ((said.last, said.waiting.clone()), said.with_under_way());
        assert!(
            found == without || found == with,
            "round {round}: {found:?} is neither {without:?} nor {with:?}"
        );
        committed_unsaid += u64::from(found != without);
        said = Said { last: found.0, waiting: found.1, under_way: None };
    }
    assert!(said.last > KILLS, "the children did work: {}", said.last);
    println!("{KILLS} kills, {} payloads, {committed_unsaid} writes had committed unsaid", said.last);
}

/// Fills a small file system, makes room, goes on.
#[test]
#[ignore = "the child of the test below"]
fn child_that_fills_its_disk() {
    let Some(path) = std::env::var_os(CHILD_QUEUE) else { return };
    let outbox = Outbox::open(&path, Limits::default()).expect("opens");
    let ballast = |round: u32| Path::new(&path).with_file_name(format!("ballast-{round}"));
    for round in 0..5 {
        std::fs::write(ballast(round), vec![0; 150_000]).expect("takes room");
    }
    let append = || outbox.append(UNIX_EPOCH, &[], |_| Ok::<_, OutboxError>(vec![7; 5_000]));
    let mut stored = 0;
    for round in 0..5 {
        loop {
            match append() {
                Ok(_) => stored += 1,
                Err(OutboxError::DiskFull) => break,
                Err(other) => panic!("round {round}: {other:?}"),
            }
        }
        assert!(matches!(append(), Err(OutboxError::DiskFull)));
        assert_eq!(outbox.depth().items, stored);
        std::fs::remove_file(ballast(round)).expect("makes room");
        assert_eq!(append().expect("works again as soon as there is room"), stored + 1);
        stored += 1;
        let all: Vec<u64> =
            outbox.peek(1_000, usize::MAX).expect("peeks").iter().map(|item| item.seq).collect();
        assert_eq!(all, (1..=stored).collect::<Vec<_>>());
    }
    drop(outbox);
    let outbox = Outbox::open(&path, Limits::default()).expect("opens again");
    assert_eq!((outbox.depth().items, outbox.losses().expect("reads").len()), (stored, 0));
    say(&format!("stored {stored}"));
}

#[test]
fn a_file_system_that_runs_full_is_survived() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut inner = child("child_that_fills_its_disk", &dir.path().join("queue.db"), 0);
    // A private mount namespace: the small file system is seen by the child only and goes away with it.
    let mut namespace = Command::new("unshare");
    namespace
        .args(["--user", "--map-root-user", "--mount", "sh", "-c"])
        .arg(r#"mount -t tmpfs -o size=1500k tmpfs "$1" || { echo @no-mount; exit 0; }; shift; exec "$@""#)
        .arg("sh")
        .arg(dir.path())
        .arg(inner.get_program())
        .args(inner.get_args())
        .envs(inner.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let output = namespace.output().or_else(|_| inner.arg("--list").output()).expect("runs");
    let said = String::from_utf8_lossy(&output.stdout);
    if !said.contains('@') || said.contains("@no-mount") {
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(!errors.contains("panicked"), "{errors}");
        assert!(std::env::var_os("CI").is_none(), "not skipped where CI is set: no private mount namespace");
        println!("not run: this machine gives no private mount namespace");
        return;
    }
    assert!(
        output.status.success() && said.contains("@stored"),
        "{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}
