//! The patterns of the OASIS suites, which aren't part of the project: read where the folder is there.

use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::example::answers;

/// Texts in place of STIX 2.1's times. The suite calls them invalid; 2.0 wrote them so, and there is no other meaning
/// that they could have.
fn is_of_2_0(pattern: &str) -> bool {
    pattern.contains(" START '") && pattern.contains("Z' STOP '") && !pattern.contains("'hannah'")
}

fn suite() -> Option<Vec<Value>> {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/stix-data/suite-patterns.json");
    let Ok(text) = fs::read_to_string(path) else {
        eprintln!("SKIPPED: the patterns of the suites are not here");
        return None;
    };
    // JSON has no infinity, Python writes one.
    let text = text.replace("Infinity", "\"Infinity\"");
    Some(serde_json::from_str(&text).unwrap())
}

#[test]
fn no_valid_pattern_is_rejected_and_no_tree_is_wrong() {
    let Some(suite) = suite() else { return };
    let valid: Vec<_> = suite.iter().filter(|case| case["valid"] == true).collect();
    assert!(valid.len() > 250);
    let finite = valid.iter().filter(|case| !case["tree"].to_string().contains("Infinity"));
    let finite: Vec<_> = finite.collect();
    assert!(finite.len() + 1 >= valid.len());
    let answers = answers(finite.iter().map(|case| case["pattern"].as_str().unwrap()));
    for (case, answer) in finite.iter().zip(answers) {
        assert_eq!(answer["ok"], true, "{} {answer}", case["pattern"]);
        assert_eq!(answer["tree"], case["tree"], "{}", case["pattern"]);
    }
}

#[test]
fn no_invalid_pattern_is_accepted_but_for_times_as_2_0_wrote_them() {
    let Some(suite) = suite() else { return };
    let invalid: Vec<_> = suite.iter().filter(|case| case["valid"] == false).collect();
    assert!(invalid.len() > 40);
    let answers = answers(invalid.iter().map(|case| case["pattern"].as_str().unwrap()));
    for (case, answer) in invalid.iter().zip(answers) {
        let pattern = case["pattern"].as_str().unwrap();
        assert_eq!(answer["ok"], is_of_2_0(pattern), "{pattern}");
    }
}
