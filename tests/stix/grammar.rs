//! The grammar, rule by rule, as trees in the form that the example writes.

use defender_response::stix::Pattern;
use serde_json::{Value, json};

use crate::example::answers;

/// Each pattern's tree.
fn trees<const N: usize>(patterns: [&str; N]) -> [Value; N] {
    let trees = answers(patterns).into_iter().map(|mut answer| {
        assert_eq!(answer["ok"], true, "{answer}");
        answer["tree"].take()
    });
    trees.collect::<Vec<_>>().try_into().unwrap()
}

fn all_are<const N: usize>(patterns: [&str; N], tree: &Value) {
    for (pattern, found) in patterns.iter().zip(trees(patterns)) {
        assert_eq!(&found, tree, "{pattern}");
    }
}

/// The observation of the test `a:b = n`.
fn one(n: f64) -> Value {
    json!(["obs", test(n)])
}

fn test(n: f64) -> Value {
    json!(["t", "a", ["b"], "=", false, ["n", n]])
}

/// Each text as a value.
fn values<const N: usize>(written: [&str; N]) -> Vec<Value> {
    let patterns = written.map(|value| format!("[a:b = {value}]"));
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    answers(patterns).iter().map(|answer| answer["tree"][1][5].clone()).collect()
}

/// Each text as a path, without the object's type.
fn paths<const N: usize>(written: [&str; N]) -> Vec<Value> {
    let patterns = written.map(|path| format!("[{path} = 1]"));
    let patterns: Vec<_> = patterns.iter().map(String::as_str).collect();
    answers(patterns).iter().map(|answer| answer["tree"][1][2].clone()).collect()
}

#[test]
fn a_text_is_decoded() {
    let written = [r"'it\'s'", r"'a\\b'", r"'\\\\'", r"'\\\''", "''", "'caf\u{e9} \u{1f600}\n'"];
    let decoded = ["it's", r"a\b", r"\\", r"\'", "", "caf\u{e9} \u{1f600}\n"];
    assert_eq!(values(written), decoded.map(|text| json!(["s", text])));
}

#[test]
fn what_looks_like_a_pattern_is_text_inside_a_text() {
    let written = ["'] OR [x:y = 1'", "'/* no comment'", "'// none'", "'t\\'..\\''"];
    let decoded = ["] OR [x:y = 1", "/* no comment", "// none", "t'..'"];
    assert_eq!(values(written), decoded.map(|text| json!(["s", text])));
}

#[test]
fn a_number_has_a_sign_and_a_fraction_or_not() {
    let written = ["0", "10", "+7", "-7", "-0", ".5", "-.5", "+0.25", "007.5", "1.0"];
    let numbers = [0.0, 10.0, 7.0, -7.0, -0.0, 0.5, -0.5, 0.25, 7.5, 1.0];
    assert_eq!(values(written), numbers.map(|n| json!(["n", n])));
}

#[test]
fn other_values_keep_what_is_written() {
    let written = [
        "true",
        "false",
        "h'fFd8'",
        "h''",
        "b'AQIDBA=='",
        "b'AQID'",
        "b'AQI='",
        "t'2024-02-30T23:59:60.123456789012Z'",
    ];
    let expected = [
        json!(["b", true]),
        json!(["b", false]),
        json!(["hex", "fFd8"]),
        json!(["hex", ""]),
        json!(["bin", "AQIDBA=="]),
        json!(["bin", "AQID"]),
        json!(["bin", "AQI="]),
        json!(["t", "2024-02-30T23:59:60.123456789012Z"]),
    ];
    assert_eq!(values(written), expected);
}

#[test]
fn a_path_is_a_list_of_steps() {
    let written = [
        "file:name",
        "file:hashes.'SHA-256'",
        "file:'na.me'.b",
        r"file:'it\'s'",
        "a:b[0].c",
        "a:b[*][-1][+2]",
        "x-y-:_z9",
        "a:'AND'",
        "a:and.or",
    ];
    let steps = [
        json!(["name"]),
        json!(["hashes", "SHA-256"]),
        json!(["na.me", "b"]),
        json!(["it's"]),
        json!(["b", 0, "c"]),
        json!(["b", "[*]", -1, 2]),
        json!(["_z9"]),
        json!(["AND"]),
        json!(["and", "or"]),
    ];
    assert_eq!(paths(written), steps);
}

#[test]
fn every_operator_has_its_two_spellings_and_its_negation() {
    for (written, name) in [
        ("=", "="),
        ("==", "="),
        ("!=", "!="),
        ("<>", "!="),
        ("<", "<"),
        ("<=", "<="),
        (">", ">"),
        (">=", ">="),
        ("LIKE", "LIKE"),
        ("MATCHES", "MATCHES"),
        ("ISSUBSET", "ISSUBSET"),
        ("ISSUPERSET", "ISSUPERSET"),
    ] {
        let [plain, negated] = trees([
            format!("[a:b {written} 'v']").as_str(),
            format!("[a:b NOT {written}'v']").as_str(),
        ]);
        assert_eq!(plain, json!(["obs", ["t", "a", ["b"], name, false, ["s", "v"]]]));
        assert_eq!(negated, json!(["obs", ["t", "a", ["b"], name, true, ["s", "v"]]]));
    }
}

#[test]
fn a_set_holds_any_values_or_none() {
    let [none, mixed, negated] =
        trees(["[a:b IN ()]", "[a:b IN('x',1 , true)]", "[a:b NOT IN (1)]"]);
    assert_eq!(none, json!(["obs", ["t", "a", ["b"], "IN", false, ["set"]]]));
    let set = json!(["set", ["s", "x"], ["n", 1.0], ["b", true]]);
    assert_eq!(mixed, json!(["obs", ["t", "a", ["b"], "IN", false, set]]));
    assert_eq!(negated, json!(["obs", ["t", "a", ["b"], "IN", true, ["set", ["n", 1.0]]]]));
}

#[test]
fn existence_is_asked_before_the_path() {
    let [plain, negated] = trees(["[EXISTS a:b]", "[NOT EXISTS a:b]"]);
    assert_eq!(plain, json!(["obs", ["t", "a", ["b"], "EXISTS", false, ["b", true]]]));
    assert_eq!(negated, json!(["obs", ["t", "a", ["b"], "EXISTS", true, ["b", true]]]));
}

#[test]
fn inside_an_observation_and_binds_before_or() {
    let expected = json!(["obs", ["or", test(1.0), ["and", test(2.0), test(3.0)], test(4.0)]]);
    all_are(
        [
            "[a:b=1 OR a:b=2 AND a:b=3 OR a:b=4]",
            "[a:b=1 OR (a:b=2 AND a:b=3) OR a:b=4]",
            "[(a:b=1 OR (a:b=2 AND (a:b=3))) OR ((a:b=4))]",
        ],
        &expected,
    );
}

#[test]
fn a_group_keeps_an_or_inside_an_and() {
    let expected = json!(["obs", ["and", test(1.0), ["or", test(2.0), test(3.0)], test(4.0)]]);
    all_are(
        [
            "[a:b=1 AND (a:b=2 OR a:b=3) AND a:b=4]",
            "[(a:b=1 AND (a:b=2 OR a:b=3)) AND a:b=4]",
            "[a:b=1 AND ((a:b=2 OR a:b=3) AND a:b=4)]",
        ],
        &expected,
    );
}

#[test]
fn between_observations_followed_by_binds_last() {
    let last = json!(["AND", one(3.0), one(4.0)]);
    let expected = json!(["FB", one(1.0), ["OR", one(2.0), last], one(5.0)]);
    all_are(
        [
            "[a:b=1] FOLLOWEDBY [a:b=2] OR [a:b=3] AND [a:b=4] FOLLOWEDBY [a:b=5]",
            "([a:b=1] FOLLOWEDBY ([a:b=2] OR ([a:b=3] AND [a:b=4]))) FOLLOWEDBY [a:b=5]",
            "[a:b=1] FOLLOWEDBY ([a:b=2] OR [a:b=3] AND [a:b=4] FOLLOWEDBY ([a:b=5]))",
        ],
        &expected,
    );
}

#[test]
fn a_group_of_observations_binds_first() {
    let [and, or] = trees([
        "([a:b=1] OR [a:b=2]) AND ([a:b=3] FOLLOWEDBY [a:b=4])",
        "([a:b=1] FOLLOWEDBY [a:b=2]) OR [a:b=3]",
    ]);
    let left = json!(["OR", one(1.0), one(2.0)]);
    assert_eq!(and, json!(["AND", left, ["FB", one(3.0), one(4.0)]]));
    assert_eq!(or, json!(["OR", ["FB", one(1.0), one(2.0)], one(3.0)]));
}

#[test]
fn a_qualifier_belongs_to_what_stands_before_it() {
    let [last, group] = trees([
        "[a:b=1] AND [a:b=2] WITHIN 5 SECONDS",
        "([a:b=1] AND [a:b=2]) WITHIN .5 SECONDS OR [a:b=3] REPEATS 2 TIMES",
    ]);
    assert_eq!(last, json!(["AND", one(1.0), ["Q", one(2.0), ["W", 5.0]]]));
    let both = json!(["Q", ["AND", one(1.0), one(2.0)], ["W", 0.5]]);
    assert_eq!(group, json!(["OR", both, ["Q", one(3.0), ["R", 2.0]]]));
}

#[test]
fn qualifiers_apply_in_their_order() {
    let expected = json!(["Q", ["Q", ["Q", one(1.0), ["R", 2.0]], ["W", 6.0]], ["R", 2.0]]);
    all_are(
        [
            "[a:b=1] REPEATS 2 TIMES WITHIN 6 SECONDS REPEATS 2 TIMES",
            "(([a:b=1] REPEATS 2TIMES) WITHIN 6SECONDS) REPEATS +2 TIMES",
        ],
        &expected,
    );
}

#[test]
fn times_are_bounds_in_either_version() {
    let (a, b) = ("2024-01-01T00:00:00Z", "2024-01-02T00:00:00.5Z");
    let expected = json!(["Q", one(1.0), ["SS", a, b]]);
    all_are(
        [
            format!("[a:b=1] START t'{a}' STOP t'{b}'").as_str(),
            format!("[a:b=1] START '{a}' STOP '{b}'").as_str(),
            format!("([a:b=1])START'{a}'STOP t'{b}'").as_str(),
        ],
        &expected,
    );
}

#[test]
fn blanks_and_comments_mean_nothing() {
    let expected = json!(["obs", ["and", test(1.0), test(2.0)]]);
    all_are(
        [
            "[a:b=1AND a:b=2]",
            " \t\r\n\u{b}\u{c}[ a : b = 1 AND a : b = 2 ] ",
            "\u{85}\u{a0}\u{1680}\u{2000}[\u{200a}a:b=1\u{2028}AND\u{2029}a:b=2]\u{202f}\u{205f}\u{3000}",
            "/* ] ' **/[a:/**/b=1/* AND */AND a:b=2]// the end",
            "//\n[a:b=1//]\r AND//\n\n//*/\na:b=2]/**//**/",
        ],
        &expected,
    );
}

#[test]
fn an_owned_pattern_outlives_its_text_and_is_the_same() {
    let text = String::from(
        r"([a:b[*].'c d'[1] NOT IN ('\'', -1, true, h'', b'AQID', t'2024-01-01T00:00:00Z')
            AND EXISTS x-y:z AND a:b LIKE '%' AND a:b MATCHES '.' AND a:b ISSUBSET '::/0'
            AND a:b ISSUPERSET 'q' AND (a:b != 1 OR a:b <= 2)] FOLLOWEDBY [a:b = 1]
            AND ([a:b = 2] OR [a:b = 3])) WITHIN 5 SECONDS REPEATS 2 TIMES
            START '2024-01-01T00:00:00Z' STOP t'2024-01-01T00:00:00Z'",
    );
    let owned: Pattern<'static> = text.parse().unwrap();
    let borrowed = Pattern::parse(&text).unwrap();
    assert_eq!(owned, borrowed);
    assert_eq!(owned.tests().count(), 11);
    drop(text);
    assert_eq!(Pattern::parse(&owned.to_string()), Ok(owned.clone()));
}
