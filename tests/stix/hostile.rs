//! The worst texts there are: as long and as deep as they may be.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::thread;
use std::time::{Duration, Instant};

use defender_response::stix::Pattern;
use defender_response::stix::pattern::{MAX_LENGTH, MAX_NESTING};

/// Everything that can be done with a pattern, on a small stack: an overflow ends the whole test run.
fn survives(text: String) -> bool {
    let work = move || {
        let Ok(pattern) = Pattern::parse(&text) else { return false };
        let owned = pattern.clone().into_owned();
        let mut hasher = DefaultHasher::new();
        owned.hash(&mut hasher);
        assert_eq!(owned, pattern);
        assert_eq!(owned.tests().count(), pattern.tests().count());
        assert!(!format!("{owned} {owned:?}").is_empty());
        true
    };
    thread::Builder::new().stack_size(512 * 1024).spawn(work).unwrap().join().unwrap()
}

/// `piece` over and over, to the greatest length.
fn filled(start: &str, piece: &str, end: &str) -> String {
    filled_to(MAX_LENGTH, start, piece, end)
}

fn filled_to(length: usize, start: &str, piece: &str, end: &str) -> String {
    let count = (length - start.len() - end.len()) / piece.len();
    [start, &piece.repeat(count), end].concat()
}

#[test]
fn the_deepest_tree_needs_little_stack() {
    let open = "[a:b=1] FOLLOWEDBY [a:b=1] OR [a:b=1] AND (".repeat(MAX_NESTING);
    let close = ") WITHIN 1 SECONDS".repeat(MAX_NESTING);
    assert!(survives(format!("{open}[a:b=1]{close}")));
    let open = "a:b=1 OR a:b=1 AND (".repeat(MAX_NESTING);
    assert!(survives(format!("[{open}a:b=1{}]", ")".repeat(MAX_NESTING))));
}

/// A start, a piece that can be repeated, and an end: each a pattern.
const WIDE: &[[&str; 3]] = &[
    ["[a:b=1", " OR a:b=1", "]"],
    ["[a:b=1", " AND a:b=1 OR a:b=1", "]"],
    ["[a:b=1 AND (a:b=1 AND (a:b=1 AND (a:b=1", " AND a:b=1", ")))]"],
    ["[a:b=1]", " FOLLOWEDBY [a:b=1]", ""],
    ["[a:b=1]", " OR ([a:b=1] OR [a:b=1])", ""],
    ["[a:b=1]", " REPEATS 1 TIMES", ""],
    ["([a:b=1]", " WITHIN 1 SECONDS) WITHIN 1 SECONDS AND ([a:b=1]", ")"],
    ["[a:b", "[*]", "=1]"],
    ["[a:b", ".'\\\\'", "=1]"],
    ["[a:b IN (1", ",1", ")]"],
    ["[a:b='", "\\'", "']"],
    ["[a:b='", "x", "']"],
    ["[a:b=", "9", "]"],
    ["[a:b=", "0", ".1]"],
    ["[a:b=h'", "00", "']"],
    ["", "/**/", "[a:b=1]"],
    ["", "//\n", "[a:b=1]"],
    ["", "\u{3000}", "[a:b=1]"],
];

/// What is no pattern however often it is repeated.
const ENDLESS: &[&str] = &[
    "(",
    "[",
    "[(",
    "'",
    "/*",
    "//",
    "NOT ",
    "[NOT ",
    "[a:b=1] AND (",
    "[a:b IN (",
    "t'",
    "0",
    "\\",
    "a",
    "9",
];

#[test]
fn the_widest_tree_is_as_any_other() {
    for [start, piece, end] in WIDE {
        assert!(survives(filled(start, piece, end)), "{piece}");
    }
}

#[test]
fn what_is_opened_over_and_over_is_an_error() {
    for piece in ENDLESS {
        assert!(!survives(filled("", piece, "")), "{piece}");
    }
}

/// Eight times the length takes about eight times as long; were it quadratic, sixty-four. Other load can only lengthen
/// a try, so the shortest ones are compared, and more are made while they look wrong.
#[test]
#[ignore = "it goes by the clock: run it by hand where nothing else runs"]
fn no_text_takes_more_than_linear_time() {
    let time = |text: &str| {
        // With a turn of its own just begun, a try is less likely to be interrupted.
        std::thread::yield_now();
        let start = Instant::now();
        let length = Pattern::parse(text).map_or(0, |pattern| pattern.to_string().len());
        std::hint::black_box(length);
        start.elapsed()
    };
    let endless = ENDLESS.iter().map(|&piece| ["", piece, ""]);
    for [start, piece, end] in WIDE.iter().copied().chain(endless) {
        let long = filled(start, piece, end);
        let short = filled_to(MAX_LENGTH / 8, start, piece, end);
        // So little that a clock can't tell: an error at the beginning.
        let instant = Duration::from_micros(100);
        let mut least = (Duration::MAX, Duration::MAX);
        let linear = (1..=1000).any(|tries| {
            least = (least.0.min(time(&long)), least.1.min(time(&short)));
            tries >= 5 && least.0 < instant.max(least.1 * 20)
        });
        assert!(linear, "{start}{piece}{piece}..{end}");
    }
}
