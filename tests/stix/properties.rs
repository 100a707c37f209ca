//! What holds for every tree and every text.

use std::thread;

use defender_response::stix::Pattern;
use defender_response::stix::pattern::{Comparison, Observation};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};
use proptest::test_runner::{TestCaseError, TestCaseResult, TestRunner};

use crate::trees::observation;

/// The least stack that anything here may need, with room for the test itself.
const STACK: usize = 512 * 1024;

/// Runs a property on a small stack: an overflow ends the whole test run.
fn on_a_small_stack<S: Strategy>(
    strategy: impl FnOnce() -> S + Send + 'static,
    holds: impl Fn(S::Value) -> TestCaseResult + Send + 'static,
) {
    let run = move || TestRunner::default().run(&strategy(), holds).map_err(|e| e.to_string());
    let thread = thread::Builder::new().stack_size(STACK).spawn(run).unwrap();
    thread.join().unwrap().unwrap_or_else(|error| panic!("{error}"));
}

/// What a pattern that parses promises, whatever it is.
fn is_sound(text: &str) -> TestCaseResult {
    let pattern = match Pattern::parse(text) {
        Ok(pattern) => pattern,
        Err(error) => {
            prop_assert!(error.position() <= text.len());
            prop_assert!(text.is_char_boundary(error.position()));
            prop_assert!(error.to_string().len() < 200, "{}", error);
            return Ok(());
        }
    };
    prop_assert!(is_normal(pattern.observation()), "{:?}", pattern);
    let printed = pattern.to_string();
    match Pattern::parse(&printed) {
        Ok(again) => prop_assert_eq!(&again, &pattern),
        // Printing puts blanks and long operators where there were none.
        Err(_) if printed.len() > 64 * 1024 => {}
        Err(error) => return Err(TestCaseError::fail(format!("{printed}: {error}"))),
    }
    Ok(())
}

/// Joined parts are two at least, none joined by the same operator; qualifiers are in one place.
fn is_normal(tree: &Observation<'_>) -> bool {
    let all = |parts: &[Observation<'_>]| parts.len() > 1 && parts.iter().all(is_normal);
    match tree {
        Observation::Of(tree) => is_normal_inside(tree),
        Observation::And(parts) => {
            all(parts) && !parts.iter().any(|part| matches!(part, Observation::And(_)))
        }
        Observation::Or(parts) => {
            all(parts) && !parts.iter().any(|part| matches!(part, Observation::Or(_)))
        }
        Observation::FollowedBy(parts) => {
            all(parts) && !parts.iter().any(|part| matches!(part, Observation::FollowedBy(_)))
        }
        Observation::Qualified(inner, qualifiers) => {
            !qualifiers.is_empty()
                && !matches!(**inner, Observation::Qualified(..))
                && is_normal(inner)
        }
        _ => false,
    }
}

fn is_normal_inside(tree: &Comparison<'_>) -> bool {
    let all = |parts: &[Comparison<'_>]| parts.len() > 1 && parts.iter().all(is_normal_inside);
    match tree {
        Comparison::Test(_) => true,
        Comparison::And(parts) => {
            all(parts) && !parts.iter().any(|part| matches!(part, Comparison::And(_)))
        }
        Comparison::Or(parts) => {
            all(parts) && !parts.iter().any(|part| matches!(part, Comparison::Or(_)))
        }
        _ => false,
    }
}

/// Pieces that patterns are made of, and some that they aren't.
const PIECES: &[&str] = &[
    "[",
    "]",
    "(",
    ")",
    ":",
    ".",
    ",",
    "*",
    "=",
    "!=",
    "<",
    ">=",
    "'",
    "\\",
    "\\'",
    "\\\\",
    "''",
    "'x'",
    "a",
    "a:b",
    "b-c",
    "1",
    "-1",
    ".5",
    "+",
    "-",
    " ",
    "\n",
    "//",
    "/*",
    "*/",
    "t'",
    "h'ff'",
    "b'AQ=='",
    "t'2024-01-15T12:30:45Z'",
    "AND",
    "OR",
    "NOT",
    "FOLLOWEDBY",
    "IN",
    "EXISTS",
    "LIKE",
    "WITHIN",
    "SECONDS",
    "REPEATS",
    "TIMES",
    "START",
    "STOP",
    "true",
    "é",
    "\u{a0}",
    "\u{feff}",
    "\0",
    "[a:b = 1]",
    "a:b = 'x'",
];

#[test]
fn a_printed_tree_parses_to_itself() {
    on_a_small_stack(observation, |tree| {
        let printed = tree.to_string();
        match Pattern::parse(&printed) {
            Ok(pattern) => prop_assert_eq!(pattern.into_observation(), tree),
            Err(error) => return Err(TestCaseError::fail(format!("{printed}: {error}"))),
        }
        Ok(())
    });
}

#[test]
fn the_walk_finds_every_test_in_its_order() {
    on_a_small_stack(observation, |tree| {
        fn inside(tree: &Comparison<'_>, found: &mut Vec<String>) {
            match tree {
                Comparison::Test(test) => found.push(test.to_string()),
                Comparison::And(parts) | Comparison::Or(parts) => {
                    for part in parts {
                        inside(part, found);
                    }
                }
                _ => {}
            }
        }
        fn outside(tree: &Observation<'_>, found: &mut Vec<String>) {
            match tree {
                Observation::Of(tree) => inside(tree, found),
                Observation::And(parts)
                | Observation::Or(parts)
                | Observation::FollowedBy(parts) => {
                    for part in parts {
                        outside(part, found);
                    }
                }
                Observation::Qualified(inner, _) => outside(inner, found),
                _ => {}
            }
        }
        let mut expected = Vec::new();
        outside(&tree, &mut expected);
        let found: Vec<_> = tree.tests().map(ToString::to_string).collect();
        prop_assert_eq!(&found, &expected);
        let by_part: Vec<_> =
            tree.comparisons().flat_map(Comparison::tests).map(ToString::to_string).collect();
        prop_assert_eq!(&by_part, &expected);
        Ok(())
    });
}

#[test]
fn an_owned_tree_is_the_same() {
    on_a_small_stack(observation, |tree| {
        let printed = tree.to_string();
        let owned = Pattern::parse(&printed).map(Pattern::into_owned);
        prop_assert_eq!(owned.map(Pattern::into_observation), Ok(tree));
        Ok(())
    });
}

#[test]
fn any_text_is_a_pattern_or_an_error() {
    on_a_small_stack(any::<String>, |text| is_sound(&text));
}

#[test]
fn any_bytes_are_a_pattern_or_an_error() {
    on_a_small_stack(any::<Vec<u8>>, |bytes| is_sound(&String::from_utf8_lossy(&bytes)));
}

#[test]
fn any_words_are_a_pattern_or_an_error() {
    let words = || (vec(select(PIECES), 0..60), any::<bool>());
    on_a_small_stack(words, |(words, apart)| is_sound(&words.join(if apart { " " } else { "" })));
}

#[test]
fn a_changed_pattern_is_a_pattern_or_an_error() {
    let changed = || {
        let change = (any::<Index>(), 0..4usize, select(PIECES));
        (observation(), vec(change, 1..5))
    };
    on_a_small_stack(changed, |(tree, changes)| {
        let mut text = tree.to_string();
        for (at, drop, insert) in changes {
            let places: Vec<_> = text.char_indices().map(|(at, _)| at).collect();
            if places.is_empty() {
                continue;
            }
            let start = *at.get(&places);
            let end = places.iter().copied().find(|&p| p >= start + drop).unwrap_or(text.len());
            text.replace_range(start..end, insert);
        }
        is_sound(&text)
    });
}
