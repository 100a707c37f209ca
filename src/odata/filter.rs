//! An `OData` filter out of typed parts, so that no value can end its quotes.

use std::fmt;

use crate::types::{ActionId, MachineId, Timestamp};

/// A condition on a list, as the service's `$filter`
/// ([documentation](https://learn.microsoft.com/defender-endpoint/api/exposed-apis-odata-samples)).
///
/// Property names are written as in Microsoft's pages. Values are quoted, and encoded when they are sent.
///
/// ```
/// use defender_response::Filter;
///
/// let filter = Filter::eq("computerDnsName", "o'neil's").and(Filter::ne("healthStatus", "Active"));
/// assert_eq!(filter.to_string(), "computerDnsName eq 'o''neil''s' and healthStatus ne 'Active'");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    text: String,
    joined_by_or: bool,
}

impl Filter {
    /// The property equals the value.
    pub fn eq(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "eq", &value.into())
    }

    /// The property differs from the value.
    pub fn ne(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "ne", &value.into())
    }

    /// The property is greater, or later.
    pub fn gt(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "gt", &value.into())
    }

    /// The property is greater or equal.
    pub fn ge(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "ge", &value.into())
    }

    /// The property is less, or earlier.
    pub fn lt(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "lt", &value.into())
    }

    /// The property is less or equal.
    pub fn le(property: &'static str, value: impl Into<Literal>) -> Self {
        Self::compare(property, "le", &value.into())
    }

    /// The property begins with the text.
    #[must_use]
    pub fn starts_with(property: &'static str, text: &str) -> Self {
        Self::simple(format!("startswith({property},{})", Literal::from(text)))
    }

    /// The property contains the text.
    #[must_use]
    pub fn contains(property: &'static str, text: &str) -> Self {
        Self::simple(format!("contains({property},{})", Literal::from(text)))
    }

    /// The property is one of the values; `None` if there is none, since such a filter would match nothing.
    pub fn one_of<V: Into<Literal>>(
        property: &'static str,
        values: impl IntoIterator<Item = V>,
    ) -> Option<Self> {
        let values: Vec<_> = values.into_iter().map(|v| v.into().to_string()).collect();
        (!values.is_empty()).then(|| Self::simple(format!("{property} in ({})", values.join(","))))
    }

    /// Both conditions hold.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self::simple(format!("{} and {}", self.bracketed(), other.bracketed()))
    }

    /// One of the conditions holds.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self { text: [self.text, other.text].join(" or "), joined_by_or: true }
    }

    /// `and` binds tighter than `or`.
    fn bracketed(self) -> String {
        if self.joined_by_or { format!("({})", self.text) } else { self.text }
    }

    fn compare(property: &'static str, operator: &str, value: &Literal) -> Self {
        Self::simple(format!("{property} {operator} {value}"))
    }

    fn simple(text: String) -> Self {
        Self { text, joined_by_or: false }
    }
}

impl fmt::Display for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A value in a [`Filter`]: a text in quotes; a time, a number or a boolean bare.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Literal(String);

impl fmt::Display for Literal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<&str> for Literal {
    fn from(text: &str) -> Self {
        Self(format!("'{}'", text.replace('\'', "''")))
    }
}

impl From<String> for Literal {
    fn from(text: String) -> Self {
        text.as_str().into()
    }
}

impl From<&String> for Literal {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<&MachineId> for Literal {
    fn from(id: &MachineId) -> Self {
        id.as_str().into()
    }
}

impl From<&ActionId> for Literal {
    fn from(id: &ActionId) -> Self {
        id.as_str().into()
    }
}

impl From<Timestamp> for Literal {
    fn from(time: Timestamp) -> Self {
        Self(time.to_string())
    }
}

impl From<i64> for Literal {
    fn from(number: i64) -> Self {
        Self(number.to_string())
    }
}

impl From<bool> for Literal {
    fn from(flag: bool) -> Self {
        Self(flag.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn or_inside_and_is_bracketed_and_nothing_else() {
        let either = Filter::eq("a", "1").or(Filter::eq("b", true));
        let both = either.clone().and(Filter::gt("c", 3));
        assert_eq!(both.to_string(), "(a eq '1' or b eq true) and c gt 3");
        assert_eq!(
            both.or(either).to_string(),
            "(a eq '1' or b eq true) and c gt 3 or a eq '1' or b eq true"
        );
    }

    #[test]
    fn a_list_of_values_may_be_empty_and_then_is_no_filter() {
        assert_eq!(Filter::one_of("id", Vec::<&str>::new()), None);
        let some = Filter::one_of("id", ["a", "b'c"]).map(|f| f.to_string());
        assert_eq!(some.as_deref(), Some("id in ('a','b''c')"));
    }

    #[test]
    fn times_are_bare() {
        let time: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        assert_eq!(Filter::ge("lastSeen", time).to_string(), "lastSeen ge 2024-01-01T00:00:00Z");
    }
}
