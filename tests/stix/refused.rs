//! What is no pattern, where that shows, and what would have been read there.

use defender_response::stix::Pattern;
use defender_response::stix::pattern::{
    Binary, Hex, MAX_LENGTH, MAX_NESTING, Number, Path, Step, Time,
};

/// The place is marked by `^`, which isn't part of the pattern.
fn refused(marked: &str, expected: &str) {
    let position = marked.find('^').unwrap();
    let text = marked.replacen('^', "", 1);
    let error = Pattern::parse(&text).expect_err(&text);
    assert_eq!(error.position(), position, "{marked}: {error}");
    assert!(error.expected().contains(expected), "{marked}: {error}");
    assert!(error.to_string().starts_with(&format!("at byte {position}: expected ")), "{error}");
}

#[test]
fn a_message_names_what_was_found() {
    let error = |text| Pattern::parse(text).unwrap_err().to_string();
    assert_eq!(error("[a:b = 1"), "at byte 8: expected AND, OR or `]`, found the end");
    let long = "[a:b 'a text that goes on\u{7} and on' 1]";
    assert_eq!(error(long), "at byte 5: expected an operator, found `'a text that goe…`");
    assert_eq!(error("\u{7}\u{1b}[31m"), "at byte 0: expected `[` or `(`, found `  [31m`");
}

#[test]
fn an_observation_is_in_brackets() {
    refused("^", "`[` or `(`");
    refused("^a:b = 1", "`[` or `(`");
    refused("[a:b = 1^", "AND, OR or `]`");
    refused("[a:b = 1]^]", "the end");
    refused("[a:b = 1]^)", "the end");
    refused("([a:b = 1]^", "`)`");
    refused("([a:b = 1]^]", "`)`");
    refused("(^a:b = 1)", "`[` or `(`");
    refused("(^)", "`[` or `(`");
    refused("[^]", "an object's type");
    refused("[(^)]", "an object's type");
    refused("[(a:b = 1^]", "`)`");
    refused("[a:b = 1^)]", "`]`");
    refused("[^[a:b = 1]]", "an object's type");
}

#[test]
fn operators_stand_between_operands() {
    refused("[a:b = 1] AND^", "`[` or `(`");
    refused("[a:b = 1] ^[a:b = 2]", "AND, OR, FOLLOWEDBY");
    refused("([a:b = 1] ^[a:b = 2])", "AND, OR, FOLLOWEDBY");
    refused("^AND [a:b = 1]", "`[` or `(`");
    refused("[a:b = 1 AND ^]", "an object's type");
    refused("[a:b = 1 ^FOLLOWEDBY a:b = 2]", "AND, OR or `]`");
    refused("[a:b = 1 ^a:b = 2]", "AND, OR or `]`");
    refused("[a:b = 1 ^WITHIN 5 SECONDS]", "AND, OR or `]`");
    refused("^NOT [a:b = 1]", "`[` or `(`");
    refused("[NOT ^a:b = 1]", "EXISTS");
    refused("[NOT ^(a:b = 1)]", "EXISTS");
}

#[test]
fn keywords_are_told_by_their_case() {
    refused("[a:b = 1 ^and a:b = 2]", "AND");
    refused("[a:b = 1] ^or [a:b = 2]", "OR");
    refused("[a:b = 1] ^within 2 seconds", "a qualifier");
    refused("[a:b ^like 'x']", "an operator");
    refused("[a:b = ^True]", "a value");
    refused("[a:b = ^NULL]", "a value");
}

#[test]
fn a_keyword_is_no_name_without_quotes() {
    for word in [
        "AND",
        "OR",
        "NOT",
        "FOLLOWEDBY",
        "LIKE",
        "MATCHES",
        "ISSUPERSET",
        "ISSUBSET",
        "EXISTS",
        "LAST",
        "IN",
        "START",
        "STOP",
        "SECONDS",
        "true",
        "false",
        "WITHIN",
        "REPEATS",
        "TIMES",
    ] {
        refused(&format!("[a:^{word} = 1]"), "a property");
        refused(&format!("[a:b.^{word} = 1]"), "a property");
        assert!(Pattern::parse(&format!("[{word}:b = 1]")).is_err(), "{word}");
        assert!(Pattern::parse(&format!("[{word}-:{word}_ = 1]")).is_ok(), "{word}");
    }
}

#[test]
fn a_path_has_a_type_a_colon_and_steps() {
    refused("[file^.size = 1]", "`:`");
    refused("[file ^= 1]", "`:`");
    refused("[^'file':size = 1]", "an object's type");
    refused("[^9a:b = 1]", "an object's type");
    refused("[^-a:b = 1]", "an object's type");
    refused("[a: ^= 1]", "a property");
    refused("[a:^[0] = 1]", "a property");
    refused("[a:b.^[0] = 1]", "a property");
    refused("[a:hashes.^SHA-256 = 'x']", "a property");
    refused("[a:b^.5 = 1]", "an operator");
    refused("[a:b[^] = 1]", "a whole number or `*`");
    refused("[a:b[^1.5] = 1]", "a whole number or `*`");
    refused("[a:b[^'c'] = 1]", "a whole number or `*`");
    refused("[a:b[1 ^= 1]", "`]`");
    refused("[a:b[0^1] = 1]", "`]`");
    refused("[a:b.^{} = 1]", "a property");
}

#[test]
fn an_operator_takes_the_values_it_can_compare() {
    refused("[a:b ^1]", "an operator");
    refused("[a:b NOT ^NOT = 1]", "an operator");
    refused("[a:b ^! 1]", "an operator");
    refused("[a:b == ^= 1]", "a value");
    refused("[a:b =^> 1]", "a value");
    refused("[a:b = ^]", "a value");
    refused("[a:b = ^c]", "a value");
    refused("[a:b = ^('x')]", "a value");
    refused("[a:b < ^true]", "an order");
    refused("[a:b >= ^false]", "an order");
    refused("[a:b LIKE ^1]", "a text");
    refused("[a:b MATCHES ^/x/]", "a text");
    refused("[a:b ISSUBSET ^t'2024-01-01T00:00:00Z']", "a text");
    refused("[a:b ISSUPERSET ^h'00']", "a text");
    refused("[a:b IN ^'x']", "`(`");
    refused("[a:b IN ('x' ^'y')]", "`,` or `)`");
    refused("[a:b IN ('x',^)]", "a value");
    refused("[a:b IN (^,'x')]", "a value");
    refused("[a:b IN (^('x'))]", "a value");
    refused("[a:b IN ('x'^]", "`,` or `)`");
    refused("[EXISTS ^]", "an object's type");
    refused("[EXISTS a:b ^= 1]", "AND, OR or `]`");
    refused("[a:b ^EXISTS]", "an operator");
}

#[test]
fn a_number_has_no_other_form() {
    refused("[a:b = 0^1]", "AND, OR or `]`");
    refused("[a:b = 1^.]", "AND, OR or `]`");
    refused("[a:b = ^.]", "a value");
    refused("[a:b = ^-]", "a value");
    refused("[a:b = ^+ 1]", "a value");
    refused("[a:b = 1^e5]", "AND, OR or `]`");
    refused("[a:b = 1.5^.5]", "AND, OR or `]`");
    refused("[a:b = 1^-1]", "AND, OR or `]`");
}

#[test]
fn a_text_ends_and_escapes_two_characters() {
    refused("[a:b = ^'x]", "a quote");
    refused(r"[a:b = ^'x\']", "a quote");
    refused(r"[a:b = 'x^\n']", r"`\\`");
    refused(r"[a:b = ^'x\\\']", "a quote");
    refused("[a:b = 'x'^'y']", "AND, OR or `]`");
    refused("[a:b = ^\"x\"]", "a value");
}

#[test]
fn bytes_are_whole() {
    for bad in [
        "h'0'", "h'0g'", "h'00", "b'A'", "b'AQ=A'", "b'===='", "b''", "b'A==='", "b'AQI=='",
        "b'A_ID'",
    ] {
        refused(
            &format!("[a:b = ^{bad}]"),
            if bad.starts_with('h') { "hexadecimal" } else { "base 64" },
        );
    }
    refused("[a:b = ^h '00']", "a value");
}

#[test]
fn a_time_has_one_form() {
    for bad in [
        "2024-01-15T12:30:45",
        "2024-01-15t12:30:45Z",
        "2024-01-15T12:30:45z",
        "2024-01-15T12:30:45.Z",
        "2024-01-15T12:30:45+00:00",
        "2024-01-15",
        "2024-00-15T12:30:45Z",
        "2024-13-15T12:30:45Z",
        "2024-01-00T12:30:45Z",
        "2024-01-32T12:30:45Z",
        "2024-01-15T24:30:45Z",
        "2024-01-15T12:60:45Z",
        "2024-01-15T12:30:61Z",
        "2024/01/15T12:30:45Z",
        "20x4-01-15T12:30:45Z",
        "",
        "2024-01-15T12:30:45.1xZ",
    ] {
        refused(&format!("[a:b = ^t'{bad}']"), "a time");
        refused(&format!("[a:b = 1] START ^'{bad}' STOP '2024-01-15T12:30:45Z'"), "a time");
    }
}

#[test]
fn qualifiers_are_whole_and_not_negative() {
    refused("[a:b = 1] WITHIN ^", "seconds");
    refused("[a:b = 1] WITHIN ^-5 SECONDS", "seconds");
    refused("[a:b = 1] WITHIN ^-.5 SECONDS", "seconds");
    refused("[a:b = 1] WITHIN ^'5' SECONDS", "seconds");
    refused("[a:b = 1] WITHIN 5 ^SECOND", "SECONDS");
    refused("[a:b = 1] REPEATS ^2.0 TIMES", "times");
    refused("[a:b = 1] REPEATS ^-2 TIMES", "times");
    refused("[a:b = 1] REPEATS 2^", "TIMES");
    refused("[a:b = 1] START t'2024-01-15T12:30:45Z'^", "STOP");
    refused("[a:b = 1] ^STOP t'2024-01-15T12:30:45Z'", "a qualifier");
    refused("^WITHIN 5 SECONDS [a:b = 1]", "`[` or `(`");
}

#[test]
fn a_comment_ends() {
    refused("[a:b = 1]^/* x", "`*/`");
    refused("[a:b = 1]^/*/", "`*/`");
    refused("[a:b = 1] // x\n^x", "the end");
    refused("[a:b = 1] ^/ x", "the end");
}

#[test]
fn the_nesting_is_capped() {
    let outer = |n| format!("{}[a:b = 1]{}", "(".repeat(n), ")".repeat(n));
    let inner = |n| format!("[{}a:b = 1{}]", "(".repeat(n), ")".repeat(n));
    assert!(Pattern::parse(&outer(MAX_NESTING)).is_ok());
    assert!(Pattern::parse(&inner(MAX_NESTING)).is_ok());
    for text in [outer(MAX_NESTING + 1), inner(MAX_NESTING + 1)] {
        let error = Pattern::parse(&text).unwrap_err();
        assert_eq!(error.position(), text.rfind('(').unwrap());
        assert!(error.expected().contains("40"));
    }
    let both = format!(
        "{}[{}a:b = 1{}]{}",
        "(".repeat(20),
        "(".repeat(21),
        ")".repeat(21),
        ")".repeat(20)
    );
    assert!(Pattern::parse(&both).is_err());
    let beside = vec!["([a:b = 1])"; 100].join(" OR ");
    assert!(Pattern::parse(&beside).is_ok(), "what is closed doesn't count");
    let beside = format!("[{}]", vec!["(a:b = 1)"; 100].join(" OR "));
    assert!(Pattern::parse(&beside).is_ok(), "what is closed doesn't count");
}

#[test]
fn the_length_is_capped() {
    let long = |n: usize| format!("[a:b = '{}']", "x".repeat(n - 10));
    assert!(Pattern::parse(&long(MAX_LENGTH)).is_ok());
    let error = Pattern::parse(&long(MAX_LENGTH + 1)).unwrap_err();
    assert_eq!(error.position(), MAX_LENGTH);
    assert_eq!(
        error.to_string(),
        "at byte 65536: expected the end, found a pattern of 65537 bytes"
    );
}

#[test]
fn checked_texts_are_checked() {
    assert!("1.5".parse::<Number>().is_ok() && "1.".parse::<Number>().is_err());
    assert!("01".parse::<Number>().is_err() && "".parse::<Number>().is_err());
    assert!("2024-01-15T12:30:45Z".parse::<Time>().is_ok() && "2024".parse::<Time>().is_err());
    assert!("00fF".parse::<Hex>().is_ok() && "'".parse::<Hex>().is_err());
    assert!("AQ==".parse::<Binary>().is_ok() && "'".parse::<Binary>().is_err());
    let step = || [Step::Property("any 'text'".into())];
    assert!(Path::new("x-y", step()).is_some());
    for bad in ["", "x y", "9x", "IN", "x:y"] {
        assert!(Path::new(bad, step()).is_none(), "{bad}");
    }
    assert!(Path::new("x", []).is_none() && Path::new("x", [Step::Any]).is_none());
}
