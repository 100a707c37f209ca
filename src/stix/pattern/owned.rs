//! The same tree, borrowing from nothing. It recurses no deeper than the tree, which the parser keeps shallow.

use std::borrow::Cow;

use super::tree::{Comparison, Condition, Literal, Observation, Qualifier, Step, Test};

fn all<T, U>(parts: Vec<T>, owned: impl Fn(T) -> U) -> Vec<U> {
    parts.into_iter().map(owned).collect()
}

fn text(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

impl Observation<'_> {
    /// The same, borrowing from nothing.
    #[must_use]
    pub fn into_owned(self) -> Observation<'static> {
        match self {
            Self::Of(comparison) => Observation::Of(comparison.into_owned()),
            Self::And(parts) => Observation::And(all(parts, Self::into_owned)),
            Self::Or(parts) => Observation::Or(all(parts, Self::into_owned)),
            Self::FollowedBy(parts) => Observation::FollowedBy(all(parts, Self::into_owned)),
            Self::Qualified(inner, qualifiers) => Observation::Qualified(
                Box::new(inner.into_owned()),
                all(qualifiers, Qualifier::into_owned),
            ),
        }
    }
}

impl Comparison<'_> {
    fn into_owned(self) -> Comparison<'static> {
        match self {
            Self::Test(test) => Comparison::Test(test.into_owned()),
            Self::And(parts) => Comparison::And(all(parts, Self::into_owned)),
            Self::Or(parts) => Comparison::Or(all(parts, Self::into_owned)),
        }
    }
}

impl Test<'_> {
    fn into_owned(self) -> Test<'static> {
        let Self { path, negated, condition } = self;
        Test { path: path.into_owned(), negated, condition: condition.into_owned() }
    }
}

impl Condition<'_> {
    fn into_owned(self) -> Condition<'static> {
        match self {
            Self::Equal(value) => Condition::Equal(value.into_owned()),
            Self::NotEqual(value) => Condition::NotEqual(value.into_owned()),
            Self::Ordered(order, value) => Condition::Ordered(order, value.into_owned()),
            Self::In(values) => Condition::In(all(values, Literal::into_owned)),
            Self::Like(like) => Condition::Like(text(like)),
            Self::Matches(expression) => Condition::Matches(text(expression)),
            Self::IsSubset(network) => Condition::IsSubset(text(network)),
            Self::IsSuperset(network) => Condition::IsSuperset(text(network)),
            Self::Exists => Condition::Exists,
        }
    }
}

impl Literal<'_> {
    fn into_owned(self) -> Literal<'static> {
        match self {
            Self::Text(value) => Literal::Text(text(value)),
            Self::Number(number) => Literal::Number(number.into_owned()),
            Self::Bool(value) => Literal::Bool(value),
            Self::Time(time) => Literal::Time(time.into_owned()),
            Self::Hex(bytes) => Literal::Hex(bytes.into_owned()),
            Self::Binary(bytes) => Literal::Binary(bytes.into_owned()),
        }
    }
}

impl Qualifier<'_> {
    fn into_owned(self) -> Qualifier<'static> {
        match self {
            Self::Within(seconds) => Qualifier::Within(seconds.into_owned()),
            Self::Repeats(times) => Qualifier::Repeats(times.into_owned()),
            Self::StartStop { start, stop } => {
                Qualifier::StartStop { start: start.into_owned(), stop: stop.into_owned() }
            }
        }
    }
}

impl Step<'_> {
    pub(super) fn into_owned(self) -> Step<'static> {
        match self {
            Self::Property(name) => Step::Property(text(name)),
            Self::Index(index) => Step::Index(index.into_owned()),
            Self::Any => Step::Any,
        }
    }
}
