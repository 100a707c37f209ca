//! What a pattern says, as data: no quotes, no escapes, no groups left to interpret.

use std::borrow::Cow;
use std::slice;

use super::literal::{Binary, Hex, Number, Time};
use super::words::is_name;

/// An observation expression: what has to be seen, and how several sightings belong together.
///
/// Groups are gone: `([a] OR [b]) OR [c]` is one `Or` of three, and a group of one is what is in it. So the parts
/// of an `And` are never an `And` themselves, and there are always two at least; likewise for `Or` and `FollowedBy`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Observation<'a> {
    /// `[..]`: one thing is seen that passes the comparison.
    Of(Comparison<'a>),
    /// `.. AND ..`: each is seen, in one thing or in several.
    And(Vec<Self>),
    /// `.. OR ..`: one of them is seen.
    Or(Vec<Self>),
    /// `.. FOLLOWEDBY ..`: each is seen, none before the one that stands left of it.
    FollowedBy(Vec<Self>),
    /// `.. WITHIN 5 SECONDS REPEATS 2 TIMES`: with qualifiers, in the order in which they apply; one at least.
    ///
    /// What is qualified is never `Qualified` itself.
    Qualified(Box<Self>, Vec<Qualifier<'a>>),
}

/// A comparison expression: what one observed thing is held against.
///
/// As in [`Observation`], groups are gone and no part of an `And` is an `And`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Comparison<'a> {
    /// One property is tested.
    Test(Test<'a>),
    /// `.. AND ..`: all hold, for the same thing.
    And(Vec<Self>),
    /// `.. OR ..`: one of them holds.
    Or(Vec<Self>),
}

/// One property held against a value: `file:size NOT > 10`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Test<'a> {
    /// The property.
    pub path: Path<'a>,
    /// Whether `NOT` is written, which turns the condition round. `!=` by itself doesn't set it.
    pub negated: bool,
    /// What is asked of it.
    pub condition: Condition<'a>,
}

impl Test<'_> {
    /// The values one of which the property has to have, if that is all that is asked: for `=`, `IN`, and `NOT !=`.
    ///
    /// `None` for every other operator and for whatever is true of other values too.
    ///
    /// ```
    /// use defender_response::stix::Pattern;
    ///
    /// let pattern = Pattern::parse("[url:value = 'a' OR url:value NOT IN ('b', 'c')]")?;
    /// let values: Vec<_> = pattern.tests().map(|test| test.equals()).collect();
    /// assert_eq!(values[0].map(<[_]>::len), Some(1));
    /// assert_eq!(values[1], None);
    /// # Ok::<(), defender_response::stix::PatternError>(())
    /// ```
    #[must_use]
    pub fn equals(&self) -> Option<&[Literal<'_>]> {
        match (&self.condition, self.negated) {
            (Condition::Equal(value), false) | (Condition::NotEqual(value), true) => {
                Some(slice::from_ref(value))
            }
            (Condition::In(values), false) => Some(values),
            _ => None,
        }
    }
}

/// What is asked of a property, before a `NOT`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Condition<'a> {
    /// `=`, also written `==`.
    Equal(Literal<'a>),
    /// `!=`, also written `<>`.
    NotEqual(Literal<'a>),
    /// `<`, `<=`, `>` or `>=`; the value is never a [`Literal::Bool`].
    Ordered(Order, Literal<'a>),
    /// `IN (..)`: equal to one of them. There may be none.
    In(Vec<Literal<'a>>),
    /// `LIKE`: a text in which `%` stands for any characters and `_` for one.
    Like(Cow<'a, str>),
    /// `MATCHES`: a regular expression.
    Matches(Cow<'a, str>),
    /// `ISSUBSET`: inside this network.
    IsSubset(Cow<'a, str>),
    /// `ISSUPERSET`: around this network.
    IsSuperset(Cow<'a, str>),
    /// `EXISTS`: it is there, whatever its value.
    Exists,
}

/// A comparison by order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

impl Order {
    /// As it is written in a pattern.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }
}

/// A value in a pattern.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Literal<'a> {
    /// `'it\'s'`, decoded.
    Text(Cow<'a, str>),
    /// `10`, `-0.5`.
    Number(Number<'a>),
    /// `true` or `false`.
    Bool(bool),
    /// `t'2024-01-15T12:30:45Z'`.
    Time(Time<'a>),
    /// `h'ffd8'`.
    Hex(Hex<'a>),
    /// `b'AQIDBA=='`.
    Binary(Binary<'a>),
}

impl Literal<'_> {
    /// The text, if it is one; not for numbers, times and bytes, which are equal to no text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// What narrows an [`Observation`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Qualifier<'a> {
    /// `WITHIN 5 SECONDS`: all of it in so long a time. Never negative.
    Within(Number<'a>),
    /// `REPEATS 5 TIMES`: seen so often. A whole number, never negative.
    Repeats(Number<'a>),
    /// `START t'..' STOP t'..'`: not before `start`, and before `stop`, which may be the earlier of the two.
    ///
    /// STIX 2.0 wrote the times as texts; they are read just so.
    StartStop {
        /// The first moment that counts.
        start: Time<'a>,
        /// The first moment that no longer counts.
        stop: Time<'a>,
    },
}

/// The way to a property: the type of the object, then step by step.
///
/// ```
/// use defender_response::stix::Pattern;
///
/// let pattern = Pattern::parse("[file:hashes.'SHA-256' = 'ab']")?;
/// let path = pattern.tests().next().map(|test| &test.path).expect("one test");
/// assert_eq!(path.object(), "file");
/// assert_eq!(path.names(), Some(["hashes", "SHA-256"]));
/// # Ok::<(), defender_response::stix::PatternError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Path<'a> {
    object: Cow<'a, str>,
    steps: Steps<'a>,
}

impl<'a> Path<'a> {
    /// A path; `None` if it can't be written: the type isn't a name of letters, digits, `_` and `-` or is a keyword,
    /// or the first step isn't a property.
    pub fn new(
        object: impl Into<Cow<'a, str>>,
        steps: impl IntoIterator<Item = Step<'a>>,
    ) -> Option<Self> {
        let (object, mut steps) = (object.into(), steps.into_iter());
        let first = steps.next().filter(|step| step.as_property().is_some())?;
        let mut path = Self::parsed(object, first);
        steps.for_each(|step| path.push(step));
        is_name(&path.object).then_some(path)
    }

    /// Without a check: the parser has seen what it is.
    pub(super) fn parsed(object: impl Into<Cow<'a, str>>, first: Step<'a>) -> Self {
        Self { object: object.into(), steps: Steps::One([first]) }
    }

    pub(super) fn push(&mut self, step: Step<'a>) {
        self.steps = match std::mem::replace(&mut self.steps, Steps::Many(Vec::new())) {
            Steps::One([first]) => Steps::Two([first, step]),
            Steps::Two([first, second]) => Steps::Many(vec![first, second, step]),
            Steps::Many(mut steps) => {
                steps.push(step);
                Steps::Many(steps)
            }
        };
    }

    pub(super) fn into_owned(self) -> Path<'static> {
        let object = Cow::Owned(self.object.into_owned());
        let steps = match self.steps {
            Steps::One(steps) => Steps::One(steps.map(Step::into_owned)),
            Steps::Two(steps) => Steps::Two(steps.map(Step::into_owned)),
            Steps::Many(steps) => Steps::Many(steps.into_iter().map(Step::into_owned).collect()),
        };
        Path { object, steps }
    }

    /// The type of the object: `file`, `ipv4-addr`.
    #[must_use]
    pub fn object(&self) -> &str {
        &self.object
    }

    /// The steps, of which the first is always a property.
    #[must_use]
    pub fn steps(&self) -> &[Step<'a>] {
        match &self.steps {
            Steps::One(steps) => steps,
            Steps::Two(steps) => steps,
            Steps::Many(steps) => steps,
        }
    }

    /// The steps if there are so many and all of them are properties, to be matched:
    /// `if let Some(["hashes", name]) = path.names()`.
    #[must_use]
    pub fn names<const N: usize>(&self) -> Option<[&str; N]> {
        let steps: &[Step<'a>; N] = self.steps().try_into().ok()?;
        let mut names = [""; N];
        for (name, step) in names.iter_mut().zip(steps) {
            *name = step.as_property()?;
        }
        Some(names)
    }
}

/// Few paths have more than two steps, so those are kept in place; and there is one form for each number of steps, so
/// that equality can be derived.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Steps<'a> {
    One([Step<'a>; 1]),
    Two([Step<'a>; 2]),
    /// Three at least.
    Many(Vec<Step<'a>>),
}

/// One step of a [`Path`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step<'a> {
    /// `.name` or `.'any text'`, decoded.
    Property(Cow<'a, str>),
    /// `[0]`: one item of a list. A whole number, in wild patterns of any size and sign.
    Index(Number<'a>),
    /// `[*]`: any item of a list.
    Any,
}

impl Step<'_> {
    /// The property's name, if it is one.
    #[must_use]
    pub fn as_property(&self) -> Option<&str> {
        match self {
            Self::Property(name) => Some(name),
            _ => None,
        }
    }
}
