//! How much memory a long feed takes. By hand, in a process of its own and without debug code:
//!
//! ```text
//! cargo test --release --test stix memory -- --ignored --nocapture
//! ```

use std::io::{self, Read};

use defender_response::stix;

use crate::made::{options, whole};

/// A bundle that is made while it is read: one indicator in a thousand objects.
struct Endless {
    length: u64,
    made: u64,
    objects: u64,
    left: Vec<u8>,
}

impl Read for Endless {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        if self.left.is_empty() && self.made < self.length {
            let n = self.objects;
            let object = if n.is_multiple_of(1000) {
                format!(
                    r#"{{"type":"indicator","id":"indicator--{n}","pattern":"[domain-name:value = 'h{n}.example']"}}"#
                )
            } else {
                let text = "Observed in the wild, and related to others. ".repeat(8);
                format!(
                    r#"{{"type":"relationship","id":"relationship--{n}","description":"{text}","x":[{{"y":[1,2]}}]}}"#
                )
            };
            let start = if n == 0 { r#"{"type":"bundle","objects":["# } else { "," };
            self.objects += 1;
            self.left = [start.as_bytes(), object.as_bytes()].concat();
            self.made += self.left.len() as u64;
            if self.made >= self.length {
                self.left.extend_from_slice(b"]}");
            }
        }
        let length = self.left.len().min(piece.len());
        let rest = self.left.split_off(length);
        piece[..length].copy_from_slice(&self.left);
        self.left = rest;
        Ok(length)
    }
}

/// The most memory that this process has held, in KiB, as Linux counts it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

#[test]
#[ignore = "a gigabyte is read"]
fn a_gigabyte_of_other_objects_takes_less_than_64_mib_beside_the_plan() {
    let Some(before) = peak() else {
        return eprintln!("SKIPPED: only Linux says how much memory it was");
    };
    let feed = Endless { length: 1 << 30, made: 0, objects: 0, left: Vec::new() };
    let plan = stix::plan(feed, &options()).unwrap();
    let taken = peak().unwrap() - before;
    whole(&plan);
    let indicators = plan.indicators().len();
    eprintln!("{taken} KiB for {} objects, {indicators} indicators", plan.counts().objects);
    assert!(indicators > 2000 && taken < 64 * 1024, "{taken} KiB");
}
