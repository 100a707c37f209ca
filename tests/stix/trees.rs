//! Trees of any shape that the grammar allows, for properties to be held against.

use std::borrow::Cow;
use std::mem::take;

use defender_response::stix::pattern::{
    Comparison, Condition, Literal, Observation, Order, Path, Qualifier, Step, Test,
};
use proptest::collection::vec;
use proptest::prelude::*;

type Tree = Observation<'static>;

pub(crate) fn observation() -> impl Strategy<Value = Tree> {
    let leaf = comparison().prop_map(Observation::Of);
    leaf.prop_recursive(5, 24, 4, |inner| {
        let parts = vec(inner.clone(), 1..5);
        prop_oneof![
            parts.clone().prop_map(|parts| joined(parts, Observation::And, |part| match part {
                Observation::And(parts) => Some(take(parts)),
                _ => None,
            })),
            parts.clone().prop_map(|parts| joined(parts, Observation::Or, |part| match part {
                Observation::Or(parts) => Some(take(parts)),
                _ => None,
            })),
            parts.prop_map(|parts| joined(parts, Observation::FollowedBy, |part| match part {
                Observation::FollowedBy(parts) => Some(take(parts)),
                _ => None,
            })),
            (inner, vec(qualifier(), 1..4)).prop_map(|(inner, more)| match inner {
                Observation::Qualified(inner, mut qualifiers) => {
                    qualifiers.extend(more);
                    Observation::Qualified(inner, qualifiers)
                }
                inner => Observation::Qualified(Box::new(inner), more),
            }),
        ]
    })
}

fn comparison() -> impl Strategy<Value = Comparison<'static>> {
    test().prop_map(Comparison::Test).prop_recursive(5, 16, 4, |inner| {
        let parts = vec(inner, 1..5);
        prop_oneof![
            parts.clone().prop_map(|parts| joined(parts, Comparison::And, |part| match part {
                Comparison::And(parts) => Some(take(parts)),
                _ => None,
            })),
            parts.prop_map(|parts| joined(parts, Comparison::Or, |part| match part {
                Comparison::Or(parts) => Some(take(parts)),
                _ => None,
            })),
        ]
    })
}

/// As a parsed tree is: no part is joined by the same operator, and one alone isn't joined at all.
fn joined<T>(
    parts: Vec<T>,
    join: impl Fn(Vec<T>) -> T,
    parts_of: impl Fn(&mut T) -> Option<Vec<T>>,
) -> T {
    let mut all = Vec::new();
    for mut part in parts {
        match parts_of(&mut part) {
            Some(parts) => all.extend(parts),
            None => all.push(part),
        }
    }
    if all.len() > 1 { join(all) } else { all.remove(0) }
}

fn test() -> impl Strategy<Value = Test<'static>> {
    (path(), any::<bool>(), condition()).prop_map(|(path, negated, condition)| Test {
        path,
        negated,
        condition,
    })
}

fn path() -> impl Strategy<Value = Path<'static>> {
    let object = "[a-zA-Z_][a-zA-Z0-9_-]{0,12}";
    let property = || {
        let name =
            prop_oneof!["[a-z_]{1,8}", text(), Just("IN".to_owned()), Just("a-b".to_owned())];
        name.prop_map(|name| Step::Property(name.into()))
    };
    let item = prop_oneof![
        any::<i64>().prop_map(|index| Step::Index(index.into())),
        Just(Step::Any),
        Just(Step::Index("99999999999999999999".parse().unwrap())),
    ];
    let more = prop_oneof![2 => property(), 1 => item];
    (object, property(), vec(more, 0..4)).prop_filter_map("a keyword", |(object, first, more)| {
        Path::new(object, std::iter::once(first).chain(more))
    })
}

fn condition() -> impl Strategy<Value = Condition<'static>> {
    let words = || text().prop_map(Cow::Owned);
    let order = prop_oneof![
        Just(Order::Less),
        Just(Order::LessOrEqual),
        Just(Order::Greater),
        Just(Order::GreaterOrEqual),
    ];
    let ordered = literal().prop_filter("has no order", |v| !matches!(v, Literal::Bool(_)));
    prop_oneof![
        4 => literal().prop_map(Condition::Equal),
        1 => literal().prop_map(Condition::NotEqual),
        1 => (order, ordered).prop_map(|(order, value)| Condition::Ordered(order, value)),
        1 => vec(literal(), 0..4).prop_map(Condition::In),
        1 => words().prop_map(Condition::Like),
        1 => words().prop_map(Condition::Matches),
        1 => words().prop_map(Condition::IsSubset),
        1 => words().prop_map(Condition::IsSuperset),
        1 => Just(Condition::Exists),
    ]
}

fn literal() -> impl Strategy<Value = Literal<'static>> {
    prop_oneof![
        4 => text().prop_map(|text| Literal::Text(text.into())),
        2 => r"[+-]?(0|[1-9][0-9]{0,30}|[0-9]{0,3}\.[0-9]{1,9})".prop_map(|number| Literal::Number(number.parse().unwrap())),
        1 => any::<bool>().prop_map(Literal::Bool),
        1 => time().prop_map(|time| Literal::Time(time.parse().unwrap())),
        1 => "([0-9a-fA-F]{2}){0,5}".prop_map(|bytes| Literal::Hex(bytes.parse().unwrap())),
        1 => "([A-Za-z0-9+/]{4}){0,3}[A-Za-z0-9+/]{2}([A-Za-z0-9+/]{2}|[A-Za-z0-9+/]=|==)"
            .prop_map(|bytes| Literal::Binary(bytes.parse().unwrap())),
    ]
}

fn qualifier() -> impl Strategy<Value = Qualifier<'static>> {
    prop_oneof![
        r"\+?([1-9][0-9]{0,20}|[0-9]{0,3}\.[0-9]{1,9})"
            .prop_map(|seconds| Qualifier::Within(seconds.parse().unwrap())),
        "0|[1-9][0-9]{0,20}".prop_map(|times| Qualifier::Repeats(times.parse().unwrap())),
        (time(), time()).prop_map(|(start, stop)| Qualifier::StartStop {
            start: start.parse().unwrap(),
            stop: stop.parse().unwrap(),
        }),
    ]
}

fn time() -> impl Strategy<Value = String> {
    "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)(\\.[0-9]{1,12})?Z"
}

/// Any text, often with what means something in a pattern.
fn text() -> impl Strategy<Value = String> {
    let special =
        prop_oneof![Just("'"), Just("\\"), Just("\\'"), Just("']"), Just("/*"), Just("é")];
    prop_oneof![
        any::<String>(),
        (any::<String>(), vec(special, 0..4)).prop_map(|(text, special)| special.concat() + &text),
        "[a-z0-9.]{0,12}",
    ]
}
