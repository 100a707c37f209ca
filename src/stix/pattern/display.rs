//! A tree as a pattern. It recurses no deeper than the tree, which the parser keeps shallow.

use std::fmt::{self, Display, Formatter, Write};

use super::chain::Operator;
use super::tree::{Comparison, Condition, Literal, Observation, Path, Qualifier, Step, Test};
use super::words::is_plain_property;

impl Display for Observation<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Of(comparison) => write!(f, "[{comparison}]"),
            Self::And(parts) => joined(f, " AND ", parts, |part| part.binds(Operator::And)),
            Self::Or(parts) => joined(f, " OR ", parts, |part| part.binds(Operator::Or)),
            Self::FollowedBy(parts) => {
                joined(f, " FOLLOWEDBY ", parts, |part| part.binds(Operator::FollowedBy))
            }
            Self::Qualified(inner, qualifiers) => {
                match **inner {
                    Self::Of(_) | Self::Qualified(..) => write!(f, "{inner}")?,
                    _ => write!(f, "({inner})")?,
                }
                qualifiers.iter().try_for_each(|qualifier| write!(f, " {qualifier}"))
            }
        }
    }
}

impl Observation<'_> {
    /// Whether it holds together without a group beside this operator.
    fn binds(&self, beside: Operator) -> bool {
        match self {
            Self::Of(_) | Self::Qualified(..) => true,
            Self::And(_) => beside != Operator::And,
            Self::Or(_) => beside == Operator::FollowedBy,
            Self::FollowedBy(_) => false,
        }
    }
}

impl Display for Comparison<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Test(test) => write!(f, "{test}"),
            Self::And(parts) => joined(f, " AND ", parts, |part| matches!(part, Self::Test(_))),
            Self::Or(parts) => joined(f, " OR ", parts, |part| !matches!(part, Self::Or(_))),
        }
    }
}

fn joined<T: Display>(
    f: &mut Formatter<'_>,
    operator: &str,
    parts: &[T],
    binds: impl Fn(&T) -> bool,
) -> fmt::Result {
    for (n, part) in parts.iter().enumerate() {
        if n > 0 {
            f.write_str(operator)?;
        }
        if binds(part) {
            write!(f, "{part}")?;
        } else {
            write!(f, "({part})")?;
        }
    }
    Ok(())
}

impl Display for Test<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = if self.negated { "NOT " } else { "" };
        let path = &self.path;
        match &self.condition {
            Condition::Exists => write!(f, "{not}EXISTS {path}"),
            condition => write!(f, "{path} {not}{condition}"),
        }
    }
}

/// As it stands behind the path, and `EXISTS` by itself.
impl Display for Condition<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (operator, text) = match self {
            Self::Equal(value) => return write!(f, "= {value}"),
            Self::NotEqual(value) => return write!(f, "!= {value}"),
            Self::Ordered(order, value) => return write!(f, "{} {value}", order.as_str()),
            Self::In(values) => {
                f.write_str("IN (")?;
                joined(f, ", ", values, |_| true)?;
                return f.write_char(')');
            }
            Self::Exists => return f.write_str("EXISTS"),
            Self::Like(text) => ("LIKE", text),
            Self::Matches(text) => ("MATCHES", text),
            Self::IsSubset(text) => ("ISSUBSET", text),
            Self::IsSuperset(text) => ("ISSUPERSET", text),
        };
        write!(f, "{operator} {}", Quoted(text))
    }
}

impl Display for Literal<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(f, "{}", Quoted(text)),
            Self::Number(number) => write!(f, "{number}"),
            Self::Bool(value) => write!(f, "{value}"),
            Self::Time(time) => write!(f, "t'{time}'"),
            Self::Hex(bytes) => write!(f, "h'{bytes}'"),
            Self::Binary(bytes) => write!(f, "b'{bytes}'"),
        }
    }
}

impl Display for Qualifier<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Within(seconds) => write!(f, "WITHIN {seconds} SECONDS"),
            Self::Repeats(times) => write!(f, "REPEATS {times} TIMES"),
            Self::StartStop { start, stop } => write!(f, "START t'{start}' STOP t'{stop}'"),
        }
    }
}

impl Display for Path<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.object())?;
        for (n, step) in self.steps().iter().enumerate() {
            match step {
                Step::Property(name) => {
                    f.write_char(if n == 0 { ':' } else { '.' })?;
                    if is_plain_property(name) {
                        f.write_str(name)?;
                    } else {
                        write!(f, "{}", Quoted(name))?;
                    }
                }
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Any => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

/// A text in quotes, with what would end them escaped.
struct Quoted<'t>(&'t str);

impl Display for Quoted<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_char('\'')?;
        for piece in self.0.split_inclusive(['\'', '\\']) {
            match piece.as_bytes() {
                [plain @ .., b'\'' | b'\\'] => {
                    let (plain, special) = piece.split_at_checked(plain.len()).unwrap_or_default();
                    write!(f, "{plain}\\{special}")?;
                }
                _ => f.write_str(piece)?,
            }
        }
        f.write_char('\'')
    }
}
