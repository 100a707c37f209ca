//! A filter as read, and whether a row passes it.

use std::cmp::Ordering;

use super::{Cell, Column, Row, Type};
use crate::types::Timestamp;

/// A condition on rows.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Compare(Column, Comparison, Literal),
    OneOf(Column, Vec<Literal>),
    StartsWith(Column, String),
    Contains(Column, String),
    /// One of a list's texts passes.
    SomeText(Column, TextTest),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Eq,
    Ne,
    Gt,
    Ge,
    Lt,
    Le,
}

#[derive(Clone, Debug)]
pub(crate) enum TextTest {
    Is(String),
    StartsWith(String),
    Contains(String),
}

#[derive(Clone, Debug)]
pub(crate) enum Literal {
    Null,
    Text(String),
    Number(f64),
    Flag(bool),
    Time(Timestamp),
}

impl Filter {
    pub(crate) fn passes<R: Row>(&self, row: &R) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.passes(row)),
            Self::Any(parts) => parts.iter().any(|part| part.passes(row)),
            Self::Compare(column, comparison, literal) => {
                comparison.holds(row.cell(column.name), literal)
            }
            Self::OneOf(column, literals) => {
                let cell = row.cell(column.name);
                literals.iter().any(|literal| Comparison::Eq.holds(cell, literal))
            }
            Self::StartsWith(column, start) => {
                matches!(row.cell(column.name), Cell::Text(text) if text.starts_with(start))
            }
            Self::Contains(column, part) => {
                matches!(row.cell(column.name), Cell::Text(text) if text.contains(part))
            }
            Self::SomeText(column, test) => {
                matches!(row.cell(column.name), Cell::Texts(texts) if texts.iter().any(|t| test.holds(t)))
            }
        }
    }
}

impl Comparison {
    /// Nothing is greater or less than null.
    fn holds(self, cell: Cell<'_>, literal: &Literal) -> bool {
        let order = match (cell, literal) {
            (Cell::Null, Literal::Null) => Some(Ordering::Equal),
            (Cell::Text(cell), Literal::Text(literal)) => Some(cell.cmp(literal.as_str())),
            (Cell::Number(cell), Literal::Number(literal)) => cell.partial_cmp(literal),
            (Cell::Flag(cell), Literal::Flag(literal)) => Some(cell.cmp(literal)),
            (Cell::Time(cell), Literal::Time(literal)) => Some(cell.cmp(literal)),
            _ => None,
        };
        match self {
            Self::Eq => order == Some(Ordering::Equal),
            Self::Ne => order != Some(Ordering::Equal),
            Self::Gt => order == Some(Ordering::Greater),
            Self::Ge => order.is_some_and(Ordering::is_ge),
            Self::Lt => order == Some(Ordering::Less),
            Self::Le => order.is_some_and(Ordering::is_le),
        }
    }
}

impl TextTest {
    fn holds(&self, text: &str) -> bool {
        match self {
            Self::Is(wanted) => text == wanted,
            Self::StartsWith(start) => text.starts_with(start),
            Self::Contains(part) => text.contains(part),
        }
    }
}

impl Literal {
    /// Whether it can be compared with a column of this type.
    pub(super) fn fits(&self, kind: Type) -> bool {
        matches!(
            (self, kind),
            (Self::Null, _)
                | (Self::Text(_), Type::Text)
                | (Self::Number(_), Type::Number)
                | (Self::Flag(_), Type::Flag)
                | (Self::Time(_), Type::Time)
        )
    }
}
