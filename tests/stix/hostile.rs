//! The worst texts there are: as long and as deep as they may be.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hash;
use std::thread;

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
    let count = (MAX_LENGTH - start.len() - end.len()) / piece.len();
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

#[test]
fn the_widest_tree_is_as_any_other() {
    assert!(survives(filled("[a:b=1", " OR a:b=1", "]")));
    assert!(survives(filled("[a:b=1", " AND a:b=1 OR a:b=1", "]")));
    assert!(survives(filled("[a:b=1]", " FOLLOWEDBY [a:b=1]", "")));
    assert!(survives(filled("[a:b=1]", " REPEATS 1 TIMES", "")));
    assert!(survives(filled("([a:b=1]", " WITHIN 1 SECONDS) WITHIN 1 SECONDS AND ([a:b=1]", ")")));
    assert!(survives(filled("[a:b", "[*]", "=1]")));
    assert!(survives(filled("[a:b IN (1", ",1", ")]")));
    assert!(survives(filled("[a:b='", "\\'", "']")));
    assert!(survives(filled("[a:b=", "9", "]")));
    assert!(survives(filled("", "/**/", "[a:b=1]")));
}

#[test]
fn what_is_opened_over_and_over_is_an_error() {
    for piece in [
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
    ] {
        assert!(!survives(filled("", piece, "")), "{piece}");
    }
}
